"""The plain ``{total, passed, failed, skipped, coverage}`` JSON, for tools that write nothing better."""

from __future__ import annotations

import math
from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.reading import JsonReader, Reading, Untrusted
from signalbox.evidence.values import count, shown


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and {"total", "passed", "failed"} <= document.keys()


def _read(document: Any) -> Reading:
    facts: dict[str, Any] = {key: count(document[key], key) for key in ("total", "passed", "failed")}
    facts["skipped"] = count(document.get("skipped", 0), "skipped")
    facts["errors"] = count(document.get("errors", 0), "errors")
    gaps = []
    if "coverage" in document:
        facts["coverage_percent"] = _percent(document["coverage"])
    parts = facts["passed"] + facts["failed"] + facts["skipped"] + facts["errors"]
    if parts != facts["total"]:
        gaps.append(Gap("counts-differ", f"total is {facts['total']} and its parts add up to {parts}"))
    # As in the other formats: errors are among the failed.
    facts["failed"] += facts["errors"]
    if facts["failed"]:
        return Reading(status="fail", facts=facts, gaps=tuple(gaps))
    if not facts["total"]:
        gaps.append(Gap("no-tests", "no test ran"))
    elif not facts["passed"]:
        gaps.append(Gap("all-skipped", f"all {facts['total']} tests were skipped"))
    return Reading(status="not_verified" if gaps else "pass", facts=facts, gaps=tuple(gaps))


def _percent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Untrusted("bad-value", f"coverage should be a percentage and is {shown(value)}")
    if not math.isfinite(value) or not 0 <= value <= 100:
        raise Untrusted("bad-value", f"coverage should lie between 0 and 100 and is {value}")
    return float(value)


READER = JsonReader(format="plain", kind="tests", recognises=_recognises, read=_read)
