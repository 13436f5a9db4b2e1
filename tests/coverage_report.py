"""Branch coverage of the library by the unit and integration lanes, in every process that they start.

usage: coverage_report.py [--lanes unit integration workflows cluster] [--worst N] [--least PERCENT]

Prints the share of lines and branches that ran, by room and for the worst modules. A process that
a test starts with an environment of its own making is not seen, so the figure is a lower bound.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import lanes  # noqa: E402

FOLDER = ROOT / ".cache" / "coverage"
SETTINGS = ROOT / "tests" / "coverage.ini"


def coverage(*arguments: str) -> int:
    """Run coverage.py with our settings and data."""
    command = [sys.executable, "-m", "coverage", arguments[0], f"--rcfile={SETTINGS}", *arguments[1:]]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"])
    environ = os.environ | {"COVERAGE_DATA": str(FOLDER / "data"), "PATH": path}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def percent(summary: dict[str, int]) -> float:
    """Lines and branches that ran, of all there are."""
    every = summary["num_statements"] + summary["num_branches"]
    return 100 * (summary["covered_lines"] + summary["covered_branches"]) / every if every else 100.0


def main() -> int:
    """Measure and print; exit 1 when a lane fails or the figure is below --least."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lanes", nargs="+", default=["unit", "integration"])
    parser.add_argument("--worst", type=int, default=25)
    parser.add_argument("--least", type=float, default=0.0)
    args = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    chosen = [lane for lane in lanes.LANES if lane.name in args.lanes]
    failed = [
        lane.name
        for lane in chosen
        if coverage("run", "-m", "pytest", "-q", "-p", "no:cacheprovider", *lane.arguments)
    ]
    coverage("combine", "--quiet", str(FOLDER))
    report = FOLDER / "report.json"
    if coverage("json", "--quiet", "-o", str(report)):
        return 1
    found = json.loads(report.read_text())
    files = {name.split("signalbox/", 1)[1]: one["summary"] for name, one in found["files"].items()}
    rooms: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, summary in files.items():
        for key, value in summary.items():
            if isinstance(value, int):
                rooms[name.partition("/")[0] if "/" in name else "(above the rooms)"][key] += value
    print(f"\n{'room':<20} {'covered':>8}")
    for room, summary in sorted(rooms.items(), key=lambda item: percent(item[1])):
        print(f"{room:<20} {percent(summary):>7.1f}%")
    print(f"\n{'module':<44} {'covered':>8}  missing lines and branches")
    missing = {name: one["missing_lines"] + one["missing_branches"] for name, one in files.items()}
    for name in sorted(missing, key=lambda name: -missing[name])[: args.worst]:
        print(f"{name:<44} {percent(files[name]):>7.1f}%  {missing[name]}")
    total = percent(found["totals"])
    print(f"\nlines and branches of the library that ran: {total:.1f}%, in the lanes {', '.join(args.lanes)}")
    if failed:
        print(f"these lanes failed, so less ran than could: {', '.join(failed)}")
    return 1 if failed or total < args.least else 0


if __name__ == "__main__":
    sys.exit(main())
