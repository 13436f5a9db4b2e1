"""Cobertura XML (coverage.py, gcovr, coverlet, PHPUnit, Jest). Lines are counted, rates are not believed."""

from __future__ import annotations

import math
import re
from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.coverage_py import coverage_reading
from signalbox.evidence.reading import Reading, Untrusted, XmlReader

_BRANCHES = re.compile(r"\((\d{1,9})/(\d{1,9})\)")
# Writers round their rates to four places or fewer; more than this is another number.
_RATE_TOLERANCE = 0.006


class _Handler:
    def __init__(self) -> None:
        self.root: dict[str, str] = {}
        self.stack: list[str] = []
        self.files: set[str] = set()
        self.covered = self.statements = self.covered_branches = self.branches = 0
        self.file = ""
        # What a class lists itself, and what its methods list. Most writers list a line in both; Istanbul's
        # methods list their own head, which its classes do not count. A file may hold several classes.
        self.lines: dict[int, tuple[bool, int, int]] = {}
        self.method_lines: dict[int, tuple[bool, int, int]] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.stack:
            self.root = attributes
            if "line-rate" not in attributes and "lines-valid" not in attributes:
                raise Untrusted("unknown-format", "a <coverage> report that is not Cobertura's")
        self.stack.append(name)
        if name == "class":
            self.file = attributes.get("filename", "")
            self.files.add(self.file[:500])
            self.lines, self.method_lines = {}, {}
        elif name == "line" and "class" in self.stack:
            self._line(attributes, self.method_lines if "method" in self.stack else self.lines)

    def end(self, name: str) -> None:
        self.stack.pop()
        if name == "class":
            lines = (self.lines or self.method_lines).values()
            self.statements += len(lines)
            self.covered += sum(hit for hit, _, _ in lines)
            self.covered_branches += sum(taken for _, taken, _ in lines)
            self.branches += sum(all_ for _, _, all_ in lines)

    def _line(self, attributes: dict[str, str], lines: dict[int, tuple[bool, int, int]]) -> None:
        number, hits = _whole(attributes.get("number"), "number"), _whole(attributes.get("hits"), "hits")
        taken = total = 0
        match = _BRANCHES.search(attributes.get("condition-coverage", ""))
        if match:
            taken, total = int(match[1]), int(match[2])
            if taken > total:
                raise Untrusted("contradictory", f"line {number}: {taken} of {total} branches taken")
        before = lines.get(number, (False, 0, 0))
        lines[number] = (before[0] or hits > 0, max(before[1], taken), max(before[2], total))

    def partial(self) -> dict[str, Any]:
        return {"covered_lines": self.covered, "statements": self.statements}

    def reading(self) -> Reading:
        gaps = []
        valid = self.root.get("lines-valid")
        # Several classes may share lines of one file, so more lines than declared is no contradiction.
        if valid is not None and _whole(valid, "count") > self.statements:
            gaps.append(
                Gap("counts-differ", f"declares {valid[:12]} lines and lists {self.statements} of them")
            )
        gaps += self._rate_gap()
        return coverage_reading(
            covered=self.covered,
            statements=self.statements,
            covered_branches=self.covered_branches,
            branches=self.branches,
            files=len(self.files),
            gaps=gaps,
        )

    def _rate_gap(self) -> list[Gap]:
        try:
            rate = float(self.root.get("line-rate", "nan"))
        except ValueError:
            return [Gap("bad-value", "the line rate is not a number")]
        if math.isnan(rate) or not self.statements:
            return []
        counted = self.covered / self.statements
        if rate - counted > _RATE_TOLERANCE:
            return [
                Gap("counts-differ", f"declares a line rate of {rate:g} and its lines give {counted:.4f}")
            ]
        return []


def _whole(text: str | None, what: str) -> int:
    cleaned = (text or "").strip()
    if not cleaned.isascii() or not cleaned.isdigit() or len(cleaned) > 18:
        raise Untrusted("bad-value", f"a line's {what} is {cleaned[:40]!r}")
    return int(cleaned)


READER = XmlReader(format="cobertura", kind="coverage", roots=frozenset({"coverage"}), handler=_Handler)
