"""SlipCover's JSON report: like coverage.py's in its outline, with its own counts."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.coverage_py import coverage_reading
from signalbox.evidence.reading import JsonReader, Reading, Untrusted
from signalbox.evidence.values import count, mapping


def _recognises(document: Any) -> bool:
    meta = document.get("meta") if isinstance(document, dict) else None
    return isinstance(meta, dict) and meta.get("software") == "slipcover" and "files" in document


def _read(document: Any) -> Reading:
    files = mapping(document["files"], "files")
    covered = missing = 0
    gaps = []
    for name, entry in files.items():
        where = f"files[{name[:80]!r}]"
        ran = _lines(mapping(entry, where), "executed_lines", where)
        not_run = _lines(entry, "missing_lines", where)
        if ran & not_run:
            raise Untrusted("contradictory", f"{where}: a line that ran and did not")
        covered += len(ran)
        missing += len(not_run)
    summary = mapping(document.get("summary"), "summary")
    told = tuple(count(summary.get(key), f"summary.{key}") for key in ("covered_lines", "missing_lines"))
    if told != (covered, missing):
        gaps.append(
            Gap("counts-differ", f"the summary says {told}, the files add up to {(covered, missing)}")
        )
    return coverage_reading(covered=covered, statements=covered + missing, files=len(files), gaps=gaps)


def _lines(entry: dict[str, Any], key: str, where: str) -> set[int]:
    listed = entry.get(key)
    if not isinstance(listed, list):
        raise Untrusted("bad-value", f"{where}.{key} is no list")
    return {count(number, f"{where}.{key}") for number in listed}


READER = JsonReader(format="slipcover", kind="coverage", recognises=_recognises, read=_read)
