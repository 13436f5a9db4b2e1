"""Evidence folders that no promotion may open on: more than 200, generated, each one flaw away from good.

``cases()`` gives (name, build): ``build(folder)`` writes the evidence. ``good(folder)`` is the folder
without a flaw, which is promoted; without that control the corpus would prove nothing.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Build = Callable[[Path], None]
FIXTURES = Path(__file__).parent / "fixtures" / "evidence"
COMMIT, DIGEST = "b" * 40, "sha256:" + "a" * 64
REQUIRED = ("tests", "coverage", "static-analysis")


def junit(total: int = 40, bad: dict[int, str] | None = None, **declared: int) -> str:
    """A report of ``total`` cases; ``bad`` maps a case's number to what stands inside it."""
    rows = "".join(
        f'<testcase classname="shop.test_{i % 7}" name="case_{i}">{(bad or {}).get(i, "")}</testcase>'
        for i in range(total)
    )
    attributes = {"tests": total, "failures": 0, "errors": 0, "skipped": 0} | declared
    told = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    return (
        f'<?xml version="1.0"?>\n<testsuites><testsuite name="unit" {told}>{rows}</testsuite></testsuites>\n'
    )


def coverage(covered: int = 950, statements: int = 1000) -> dict[str, Any]:
    summary = {"covered_lines": covered, "num_statements": statements, "percent_covered": 95.0}
    return {"meta": {"format": 3}, "files": {"shop.py": {"summary": summary}}, "totals": dict(summary)}


def sarif(*results: dict[str, Any], **run: Any) -> dict[str, Any]:
    tool = {"driver": {"name": "scan", "rules": [{"id": "R1", "defaultConfiguration": {"level": "error"}}]}}
    invocation = {"executionSuccessful": True}
    whole = {"tool": tool, "invocations": [invocation], "results": list(results)} | run
    return {"version": "2.1.0", "runs": [whole]}


GOOD = {
    "junit.xml": junit().encode(),
    "coverage.json": json.dumps(coverage()).encode(),
    "scan.sarif": json.dumps(sarif()).encode(),
}


def good(folder: Path) -> None:
    for name, content in GOOD.items():
        (folder / name).write_bytes(content)


def cases() -> Iterator[tuple[str, Build]]:
    for name in GOOD:
        for flaw, content in _bytes(GOOD[name]):
            yield f"{name}: {flaw}", _with(name, content)
        for flaw, place in _places(name):
            yield f"{name}: {flaw}", place
    yield from _fixtures()
    yield from _junit_cases()
    yield from _sarif_cases()
    yield from _coverage_cases()
    yield from _folders()


def _with(name: str, content: bytes | None, *, old: str = "") -> Build:
    def build(folder: Path) -> None:
        good(folder)
        (folder / (old or name)).unlink(missing_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)

    return build


