"""Results of test shards against the shards that were planned: one that is missing is named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from signalbox.decision import Evidence, Gap, not_verified
from signalbox.errors import InputError

_SUMMED = ("total", "passed", "failed", "errors", "skipped", "flaky", "unknown", "suite_errors")
# <suite>-<shard>-of-<shards>, with anything behind it (the commit, a suffix).
_NUMBERED = re.compile(r"^(?P<suite>.+?)-(?P<index>\d{1,4})-of-(?P<total>\d{1,4})(?P<rest>(?:-.*)?)$")
_SHA = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")
_STATUS_RANK = {"pass": 0, "not_verified": 1, "fail": 2}


def expected_shards(document: Any, *, where: str = "the plan") -> list[str]:
    """The names of the expected shards: a JSON list of names, or a matrix whose entries carry ``artifact``
    (or ``name``). Raises InputError for anything else.
    """
    if isinstance(document, dict):
        document = document.get("include", document.get("shards"))
    names = []
    for item in document if isinstance(document, list) else [None]:
        name = (item.get("artifact") or item.get("name")) if isinstance(item, dict) else item
        if not isinstance(name, str) or not name:
            raise InputError(
                "this does not list the expected shards",
                where=where,
                fix='Give a list of names, or a matrix {"include": [{"artifact": "unit-1-of-2"}, …]}.',
            )
        names.append(name)
    if len(set(names)) != len(names):
        raise InputError("a shard is expected twice", where=where)
    return names


def shard_of(source: str) -> str:
    """The shard a file belongs to: the folder it was downloaded into, else its own name without suffix."""
    parts = PurePosixPath(source).parts
    return parts[0] if len(parts) > 1 else PurePosixPath(source).name.partition(".")[0]


def merge_shards(
    evidence: Sequence[Evidence], expected: Sequence[str] = (), *, commit: str = ""
) -> Evidence | None:
    """All test evidence as one, or None where there is none and none was expected.

    A shard that is missing, given twice, for another commit or outside the plan leaves the whole
    ``not_verified`` and is named; failures stay failures.
    """
    tests = [item for item in evidence if item.kind == "tests"]
    if not tests and not expected:
        return None
    shards: dict[str, list[Evidence]] = {}
    for item in tests:
        shards.setdefault(shard_of(item.source), []).append(item)
    gaps = [*_numbering_gaps(shards), *_expectation_gaps(shards, expected), *_twins(tests)]
    if commit:
        for name in shards:
            found = set(_SHA.findall(name)) - {commit}
            gaps += [Gap("other-commit", f"shard {name} is of commit {sha}, not {commit}") for sha in found]
    if not tests:
        return not_verified("tests", "missing-shard", "; ".join(gap.text for gap in gaps))
    for item in tests:
        gaps += [Gap(gap.code, f"{item.source}: {gap.text}") for gap in item.gaps]
    status = max((item.status for item in tests), key=_STATUS_RANK.__getitem__)
    first = tests[0]
    times = sorted(item.observed_at for item in tests if item.observed_at)
    return Evidence(
        kind="tests",
        status="not_verified" if gaps and status == "pass" else status,
        source=", ".join(item.source for item in tests[:5]) + (", …" if len(tests) > 5 else ""),
        sha256=first.sha256 if len(tests) == 1 else "",
        producer=first.producer,
        subject=first.subject,
        observed_at=times[0] if times else None,
        tier=first.tier,
        origin=first.origin,
        gaps=tuple(gaps),
        facts=_facts(tests, shards),
    )


def _facts(tests: Sequence[Evidence], shards: dict[str, list[Evidence]]) -> dict[str, Any]:
    facts: dict[str, Any] = {key: sum(item.facts.get(key, 0) for item in tests) for key in _SUMMED}
    facts["failures_without_cases"] = sum(item.facts.get("failures_without_cases", 0) for item in tests)
    facts["seconds"] = round(sum(item.facts.get("seconds", 0.0) for item in tests), 6)
    facts["failing"] = [name for item in tests for name in item.facts.get("failing", [])][:20]
    facts["files"] = len(tests)
    facts["shards"] = sorted(shards)
    covered = [item.facts["coverage_percent"] for item in tests if "coverage_percent" in item.facts]
    if len(covered) == 1:
        facts["coverage_percent"] = covered[0]
    return facts


def _numbering_gaps(shards: dict[str, list[Evidence]]) -> list[Gap]:
    """Names of the form unit-2-of-4 say by themselves which shards there must be."""
    families: dict[tuple[str, int, str], set[int]] = {}
    gaps = []
    for name in shards:
        match = _NUMBERED.match(name)
        if match:
            index, total = int(match["index"]), int(match["total"])
            families.setdefault((match["suite"], total, match["rest"]), set()).add(index)
            if not 1 <= index <= total:
                gaps.append(Gap("unexpected-shard", f"shard {name} is outside its own count"))
    for (suite, total, rest), present in families.items():
        absent = [index for index in range(1, total + 1) if index not in present]
        gaps += [
            Gap("missing-shard", f"shard {suite}-{index}-of-{total}{rest} is missing")
            for index in absent[:50]
        ]
    return gaps


def _expectation_gaps(shards: dict[str, list[Evidence]], expected: Sequence[str]) -> list[Gap]:
    if not expected:
        return []
    gaps = [Gap("missing-shard", f"shard {name} is missing") for name in expected if name not in shards]
    extra = [name for name in shards if name not in expected]
    return gaps + [Gap("unexpected-shard", f"shard {name} was not planned") for name in extra]


def _twins(tests: Sequence[Evidence]) -> list[Gap]:
    first: dict[str, str] = {}
    gaps = []
    for item in tests:
        if item.sha256 and item.sha256 in first:
            gaps.append(
                Gap(
                    "duplicate-shard",
                    f"{item.source} and {first[item.sha256]} are the same file, byte for byte",
                )
            )
        elif item.sha256:
            first[item.sha256] = item.source
    return gaps
