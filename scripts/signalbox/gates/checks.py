"""One check of a gate against all the evidence there is: the strictest statement about it counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, get_args

import msgspec

from signalbox.config.environments import Auto, Check, EvidenceTier
from signalbox.decision import Evidence, Gap, Subject, parse_time, verify
from signalbox.gates.model import Found, Inputs

_RANK = {"fail": 2, "not_verified": 1, "pass": 0}
_TIERS: tuple[str, ...] = get_args(EvidenceTier)
_ORIGINS = ("self-reported", "protected", "attested")
_LEVELS = ("critical", "high", "unknown", "medium", "low")
"""Findings, worst first. A severity that nobody knows counts as high: it has not been shown to be less."""


def judge(gate: str, line: Auto, check: Check, inputs: Inputs, now: str, why: str = "") -> Found:
    """How ``line`` of ``gate`` stands. No evidence of it, or none that holds, is ``not_verified``."""
    own = [item for item in inputs.evidence if item.kind == line.check]
    judged = [_one(item, line, check, inputs, now) for item in own]
    title = check.title or line.check
    about: dict[str, Any] = {
        "gate": gate,
        "id": line.check,
        "title": title,
        "decides": "evidence",
        "owner": check.owner,
        "failure": check.failure,
        "why_asked": why,
    }
    if not judged:
        text = f"{title}: there is no evidence of it"
        return Found(state="not_verified", text=text, codes=("missing",), **about)
    # A pass from where it does not count is no statement at all, so nobody can hold up a gate with one.
    judged = [item for item in judged if item.status == "fail" or not _forged(item)] or judged
    worst = max(judged, key=lambda item: _RANK[item.status])
    gaps = [gap for item in judged if item.status == worst.status for gap in item.gaps]
    text = f"{title}: {_sentence(worst, gaps)}"
    if worst.facts.get("cause") == "test" and check.failure == "test-failure":
        about["failure"] = "test-defect"
    return Found(
        state=worst.status,
        text=text,
        codes=tuple(dict.fromkeys(gap.code for gap in gaps)),
        source=worst.source,
        sha256=worst.sha256,
        observed_at=worst.observed_at or "",
        findings=_findings(worst, check),
        **about,
    )


def _forged(item: Evidence) -> bool:
    return any(gap.code == "forged" for gap in item.gaps)


def _one(item: Evidence, line: Auto, check: Check, inputs: Inputs, now: str) -> Evidence:
    item = verify(item, now=now, subject=inputs.subject)
    gaps = [*_binding(item, inputs.subject), *_age(item, line, now), *_kind(item, check)]
    if line.check == "rollback-tested" and item.facts.get("adapter") != (inputs.adapter or None):
        found = item.facts.get("adapter")
        named = inputs.adapter or "no adapter that was named"
        gaps.append(Gap("other-adapter", f"it was tested with {found}, and traffic is moved by {named}"))
    status = item.status
    if check.blocks_from:
        status, more = _counted(item, check)
        gaps += more
    elif status == "pass":
        status, more = _minimum(item, check)
        gaps += more
    if gaps and status == "pass":
        status = "not_verified"
    return msgspec.structs.replace(item, status=status, gaps=(*item.gaps, *gaps))


def _binding(item: Evidence, subject: Subject) -> list[Gap]:
    # That the two are equal where both are named has been verified; here it is about both being named.
    by_digest = subject.digest and item.subject.digest
    by_commit = subject.commit and item.subject.commit
    if by_digest or by_commit:
        return []
    return [Gap("no-subject", "it names nothing that was given: neither this digest nor this commit")]


def _age(item: Evidence, line: Auto, now: str) -> list[Gap]:
    if item.observed_at is None:
        return [Gap("no-time", "it does not say when it was observed")]
    try:
        age = parse_time(now) - parse_time(item.observed_at)
    except ValueError:
        return []  # verify has named it
    if age > timedelta(hours=line.max_age_hours):
        hours = age.total_seconds() / 3600
        return [Gap("stale", f"it is {hours:.1f} h old, and {line.max_age_hours:g} h are allowed")]
    return []


def _kind(item: Evidence, check: Check) -> list[Gap]:
    gaps = []
    if _TIERS.index(item.tier) < _TIERS.index(check.tier):
        gaps.append(Gap("tier", f"its tier is {item.tier}, and {check.tier} is asked for"))
    if _ORIGINS.index(item.origin) < _ORIGINS.index(check.origin):
        gaps.append(Gap("forged", f"it is {item.origin}, and only {check.origin} evidence counts"))
    for name in check.facts:
        value = item.facts.get(name)
        if value is None or isinstance(value, bool) or value in ("", [], {}):
            gaps.append(Gap("no-facts", f"it does not say {name}: a bare yes is no evidence"))
    return gaps


def _counted(item: Evidence, check: Check) -> tuple[Any, list[Gap]]:
    """The status by counts of open findings; evidence without counts keeps its own, if that is no pass."""
    counts = item.facts.get("by_severity")
    if not isinstance(counts, dict) or not all(type(n) is int and n >= 0 for n in counts.values()):
        if item.status != "pass":
            return item.status, []
        return "pass", [Gap("no-counts", "it does not say how many findings of which severity are open")]
    asked = _LEVELS[: _LEVELS.index(check.blocks_from or "critical") + 1]
    open_ = {level: counts[level] for level in asked if counts.get(level)}
    if open_:
        shown = ", ".join(f"{count} {level}" for level, count in open_.items())
        return "fail", [Gap("open-findings", f"{shown} open")]
    # A scan that failed because of lesser findings alone passes here; one that did not finish does not.
    return ("not_verified", []) if item.status == "not_verified" else ("pass", [])


def _minimum(item: Evidence, check: Check) -> tuple[Any, list[Gap]]:
    for name, least in check.minimum.items():
        value = item.facts.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return "not_verified", [Gap("no-facts", f"it does not say {name}")]
        if not value >= least:
            return "fail", [Gap("below-minimum", f"{name} is {value:g}, and {least:g} is asked for")]
    return "pass", []


def _sentence(item: Evidence, gaps: Sequence[Gap]) -> str:
    if gaps:
        return "; ".join(dict.fromkeys(gap.text for gap in gaps))
    return {"pass": "shown", "fail": "it failed", "not_verified": "it could not be verified"}[item.status]


def _findings(item: Evidence, check: Check) -> tuple[str, ...]:
    """The first findings or failures, as short lines; the evidence itself keeps them all."""
    rows = item.facts.get("findings") or item.facts.get("failures") or []
    shown = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            parts = (row.get(key) for key in ("severity", "id", "where", "title"))
            shown.append(" ".join(str(part) for part in parts if part)[:300])
        else:
            shown.append(str(row)[:300])
    return tuple(shown[:20])