def _bytes(whole: bytes) -> Iterator[tuple[str, bytes | None]]:
    yield "missing", None
    yield "empty", b""
    yield "white space", b" \n\n"
    yield "an error page", b"<!doctype html><html><body>502 Bad Gateway</body></html>"
    yield "a log instead", b"Traceback (most recent call last):\n  File x\n"
    yield "UTF-16", whole.decode().encode("utf-16")
    yield "a byte that is not UTF-8", whole[:60] + b"\xff" + whole[60:]
    yield "binary", bytes(range(256)) * 4
    yield "null", b"null"
    yield "an empty list", b"[]"
    yield "an empty object", b"{}"
    yield "twice in one file", whole + whole
    yield "a merge conflict", b"<<<<<<< HEAD\n" + whole
    for tenth in range(1, 10):
        yield f"cut at {tenth}0%", whole[: len(whole) * tenth // 10]
    yield "cut by three bytes", whole.rstrip()[:-3]


def _places(name: str) -> Iterator[tuple[str, Build]]:
    def change(act: Callable[[Path], object]) -> Build:
        def build(folder: Path) -> None:
            good(folder)
            (folder / name).unlink()
            act(folder / name)

        return build

    def outside(path: Path) -> None:
        target = path.parent.parent / f"outside-{path.name}"
        target.write_bytes(GOOD[name])
        path.symlink_to(target)

    def huge(path: Path) -> None:
        path.write_bytes(GOOD[name][:20])
        os.truncate(path, (1 << 30) + 1)

    def aged(days: float) -> Callable[[Path], None]:
        def act(path: Path) -> None:
            path.write_bytes(GOOD[name])
            seconds = path.stat().st_mtime - days * 86_400
            os.utime(path, (seconds, seconds))

        return act

    yield "a folder", change(lambda path: path.mkdir())
    yield "a pipe", change(os.mkfifo)
    yield "a link to nothing", change(lambda path: path.symlink_to("gone"))
    yield "a link to itself", change(lambda path: path.symlink_to(path.name))
    yield "a link out of the folder", change(outside)
    yield "larger than a gibibyte", change(huge)
    yield "three days old", change(aged(3))
    yield "from tomorrow", change(aged(-1))


def _fixtures() -> Iterator[tuple[str, Build]]:
    """Every hand-written trap takes the place of the good report of its kind, or lies beside them."""
    from signalbox.evidence import read

    replaces = {
        "junit": "junit.xml",
        "plain": "junit.xml",
        "coverage": "coverage.json",
        "sarif": "scan.sarif",
    }
    for path in sorted(FIXTURES.rglob("*")):
        if not path.is_file() or read(path).status == "pass":
            continue
        kind = path.parent.name
        content = path.read_bytes()
        yield f"fixture {kind}/{path.name}", _with(path.name, content, old=replaces.get(kind, ""))


def _junit_cases() -> Iterator[tuple[str, Build]]:
    rng = random.Random(20)
    for number in range(15):
        total = rng.randint(2, 60)
        what = rng.choice(('<failure message="x"/>', "<error/>", '<failure/><rerunFailure message="x"/>'))
        inside = {rng.randrange(total): what}
        yield (
            f"junit: failure {number} hidden by its totals",
            _with("junit.xml", junit(total, inside).encode()),
        )
    for _ in range(10):
        total = rng.randint(2, 60)
        lost = rng.randint(1, 500)
        text = junit(total, tests=total + lost).encode()
        yield f"junit: {lost} of {total + lost} cases are not there", _with("junit.xml", text)
    for word in ("error", "timedOut", "crashed", "broken", "undecided", "?", "interrupted", "aborted", "0"):
        text = GOOD["junit.xml"].replace(b'name="case_3"', f'name="case_3" status="{word}"'.encode())
        yield f"junit: a case with status {word}", _with("junit.xml", text)
    everything = dict.fromkeys(range(40), "<skipped/>")
    yield "junit: everything skipped", _with("junit.xml", junit(bad=everything, skipped=40).encode())
    again = junit(3, {0: "<failure/>"}, failures=1).replace("case_1", "case_0").replace("test_1", "test_0")
    yield "junit: failed, then passed under the same name", _with("junit.xml", again.encode())
    yield "junit: declared errors", _with("junit.xml", junit(errors=2).encode())


def _sarif_cases() -> Iterator[tuple[str, Build]]:
    result = {"ruleId": "R1", "message": {"text": "m"}}
    for score in ("9.8", "7.0", 8.1, "NaN", "", "high", -1, 11, None, True, [9.8]):
        found = result | {"level": "note", "properties": {"security-severity": score}}
        yield f"sarif: security-severity {score!r}", _with("scan.sarif", json.dumps(sarif(found)).encode())
    changes: dict[str, Any] = {
        "an error": sarif(result),
        "a critical one suppressed by the change itself": sarif(
            result | {"suppressions": [{"kind": "inSource"}]}
        ),
        "a rejected suppression": sarif(
            result | {"suppressions": [{"kind": "external", "status": "rejected"}]}
        ),
        "a result to review": sarif(result | {"kind": "review"}),
        "the tool failed": sarif(invocations=[{"executionSuccessful": False}]),
        "the tool does not say that it ended": sarif(invocations=[{}]),
        "one of two tools failed": {
            "version": "2.1.0",
            "runs": [sarif()["runs"][0], sarif(invocations=[{"executionSuccessful": False}])["runs"][0]],
        },
        "no results": sarif(results=None),
        "results elsewhere": sarif(externalPropertyFileReferences={"results": [{}]}),
        "another commit": sarif(versionControlProvenance=[{"revisionId": "c" * 40}]),
        "no tool": sarif(tool=None),
        "results of another shape": sarif(results=[1, 2]),
        "an unknown level": sarif(result | {"level": "fatal"}),
        "a level of another type": sarif(result | {"level": ["note"]}),
        "version 2.0": sarif() | {"version": "2.0.0"},
    }
    for flaw, document in changes.items():
        yield f"sarif: {flaw}", _with("scan.sarif", json.dumps(document).encode())


def _coverage_cases() -> Iterator[tuple[str, Build]]:
    lying = coverage()
    lying["totals"] = {"covered_lines": 1000, "num_statements": 1000, "percent_covered": 100}
    changes = {
        "of nothing": coverage(0, 0),
        "above everything": coverage(1001, 1000),
        "totals that the files do not give": lying,
        "negative": coverage(-1, 1000),
        "no totals": {"files": {}},
        "text for numbers": {"files": {}, "totals": {"covered_lines": "9", "num_statements": "9"}},
        "far below what policy asks": coverage(100, 1000),
    }
    for flaw, document in changes.items():
        yield f"coverage: {flaw}", _with("coverage.json", json.dumps(document).encode())


def _folders() -> Iterator[tuple[str, Build]]:
    def shards(*names: str) -> Build:
        def build(folder: Path) -> None:
            good(folder)
            (folder / "junit.xml").unlink()
            for index, name in enumerate(names):
                (folder / name).mkdir()
                (folder / name / "junit.xml").write_text(junit(10 + index))

        return build

    def nothing(folder: Path) -> None:
        pass

    yield "an empty folder", nothing
    yield "a shard of four is missing", shards("unit-1-of-4", "unit-2-of-4", "unit-4-of-4")
    yield "a shard of another commit", shards(f"unit-1-of-1-{'c' * 40}")
    yield "a shard beyond the count", shards("unit-1-of-1", "unit-2-of-1")
    for name in ("-rf.xml", "$(touch x).xml", "a\nb.xml", "::error::x.xml", "…/x.xml".replace("/", "∕")):
        yield f"a broken file named {name!r} beside the good ones", _with(name, b"<testsuite")
    image = {"matches": [], "descriptor": {}, "source": {"target": {"manifestDigest": "sha256:" + "c" * 64}}}
    yield "a scan of another digest", _with("grype.json", json.dumps(image).encode())
    slow = {"signalbox_pairs": 1, "benchmarks": {"parse": [[1.0, 1.3]] * 6}}
    yield "a slower benchmark", _with("pairs.json", json.dumps(slow).encode())
    few = {"signalbox_pairs": 1, "benchmarks": {"parse": [[1.0, 1.0]] * 3}}
    yield "too few pairs to decide", _with("pairs.json", json.dumps(few).encode())
    single = {"results": [{"command": "x", "median": 1.0, "exit_codes": [0]}]}
    yield "a benchmark that is no comparison", _with("hyperfine.json", json.dumps(single).encode())
