"""Shown both ways: the case's assertions fail on the recorded bad answer and pass on the good one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from signalbox.golden.record import Case
from signalbox.golden.row import row_of

Outcome = Literal["proved", "refuted", "not_verified"]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One look of the judge: ``trouble`` is the code of what makes it no evidence."""

    case: str
    passed: bool
    trouble: str = ""
    detail: str = ""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the looks show, in words."""

    outcome: Outcome
    text: str


def judge_tests(case: Case, times: int) -> bytes:
    """The tests that show the judge both answers ``times`` times, as the runner takes them.

    The bad answer meets the model-judged assertion alone: one that a missing last line fails proves nothing
    of the rubric. The good one meets all.
    """
    row = row_of(case)
    tests: list[dict[str, Any]] = []
    for number in range(times):
        for kind, answer in (("bad", case.given.bad_output), ("good", case.given.good_output)):
            asserts = row["assert"] if kind == "good" else row["assert"][-1:]
            metadata = {**row["metadata"], "id": f"{kind}.{number}", "anchor": kind}
            tests.append({**row, "metadata": metadata, "providerOutput": answer, "assert": asserts})
    return msgspec.json.encode(tests)


def weigh(looks: Sequence[Judged], times: int) -> Proof:
    """Proved only if every look says so; a look that is no evidence leaves it open."""
    wanted = {f"{kind}.{number}" for kind in ("bad", "good") for number in range(times)}
    troubled = next((look for look in looks if look.trouble), None)
    if troubled is not None:
        return Proof(outcome="not_verified", text=f"the judge gave no verdict: {troubled.trouble}")
    if len(looks) != len(wanted) or {look.case for look in looks} != wanted:
        text = f"{len(looks)} of {len(wanted)} looks came back"
        return Proof(outcome="not_verified", text=text)
    bad = sum(look.passed for look in looks if look.case.startswith("bad."))
    good = sum(not look.passed for look in looks if look.case.startswith("good."))
    if bad or good:
        text = f"of {times} looks each, the bad answer passed {bad} and the good one failed {good} times"
        return Proof(outcome="refuted", text=text + ": the rubric does not tell them apart")
    return Proof(
        outcome="proved", text=f"the bad answer failed and the good one passed, {times} of {times} times"
    )
