"""Checks and estimate as blocks and as data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from signalbox.render import Block, Table, Text

from .estimate import MINIMUM, Assumptions, Estimate
from .model import Check

ORDER = {"missing": 0, "not_verified": 1, "ok": 2}


def blocks_of_checks(checks: Sequence[Check]) -> list[Block]:
    """What is missing first, then what is not known, each with its fix."""
    rows = sorted(checks, key=lambda check: ORDER[check.state])
    counts = {state: sum(check.state == state for check in checks) for state in ORDER}
    line = f"{counts['ok']} ok, {counts['missing']} missing, {counts['not_verified']} not verified."
    table = Table(("state", "what", "found"), tuple((check.state, check.name, check.found) for check in rows))
    fixes: dict[str, list[str]] = {}
    for check in rows:
        fixes.setdefault(check.fix, []).append(check.name)
    todo = [f"{', '.join(names)}: {fix}" for fix, names in fixes.items() if fix]
    steps = [Text("\n".join(["To do:", *(f"{n}. {step}" for n, step in enumerate(todo, 1))]))] if todo else []
    return [Text(line), table, *steps]


def blocks_of_estimate(found: Estimate, assumed: Assumptions, audit_rate: float) -> list[Block]:
    """The range first, then what it rests on."""
    facts = Table(
        ("fact", "value"),
        (
            ("runs read", found.runs),
            ("over days", round(found.days, 1)),
            ("runs with tests", found.tested),
            ("of these would have run everything", found.widened),
            ("of these with an unknown change (nothing saved)", found.unknown),
            ("minutes of all jobs", round(found.minutes)),
            ("minutes of test jobs", round(found.test_minutes)),
            ("minutes the slowest shards outlast the mean (waiting, not work)", round(found.uneven)),
            ("minutes a job waited for a runner, median", round(found.waited_p50, 1)),
            ("minutes a job waited for a runner, 95th percentile", round(found.waited_p95, 1)),
        ),
        "What the last runs say",
    )
    rests = Text(
        "Assumed, not measured here: on a change that does not widen, selection saves between "
        f"{assumed.selected_low:.0%} and {assumed.selected_high:.0%} of test minutes; deciding costs "
        f"{assumed.overhead} minutes a run; {audit_rate:.0%} of runs test everything anyway. Jobs whose name "
        "speaks of tests are test jobs. Which changes widen follows the policy's own globs, over the files "
        "of each run's commit and of its pull requests (several commits pushed at once without a pull "
        "request show only the last); waiting for runners and uneven shards are not counted as saved."
    )
    return [Text(verdict(found)), facts, rests]


def verdict(found: Estimate) -> str:
    """One sentence; never a number from too few runs."""
    if not found.enough:
        known = found.tested - found.unknown
        return f"Too few runs to say: {known} with tests and a known change, at least {MINIMUM} are needed."
    # down to the whole minute on both ends; the tiny term keeps 94 from being shown as 93
    low, high = math.floor(found.low + 1e-6), math.floor(found.high + 1e-6)
    share = [
        math.floor(100 * value / found.test_minutes) if found.test_minutes else 0 for value in (low, high)
    ]
    text = (
        f"Adopting test selection would have saved between {low} and {high} of {found.test_minutes:.0f} "
        f"test minutes ({share[0]}% to {share[1]}%) in {found.tested} runs."
    )
    return text + (" The low end is a loss." if low < 0 else "")


def data(checks: Sequence[Check], found: Estimate | None, assumed: Assumptions) -> dict[str, Any]:
    """Everything for ``--format json``."""
    result: dict[str, Any] = {"checks": msgspec.to_builtins(list(checks))}
    if found is not None:
        result["estimate"] = msgspec.to_builtins(found) | {"text": verdict(found)}
        result["assumptions"] = msgspec.to_builtins(assumed)
    return result
