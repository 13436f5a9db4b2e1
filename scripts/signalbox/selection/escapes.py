"""How often a plan that skips tests misses a failing one: an exact bound from the runs that ran everything.

A run is audited when it runs everything by a draw, or because this bound was too high; what its plan would
have skipped is kept beside it, and `missed` compares that with what failed. The bound is one-sided and exact
(Clopper & Pearson, 1934) for the share of plans that miss a failing test; it holds if the last audits are
like the runs to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from signalbox.stats.binomial import lower_bound, upper_bound

CODE = "escape-bound"
CONFIDENCE = 0.95
WINDOW = 500  # older audits were of another index and other tests


class Audits(msgspec.Struct, frozen=True, kw_only=True):
    """Audited plans whose outcome is known, and how many of them missed a failing test."""

    audited: int = 0
    missed: int = 0


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The upper bound of the share of plans that miss, and whether everything must run until it falls."""

    audited: int
    missed: int
    bound: float
    limit: float
    exceeded: bool

    @property
    def text(self) -> str:
        """The number, and what it is worth."""
        if not self.audited:
            return "No audit has an outcome yet, so nothing bounds how many failures selection lets escape."
        return (
            f"{self.missed} of {self.audited} audited plans missed a failing test: with {CONFIDENCE:.0%} "
            f"confidence at most {self.bound:.2%} of plans do (limit {self.limit:.2%})."
        )


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
    for bundle in decisions:
        made = bundle.get("decision")
        if not isinstance(made, Mapping) or made.get("kind") != "test-plan" or not _audited(made):
            continue
        label = labels.get(str(made.get("id")))
        if label:
            found.append((str(made.get("decided_at")), label[1] == "bad"))
    last = sorted(found)[-WINDOW:]
    return Audits(audited=len(last), missed=sum(bad for _, bad in last))


def _audited(made: Mapping[str, Any]) -> bool:
    outputs = made.get("outputs")
    return isinstance(outputs, Mapping) and isinstance(outputs.get("audited_plan"), Mapping)


def missed(plan: Mapping[str, Any], failed: Sequence[str], known: Iterable[str]) -> list[str]:
    """The failed tests (node ids) that ``plan`` would have skipped, of those that the index knew.

    A test that the index did not know is in no plan by its id: it runs with its new file, or by its suite.
    """
    chosen = set(plan.get("tests", ()))
    paths = [path for suite in plan.get("suites", ()) if suite.get("how") == "all" for path in suite["paths"]]
    paths += plan.get("new_test_files", ())
    knew = set(known)

    def runs(test: str) -> bool:
        file = test.partition("::")[0]
        return test in chosen or any(p in (".", file) or file.startswith(p.rstrip("/") + "/") for p in paths)

    return sorted(test for test in set(failed) & knew if not runs(test))
