"""How often a plan that skips tests misses a failing one: an exact bound from the runs that ran everything.

A run is audited when it runs everything by a draw, because this bound was too high, or because selection is
only observed; what its plan would have skipped is kept, and `audit` compares that with what failed. The bound
is one-sided and exact (Clopper & Pearson, 1934) for the share of plans that miss a failing test; it holds if
the last audits are like the runs to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from signalbox.stats.binomial import lower_bound, upper_bound

CODE = "escape-bound"
CONFIDENCE = 0.95
WINDOW = 500  # older audits were of another index and other tests
AUDITED = ("tests", "suites", "new_test_files", "whole_files", "rootdir", "not_pytest")
"""What is kept of the plan that an audit puts to the test."""


class Audits(msgspec.Struct, frozen=True, kw_only=True):
    """Audited plans whose outcome is known, how many of them missed a failing test, and how many more there
    are whose outcome nobody knows."""

    audited: int = 0
    missed: int = 0
    unknown: int = 0


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The upper bound of the share of plans that miss, and whether everything must run until it falls."""

    audited: int
    missed: int
    bound: float
    limit: float
    exceeded: bool
    unknown: int = 0

    @property
    def text(self) -> str:
        """The number, and what it is worth."""
        if not self.audited:
            return "No audit has an outcome yet, so nothing bounds how many failures selection lets escape."
        text = (
            f"{self.missed} of {self.audited} audited plans missed a failing test: with {CONFIDENCE:.0%} "
            f"confidence at most {self.bound:.2%} of plans do (limit {self.limit:.2%})."
        )
        more = f" {self.unknown} more have no outcome, and nothing is known of them." if self.unknown else ""
        return text + more


def certify(audits: Audits, limit: float) -> Certificate:
    """Judge ``audits`` against ``limit``. Too few audits to say anything exceed nothing: the audits go on."""
    missed, audited = min(audits.missed, audits.audited), audits.audited
    bound = upper_bound(missed, audited, CONFIDENCE)
    enough = upper_bound(0, audited, CONFIDENCE) <= limit  # a clean record of this length would satisfy it
    certain = lower_bound(missed, audited, CONFIDENCE) > limit
    return Certificate(
        audited=audited,
        missed=missed,
        bound=bound,
        limit=limit,
        exceeded=certain or (enough and bound > limit),
        unknown=audits.unknown,
    )


def audits_of(decisions: Iterable[Mapping[str, Any]], outcomes: Iterable[Mapping[str, Any]]) -> Audits:
    """Bundles and outcome records of a ledger (plain mappings, trusted ones only) → the last audits.

    Only outcomes of the source ``audit`` count, the latest of each decision, unless it was taken back.
    """
    records = [o for o in outcomes if o.get("source") == "audit"]
    retracted = {str(o["retracts"]) for o in records if o.get("retracts")}
    labels: dict[str, tuple[str, str]] = {}
    for outcome in records:
        if str(outcome.get("id")) in retracted or outcome.get("label") not in ("clean", "bad"):
            continue
        entry = (str(outcome.get("recorded_at", "")), str(outcome["label"]))
        key = str(outcome.get("decision", ""))
        labels[key] = max(entry, labels.get(key, entry))
    found = []
    unknown = 0
    for bundle in decisions:
        made = bundle.get("decision")
        if not isinstance(made, Mapping) or made.get("kind") != "test-plan" or audited_plan(made) is None:
            continue
        label = labels.get(str(made.get("id")))
        if label:
            found.append((str(made.get("decided_at")), label[1] == "bad"))
        else:
            unknown += 1
    last = sorted(found)[-WINDOW:]
    return Audits(audited=len(last), missed=sum(bad for _, bad in last), unknown=unknown)


def audited_plan(made: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The plan that a decision puts to the test, because everything runs beside it; None where it does not.

    Where selection is only observed or advises, everything runs in any case and every plan is tested.
    """
    outputs = made.get("outputs")
    if not isinstance(outputs, Mapping):
        return None
    plan = outputs.get("audited_plan")
    if plan is None and made.get("mode") in ("observe", "advise"):
        plan = outputs.get("test_plan")
        if isinstance(plan, Mapping) and plan.get("full_suite"):
            return None  # nothing would have been skipped
    return plan if isinstance(plan, Mapping) else None
