"""Runs the lanes of tests one after the other and says at the end what ran, what did not, and why.

usage: lanes.py test|all [--only NAME]

A lane whose programs are missing is skipped by name. With SIGNALBOX_STRICT_LANES=1 (in CI, where
everything was installed) such a lane counts as failed, because a hidden skip would look green.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class Lane:
    """One lane: what it proves, its pytest arguments, the programs it starts, where it belongs."""

    name: str
    proves: str
    arguments: tuple[str, ...]
    programs: tuple[str, ...] = ()
    group: str = "test"
    unavailable: str = ""
    prepare: tuple[str, ...] = ()
    """A script that gets what the lane needs; when it fails, its last line says why the lane is skipped."""


LANES = (
    Lane("lint", "style, types, workflows, documents", ("tests/lint", "-n", "2"), ("node", "shellcheck")),
    Lane("unit", "every room by itself", ("tests/unit", "-n", "2", "--dist", "loadfile")),
    Lane(
        "integration",
        "real git, real Prometheus, real HAProxy, a real registry, PyPI projects",
        ("tests/integration", "-n", "4", "--dist", "loadfile"),
        ("git", "prometheus", "haproxy", "docker-registry"),
    ),
    Lane("workflows", "every workflow and action under act", ("tests/workflows", "-n", "3"), ("node",)),
    Lane(
        "cluster",
        "a real Kubernetes API: every adapter, and the controllers that could be built",
        ("tests/cluster",),
        ("openssl",),
        group="cluster",
        prepare=("tests/cluster/parts.py",),
    ),
    Lane(
        "sinks",
        "a real MLflow server on a database, a real OpenTelemetry collector",
        ("tests/sinks",),
        ("uv",),
        group="sinks",
        prepare=("tests/sinks/parts.py",),
    ),
    Lane(
        "hostile",
        "every hostile string through every input, the workflows' and actions' under act",
        (
            "tests/exhaustive",
            *(f"tests/integration/test_hostile_{name}.py" for name in ("scripts", "contents", "replies")),
            *("-n", "2"),
        ),
        ("node", "git"),
        group="hostile",
    ),
    Lane("browser", "pages in real Chromium", ("tests/browser",), ("chromium",), group="browser"),
)


@dataclass
class Outcome:
    """What became of a lane."""

    state: str
    why: str = ""
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=lambda: {"passed": 0, "failed": 0, "skipped": 0})


def run_lane(lane: Lane, strict: bool) -> Outcome:
    """Run one lane in a process of its own, so that one that crashes cannot take others along."""
    if lane.unavailable:
        return Outcome("skipped", lane.unavailable)
    # Node comes with the environment; servers lie where only root looks on some systems.
    path = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]
    )
    missing = [program for program in lane.programs if shutil.which(program, path=path) is None]
    if missing:
        why = f"not installed: {', '.join(missing)}"
        return Outcome("failed" if strict else "skipped", why)
    if lane.prepare:
        print(f"\n=== lane {lane.name}: getting what it needs", flush=True)
        prepared = subprocess.run(
            [sys.executable, *lane.prepare], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
        )
        print(prepared.stdout, end="", flush=True)
        if prepared.returncode:
            why = (prepared.stdout.strip().splitlines() or ["its preparation failed"])[-1]
            return Outcome("failed" if strict else "skipped", why)
    report = ROOT / ".cache" / "lanes" / f"{lane.name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    print(f"\n=== lane {lane.name}: {lane.proves}", flush=True)
    started = time.monotonic()
    code = subprocess.run(
        [*PYTEST, *lane.arguments, f"--junitxml={report}"],
        cwd=ROOT,
        env=os.environ | {"PATH": path},
        check=False,
    ).returncode
    seconds = time.monotonic() - started
    if not report.is_file():
        return Outcome("failed", f"pytest ended with {code} and left no report", seconds)
    outcome = Outcome("passed" if code == 0 else "failed", "" if code == 0 else f"exit {code}", seconds)
    outcome.counts = count(report)
    if outcome.state == "passed" and outcome.counts["passed"] == 0:
        outcome.state, outcome.why = "failed", "no test ran"
    return outcome


def count(report: Path) -> dict[str, int]:
    """Tests of a JUnit report by outcome."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ET.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        counts[
            "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        ] += 1
    return counts


def main() -> int:
    """Run the lanes of a group; exit 1 when any failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("group", choices=("test", "cluster", "sinks", "hostile", "browser", "all"))
    parser.add_argument("--only", default="", help="run this lane alone")
    args = parser.parse_args()
    strict = os.environ.get("SIGNALBOX_STRICT_LANES") == "1"
    outcomes: dict[str, Outcome] = {}
    for lane in LANES:
        if args.only and lane.name != args.only:
            continue
        if lane.group != args.group and args.group != "all":
            outcomes[lane.name] = Outcome(
                "skipped",
                lane.unavailable
                or f"run it with: make {'test' if lane.group == 'test' else f'test-{lane.group}'}",
            )
            continue
        outcomes[lane.name] = run_lane(lane, strict)
    total = {"passed": 0, "failed": 0, "skipped": 0}
    print("\nlane          state      seconds  passed  failed  skipped  why")
    for name, outcome in outcomes.items():
        counts = outcome.counts
        numbers = f"{counts['passed']:6}  {counts['failed']:6}  {counts['skipped']:7}"
        print(f"{name:<12}  {outcome.state:<9}  {outcome.seconds:7.0f}  {numbers}  {outcome.why}")
        total = {key: total[key] + counts[key] for key in total}
    failed = any(outcome.state == "failed" for outcome in outcomes.values())
    print(f"\n{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
