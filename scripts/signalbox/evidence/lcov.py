"""LCOV tracefiles (``lcov``, ``geninfo``, c8, ``go`` and Rust converters). DA and BRDA lines are counted."""

from __future__ import annotations

from collections.abc import Iterable

from signalbox.decision import Gap
from signalbox.evidence.coverage_py import coverage_reading
from signalbox.evidence.reading import Reading, TextReader, Untrusted


def _recognises(head: str) -> bool:
    first = next((line.strip() for line in head.splitlines() if line.strip()), "")
    return first.startswith(("TN:", "SF:"))


def _read(lines: Iterable[str]) -> Reading:
    totals = {"covered": 0, "statements": 0, "covered_branches": 0, "branches": 0}
    gaps: dict[str, Gap] = {}
    files, record = 0, None
    for line in lines:
        key, _, value = line.strip().partition(":")
        if key == "SF":
            if record is not None:
                raise Untrusted("contradictory", "a file's record begins before the last one ended")
            record, files = _Record(), files + 1
        elif key == "end_of_record":
            if record is None:
                raise Untrusted("contradictory", "end_of_record without a file")
            record.close(totals, gaps)
            record = None
        elif record is not None:
            record.take(key, value)
        elif line.strip() and key != "TN":
            raise Untrusted("truncated", f"{line.strip()[:40]!r} stands outside every file's record")
    if record is not None:
        raise Untrusted("truncated", "the last file's record has no end_of_record: the file is cut short")
    return coverage_reading(**totals, files=files, gaps=list(gaps.values()))


class _Record:
    """One source file: line number → was it hit, branch → was it taken, and what the record declares."""

    def __init__(self) -> None:
        self.lines: dict[int, bool] = {}
        self.branches: dict[str, bool] = {}
        self.declared: dict[str, int] = {}

    def take(self, key: str, value: str) -> None:
        if key == "DA":
            number, hits = (*value.split(","), "")[:2]
            line = _whole(number, "DA")
            self.lines[line] = self.lines.get(line, False) or _whole(hits, "DA") > 0
        elif key == "BRDA":
            place, _, taken = value.rpartition(",")
            # "-" means that the line holding the branch never ran.
            hit = taken.strip() != "-" and _whole(taken, "BRDA") > 0
            self.branches[place] = self.branches.get(place, False) or hit
        elif key in ("LF", "LH"):
            self.declared[key] = _whole(value, key)

    def close(self, totals: dict[str, int], gaps: dict[str, Gap]) -> None:
        covered = sum(self.lines.values())
        totals["covered"] += covered
        totals["statements"] += len(self.lines)
        totals["covered_branches"] += sum(self.branches.values())
        totals["branches"] += len(self.branches)
        if self.declared.get("LF", 0) > len(self.lines) or self.declared.get("LH", 0) > covered:
            gaps["counts-differ"] = Gap("counts-differ", "a record declares more lines than it lists")


def _whole(text: str, what: str) -> int:
    cleaned = text.strip()
    if not cleaned.isascii() or not cleaned.isdigit() or len(cleaned) > 18:
        raise Untrusted("bad-value", f"{what} should hold a count and holds {cleaned[:40]!r}")
    return int(cleaned)


READER = TextReader(format="lcov", kind="coverage", recognises=_recognises, read=_read)
