"""Quality of a phase's record: nothing required is missing, nothing unverified looks verified. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_EMPTY: tuple[Any, ...] = (None, "", [], {})
# A record may say that there is none of these; it may not leave them out.
_MAY_BE_EMPTY = frozenset({"blockers", "gaps", "follow_ups", "findings", "notes", "open_routes"})
_STATES = ("PASS", "NOT_VERIFIED", "FAIL")


def record_faults(phase: str, record: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    """What is wrong with a phase's record; ``fields`` are those that its contract names."""
    faults = [f"{field} is missing" for field in fields if field not in record]
    faults += [
        f"{field} is empty"
        for field in fields
        if field in record and record[field] in _EMPTY and field not in _MAY_BE_EMPTY
    ]
    special = {
        "goal-fit": _goal,
        "evidence-gate": _gate,
        "verify-work": _verified,
        "learning-review": _learned,
    }
    if not faults and phase in special:
        faults += special[phase](record)
    return faults


def _goal(record: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(record["met"], bool):
        yield "no goal check: met does not say whether the outcome is met"


def _gate(record: Mapping[str, Any]) -> Iterator[str]:
    yield from _hidden(record["criteria_map"], record["verdict"])
    yield from _build_only(record["criteria_map"])


def _verified(record: Mapping[str, Any]) -> Iterator[str]:
    yield from _hidden(record["criteria"], record["result"])
    yield from _build_only(record["criteria"])


def _hidden(criteria: Mapping[str, Any], verdict: object) -> Iterator[str]:
    """A verdict looser than the loosest of its criteria; one without a known state counts as not verified."""
    states = {name: one.get("state") for name, one in criteria.items()}
    worst = max((_STATES.index(s) if s in _STATES else 1 for s in states.values()), default=1)
    if verdict not in _STATES or _STATES.index(str(verdict)) < worst:
        others = sorted(name for name, state in states.items() if state != "PASS")
        yield f"hidden {_STATES[worst]}: the verdict is {verdict} and {', '.join(others)} is not PASS"


def _build_only(criteria: Mapping[str, Any]) -> Iterator[str]:
    """A build shows that it compiles; it is evidence of no acceptance criterion."""
    for name, one in criteria.items():
        kinds = {source.get("kind") for source in one.get("sources", [])}
        if one.get("state") == "PASS" and kinds <= {"build"}:
            yield f"green build only: {name} is PASS without any evidence but a build"


def _learned(record: Mapping[str, Any]) -> Iterator[str]:
    correction = record["correction"]
    if not isinstance(correction.get("needed"), bool):
        yield "correction does not say whether it is needed"
    elif correction["needed"]:
        lacking = [name for name in ("type", "recurrence_key", "gap") if not correction.get(name)]
        if not (correction.get("route") or correction.get("no_change_because")):
            lacking.append("route or no_change_because")
        yield from (f"correction lacks {name}" for name in lacking)
    elif correction.get("route") or record["open_routes"]:
        yield "a clean run has no open route"
