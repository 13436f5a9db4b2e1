"""Findings of scanners in one shape: how severe, where, and a key that survives moved lines."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from signalbox.decision import Gap
from signalbox.evidence.reading import Reading

SEVERITIES = ("critical", "high", "medium", "low", "none", "unknown")
_RANK = {"critical": 0, "high": 1, "unknown": 2, "medium": 3, "low": 4, "none": 5}
_KEPT = 2000


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One finding. ``key`` is equal for the same finding in two reports of the same tool."""

    key: str
    id: str
    severity: str
    where: str = ""
    title: str = ""
    state: str = ""
    aliases: tuple[str, ...] = ()
    suppressed: bool = False
    package: str = ""
    version: str = ""


def key_of(*parts: str) -> str:
    """A short stable key of what identifies a finding."""
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:16]


def severity_of_score(score: Any) -> str | None:
    """CVSS's own bands for a number or a numeral from 0 to 10; None for anything else."""
    if isinstance(score, bool) or not isinstance(score, (int, float, str)):
        return None
    try:
        value = float(score)
    except ValueError:
        return None
    if not math.isfinite(value) or not 0 <= value <= 10:
        return None
    bands = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))
    return next((name for floor, name in bands if value >= floor), "none")


def severity_of_word(word: Any) -> str:
    """A severity from a scanner's own word, ``unknown`` for one that is not known."""
    known = {
        "critical": "critical",
        "high": "high",
        "important": "high",
        "medium": "medium",
        "moderate": "medium",
        "low": "low",
        "minor": "low",
        "negligible": "low",
        "none": "none",
        "informational": "none",
        "info": "none",
    }
    return known.get(word.strip().lower(), "unknown") if isinstance(word, str) else "unknown"


def findings_reading(findings: Iterable[Finding], facts: dict[str, Any], gaps: list[Gap]) -> Reading:
    """The reading that every scanner's format ends in.

    ``fail`` where a critical or high finding stands unsuppressed; whether it is *new* is for the
    promotion to say, which has the baseline.
    """
    ordered = sorted(findings, key=lambda f: (_RANK[f.severity], f.id, f.where))
    open_ = [finding for finding in ordered if not finding.suppressed]
    counts = Counter(finding.severity for finding in open_)
    severe = sum(finding.severity in ("critical", "high") for finding in ordered)
    if severe > _KEPT:
        gaps = [*gaps, Gap("too-many", f"{severe} critical and high findings, and {_KEPT} can be compared")]
    result = {
        **facts,
        "total": len(open_),
        "by_severity": {name: counts.get(name, 0) for name in SEVERITIES},
        "suppressed": len(ordered) - len(open_),
        "findings": [msgspec.to_builtins(finding) for finding in ordered[:_KEPT]],
        "findings_omitted": max(0, len(ordered) - _KEPT),
    }
    if counts["critical"] + counts["high"]:
        return Reading(status="fail", facts=result, gaps=tuple(gaps))
    return Reading(status="not_verified" if gaps else "pass", facts=result, gaps=tuple(gaps))
