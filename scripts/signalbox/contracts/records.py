"""Quality of a phase's record: nothing required is missing, nothing unverified looks verified. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_EMPTY: tuple[Any, ...] = (None, "", [], {})
# A record may say that there is none of these; it may not leave them out.
_MAY_BE_EMPTY = frozenset({"blockers", "gaps", "follow_ups", "findings", "notes", "open_routes"})
_STATES = ("PASS", "NOT_VERIFIED", "FAIL")
_BUILD = frozenset({"build"})


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
    criteria = record["criteria_map"]
    yield from _hidden(criteria, record["verdict"])
    kinds = {item.get("kind") for item in record["manifest"]}
    # The gate's record does not say which evidence is whose, so a manifest of builds alone proves none.
    yield from (
        _build_only(name, kinds) for name, state in criteria.items() if state == "PASS" and kinds <= _BUILD
    )


def _verified(record: Mapping[str, Any]) -> Iterator[str]:
    yield from _hidden({one.get("id"): one.get("result") for one in record["criteria"]}, record["result"])
    kinds = {item.get("ref"): item.get("kind") for item in record["manifest"]}
    for one in record["criteria"]:
        own = {kinds.get(ref) for ref in one.get("evidence", [])}
        if one.get("result") == "PASS" and own <= _BUILD and not one.get("skip_reason"):
            yield _build_only(one.get("id"), own)


def _hidden(states: Mapping[str, Any], verdict: object) -> Iterator[str]:
    """A verdict looser than the loosest of its criteria; one without a known state counts as not verified."""
    worst = max((_STATES.index(s) if s in _STATES else 1 for s in states.values()), default=1)
    if verdict not in _STATES or _STATES.index(str(verdict)) < worst:
        others = sorted(str(name) for name, state in states.items() if state != "PASS")
        yield f"hidden {_STATES[worst]}: the verdict is {verdict} and {', '.join(others)} is not PASS"


def _build_only(name: object, kinds: set[Any]) -> str:
    """A build shows that it compiles; it is evidence of no acceptance criterion."""
    return f"green build only: {name} is PASS with {'nothing but a build' if kinds else 'no evidence'}"


def _learned(record: Mapping[str, Any]) -> Iterator[str]:
    correction = record["correction"]
    if not isinstance(correction.get("needed"), bool):
        yield "correction does not say whether it is needed"
    elif correction["needed"]:
        lacking = [name for name in ("type", "recurrence_key", "gap") if not correction.get(name)]
        if not (correction.get("prevention") or correction.get("no_change_reason")):
            lacking.append("prevention or no_change_reason")
        yield from (f"correction lacks {name}" for name in lacking)
    elif correction.get("prevention") or record["open_routes"]:
        yield "a clean run has no open route"
