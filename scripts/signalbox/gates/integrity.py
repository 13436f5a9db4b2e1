"""Signs in a diff that tests were weakened: deleted, skipped, asserting less, tolerating more."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from signalbox.gates.history import run_git

_TEST = re.compile(
    r"(?:^|/)(?:tests?|spec|__tests__)/|(?:^|/)test_[^/]*\.py$|[_.](?:test|spec)\.[a-z]+$", re.IGNORECASE
)
_CASE = re.compile(
    r"^\s*(?:async\s+)?def\s+test_|^\s*(?:it|test)\s*\(|^\s*func\s+Test[A-Z_]|@Test\b|\bfun\s+test[A-Z_]"
)
_SKIP = re.compile(
    r"mark\.(?:skip|xfail)|unittest\.skip|pytest\.skip\(|\b(?:it|test|describe)\.(?:skip|todo)\b|\bxit\("
    r"|\bt\.Skip|@Disabled\b|@Ignore\b"
)
_ASSERT = re.compile(
    r"^\s*(?:assert\b|self\.assert|expect\s*\(|require\.|with\s+pytest\.raises|t\.(?:Error|Fatal))"
)
_TOLERANCE = re.compile(r"\b(?:rel|abs|delta|places|tolerance|atol|rtol|epsilon)\s*[=:]\s*([0-9][0-9.eE+-]*)")
_THRESHOLD = re.compile(
    r"(fail[_-]under|coverageThreshold|minimum[_-]coverage|threshold|lines|branches|statements)\s*[=:]\s*([0-9.]+)",
    re.IGNORECASE,
)


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One sign: a stable code, the file, and a sentence."""

    code: str
    path: str
    text: str


def signs(repo: Path, base: str, head: str) -> tuple[Sign, ...]:
    """Every sign between the merge base and ``head``; a test that only moved is none."""
    merge_base = run_git(repo, "merge-base", base, head).decode().strip()
    options = ["--no-ext-diff", "--no-textconv", "--no-color", "--unified=0", "--find-renames"]
    text = run_git(repo, "diff", *options, merge_base, head, "--").decode("utf-8", "replace")
    found: list[Sign] = []
    for part in re.split(r"^diff --git ", text, flags=re.MULTILINE)[1:]:
        found += _of_file(part)
    return tuple(found)


def _of_file(part: str) -> list[Sign]:
    head, _, body = part.partition("\n@@")
    names = (
        re.findall(r"^(?:---|\+\+\+) (?:[ab]/)?(.*)$", head, re.MULTILINE)
        or head.splitlines()[0].split(" b/")[-1:]
    )
    path = next((name for name in reversed(names) if name != "/dev/null"), "")
    deleted = "\ndeleted file mode" in head
    out = [line[1:] for line in body.splitlines() if line.startswith("-")]
    new = [line[1:] for line in body.splitlines() if line.startswith("+")]
    found: list[Sign] = []

    def sign(code: str, text: str) -> None:
        found.append(Sign(code=code, path=path, text=f"{path}: {text}"))

    if _TEST.search(path):
        cases = _count(_CASE, out) - _count(_CASE, new)
        if deleted:
            sign("test-deleted", "the test file is deleted")
        elif cases > 0:
            sign("test-deleted", f"{cases} tests fewer")
        if not deleted and (more := _count(_SKIP, new) - _count(_SKIP, out)) > 0:
            sign("test-skipped", f"{more} tests are skipped or expected to fail")
        if not deleted and cases <= 0 and (fewer := _count(_ASSERT, out) - _count(_ASSERT, new)) > 0:
            sign("assertion-removed", f"{fewer} assertions fewer")
        if _largest(_TOLERANCE, new, 1) > _largest(_TOLERANCE, out, 1) > -1.0:
            sign("tolerance-widened", "a tolerance is wider than before")
    before, after = (_named(lines) for lines in (out, new))
    for name in sorted(before.keys() & after.keys()):
        if after[name] < before[name]:
            sign("threshold-lowered", f"{name} is lowered from {before[name]:g} to {after[name]:g}")
    return found


def _count(what: re.Pattern[str], lines: list[str]) -> int:
    return sum(bool(what.search(line)) for line in lines)


def _largest(what: re.Pattern[str], lines: list[str], group: int) -> float:
    values = [_number(found.group(group)) for line in lines for found in what.finditer(line)]
    return max(values, default=-1.0)


def _named(lines: list[str]) -> dict[str, float]:
    return {
        found.group(1).lower(): _number(found.group(2))
        for line in lines
        for found in _THRESHOLD.finditer(line)
    }


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
