"""The closed, totally ordered verdicts of every kind of decision, and how two may be combined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType

import msgspec

from signalbox.decision.model import Advice

PERMITS, DENIES, ASKS = 0, 1, 3


class Order(msgspec.Struct, frozen=True):
    """The verdicts of one kind, most permissive first.

    ``exits`` runs parallel to ``verdicts``: 0 permits, 1 denies, 3 a person must decide.
    ``cap`` is the strictest verdict that advice can bring about; empty means that advice moves
    the verdict by one step at most (one more suite, one more tier).
    """

    verdicts: tuple[str, ...]
    exits: tuple[int, ...]
    cap: str = ""

    def rank(self, verdict: str) -> int:
        """Position of ``verdict``, 0 = most permissive; ``ValueError`` for a foreign one."""
        try:
            return self.verdicts.index(verdict)
        except ValueError:
            raise ValueError(f"{verdict!r} is not one of {', '.join(self.verdicts)}") from None


_THREE_WAY = (PERMITS, ASKS, DENIES)
_ALWAYS = (PERMITS, PERMITS, PERMITS)

ORDERS = MappingProxyType(
    {
        # A plan permits nothing and denies nothing: it only says how much must run.
        "test-plan": Order(("targeted", "widened", "full"), _ALWAYS),
        "risk": Order(("low", "medium", "high"), _ALWAYS),
        # "assumed": some duration, price or queue depth was not known and a default stood in.
        "concurrency": Order(("planned", "assumed"), (PERMITS, PERMITS)),
        "promotion": Order(("auto-promote", "manual-review", "block"), _THREE_WAY, cap="manual-review"),
        "rollout": Order(("proceed", "hold", "rollback"), _THREE_WAY, cap="hold"),
        "evals": Order(("PASS", "NOT_VERIFIED", "FAIL"), _THREE_WAY, cap="NOT_VERIFIED"),
        "gate": Order(("PASS", "NOT_VERIFIED", "FAIL"), _THREE_WAY, cap="NOT_VERIFIED"),
        "readiness": Order(("READY", "HOLD", "ROLLBACK_REQUIRED"), _THREE_WAY, cap="HOLD"),
        # Two verdicts only, and nobody is asked: advice must not be able to deny an agent its work.
        "authorization": Order(("allow", "deny"), (PERMITS, DENIES), cap="allow"),
    }
)


def order_of(kind: str) -> Order:
    """The order of ``kind``; ``ValueError`` names the known kinds for any other."""
    try:
        return ORDERS[kind]
    except KeyError:
        raise ValueError(f"unknown kind of decision {kind!r}; known: {', '.join(ORDERS)}") from None


def tighten(kind: str, a: str, b: str) -> str:
    """The stricter of two verdicts: the only way a verdict may be combined with another."""
    order = order_of(kind)
    return order.verdicts[max(order.rank(a), order.rank(b))]


def strictest(kind: str, verdicts: Iterable[str]) -> str:
    """The strictest of many verdicts; of none, the strictest there is (no evidence is no permit)."""
    order = order_of(kind)
    ranks = [order.rank(verdict) for verdict in verdicts]
    return order.verdicts[max(ranks)] if ranks else order.verdicts[-1]


def exit_code(kind: str, verdict: str) -> int:
    """0 the verdict permits, 1 it denies, 3 a person must decide."""
    order = order_of(kind)
    return order.exits[order.rank(verdict)]


def take_advice(kind: str, verdict: str, advice: Sequence[Advice]) -> tuple[str, tuple[Advice, ...]]:
    """Let advice tighten a rule's verdict, never loosen it and never beyond the kind's cap.

    Returns the verdict and the advice with ``accepted`` and ``refused`` filled in, so that a record
    shows what was taken and why the rest was not. A model, or whoever put words into its mouth,
    can make people look; it can neither open a gate nor force a block or a rollback.
    """
    order = order_of(kind)
    ruled = order.rank(verdict)
    cap = order.rank(order.cap) if order.cap else min(ruled + 1, len(order.verdicts) - 1)
    rank = ruled
    judged = []
    for item in advice:
        if item.verdict not in order.verdicts:
            refused = f"not a verdict of {kind}"
        elif order.rank(item.verdict) <= ruled:
            refused = (
                "advice cannot loosen a verdict" if order.rank(item.verdict) < ruled else "changes nothing"
            )
        elif cap <= ruled:
            refused = "the rule's verdict is already as strict as advice can make it"
        else:
            refused = ""
        if refused:
            judged.append(msgspec.structs.replace(item, accepted=False, refused=refused))
            continue
        wanted = order.rank(item.verdict)
        rank = max(rank, min(wanted, cap))
        capped = f"capped at {order.verdicts[cap]}" if wanted > cap else ""
        judged.append(msgspec.structs.replace(item, accepted=True, refused=capped))
    return order.verdicts[rank], tuple(judged)
