"""What others make of the same evidence: the seed's fixed bands, junitparser, sarif-tools."""

from __future__ import annotations

import json
import signal
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


class TooLong(Exception):
    """The peer did not come back."""


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Peers may hang on a pipe; they get a few seconds."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def seed_rule(folder: Path) -> bool:
    """Re-created: totals as the report declares them, coverage as printed, 0.92 promotes.

    What cannot be read is skipped with a warning, as scripts of that kind do.
    """
    tests = failed = 0
    percent = 100.0
    for path in sorted(folder.rglob("*")):
        try:
            if path.suffix == ".xml":
                for suite in ET.parse(path).getroot().iter("testsuite"):
                    tests += int(suite.get("tests", 0))
                    failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            elif path.name == "coverage.json":
                percent = float(json.loads(path.read_text())["totals"]["percent_covered"])
        except TooLong:
            raise
        except Exception:
            continue
    rate = 1 - failed / tests if tests else 1.0
    return 0.8 * rate + 0.2 * percent / 100 >= 0.92


def junitparser_rule(folder: Path) -> bool:
    """Promote when junitparser counts no failure and no error in any report it is given."""
    from junitparser import JUnitXml

    reports = sorted(folder.rglob("*.xml"))
    found = [JUnitXml.fromfile(str(path)) for path in reports]
    bad = tests = 0
    for report in found:
        for suite in [report] if not hasattr(report, "__iter__") else list(report):
            for case in suite if hasattr(suite, "__iter__") else []:
                tests += 1
                bad += any(type(r).__name__ in ("Failure", "Error") for r in getattr(case, "result", []))
    return bool(found) and bad == 0


def sarif_tools_rule(folders: list[Path]) -> tuple[int, int]:
    """Promote when sarif-tools reads every SARIF file and counts no error; how often, and its crashes."""
    from readers_tools import python

    files = {folder: [str(path) for path in sorted(folder.rglob("*.sarif"))] for folder in folders}
    asked = {"sarif": [path for paths in files.values() for path in paths], "seconds": 3}
    command = [str(python("python")), str(Path(__file__).with_name("readers_peers.py"))]
    ran = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
    answers = json.loads(ran.stdout)
    promoted = crashed = 0
    for paths in files.values():
        told = [answers.get(path) for path in paths]
        if None in told:
            crashed += 1
        elif told:
            promoted += not sum(answer["levels"].get("error", 0) for answer in told)
    return promoted, crashed
