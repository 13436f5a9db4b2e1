"""coverage.py's JSON report (``coverage json``). Percentages are computed here, never copied."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.reading import JsonReader, Reading, Untrusted
from signalbox.evidence.values import count, mapping


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "totals" in document and "files" in document


def _read(document: Any) -> Reading:
    files = mapping(document["files"], "files")
    sums = dict.fromkeys(("covered_lines", "num_statements", "covered_branches", "num_branches"), 0)
    for name, entry in files.items():
        where = f"files[{name[:80]!r}].summary"
        summary = mapping(mapping(entry, f"files[{name[:80]!r}]").get("summary"), where)
        for key, value in _numbers(summary, where).items():
            sums[key] += value
    totals = _numbers(mapping(document["totals"], "totals"), "totals")
    gaps = []
    if totals != sums:
        gaps.append(Gap("counts-differ", f"totals say {_short(totals)}, the files add up to {_short(sums)}"))
    return coverage_reading(
        covered=sums["covered_lines"],
        statements=sums["num_statements"],
        covered_branches=sums["covered_branches"],
        branches=sums["num_branches"],
        files=len(files),
        gaps=gaps,
    )


def _numbers(summary: dict[str, Any], where: str) -> dict[str, int]:
    numbers = {
        "covered_lines": count(summary.get("covered_lines"), f"{where}.covered_lines"),
        "num_statements": count(summary.get("num_statements"), f"{where}.num_statements"),
        "covered_branches": count(summary.get("covered_branches", 0), f"{where}.covered_branches"),
        "num_branches": count(summary.get("num_branches", 0), f"{where}.num_branches"),
    }
    if numbers["covered_lines"] > numbers["num_statements"]:
        raise Untrusted("contradictory", f"{where}: more lines covered than there are")
    if numbers["covered_branches"] > numbers["num_branches"]:
        raise Untrusted("contradictory", f"{where}: more branches covered than there are")
    return numbers


def _short(numbers: dict[str, int]) -> str:
    return f"{numbers['covered_lines']} of {numbers['num_statements']} lines"


def coverage_reading(
    *,
    covered: int,
    statements: int,
    covered_branches: int = 0,
    branches: int = 0,
    files: int = 0,
    gaps: list[Gap] | None = None,
) -> Reading:
    """The reading that every coverage format ends in.

    ``percent`` is lines and branches together, as coverage.py counts; ``line_percent`` compares across
    formats. Zero statements are no evidence: tools print 100% for them.
    """
    found = list(gaps or ())
    facts: dict[str, Any] = {
        "covered_lines": covered,
        "statements": statements,
        "covered_branches": covered_branches,
        "branches": branches,
        "files": files,
    }
    if not statements:
        found.append(
            Gap("nothing-measured", "the report measures zero statements, which is no coverage at all")
        )
    else:
        facts["line_percent"] = round(100 * covered / statements, 4)
        facts["percent"] = round(100 * (covered + covered_branches) / (statements + branches), 4)
    return Reading(status="not_verified" if found else "pass", facts=facts, gaps=tuple(found))


READER = JsonReader(format="coverage.py", kind="coverage", recognises=_recognises, read=_read)
