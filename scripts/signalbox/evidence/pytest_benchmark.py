"""pytest-benchmark's JSON (``--benchmark-json``): medians in seconds of one revision."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Subject
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.timings import seconds, timings_reading
from signalbox.evidence.values import mapping, objects, text


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "benchmarks" in document and "machine_info" in document


def _read(document: Any) -> Reading:
    medians = {}
    for index, item in enumerate(objects(document["benchmarks"], "benchmarks")):
        stats = mapping(item.get("stats"), f"benchmarks[{index}].stats")
        name = text(item.get("fullname")) or text(item.get("name")) or str(index)
        medians[name] = seconds(stats.get("median"), f"benchmarks[{index}].stats.median")
    reading = timings_reading(medians)
    commit = document.get("commit_info")
    sha = text(commit.get("id")) if isinstance(commit, dict) else ""
    return Reading(status=reading.status, facts=reading.facts, gaps=reading.gaps, subject=Subject(commit=sha))


READER = JsonReader(format="pytest-benchmark", kind="performance", recognises=_recognises, read=_read)
