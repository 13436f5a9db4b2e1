"""Other people's detectors and splitters, in an environment of their own below .cache/bench."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent / ".cache" / "bench" / "learning-peers"
NEEDS = ("river==0.26.1", "pytest-split==0.11.0", "pytest")

_DETECT = """
import json, sys
from river import drift
from river.drift import binary
asked = json.load(sys.stdin)
make = {"ADWIN": drift.ADWIN, "Page-Hinkley": drift.PageHinkley, "DDM": binary.DDM}
out = {}
for name, kind in make.items():
    alarms = []
    for stream in asked:
        detector, at = kind(), None
        for index, event in enumerate(stream, 1):
            detector.update(event)
            if detector.drift_detected:
                at = index
                break
        alarms.append(at)
    out[name] = alarms
json.dump(out, sys.stdout)
"""
_SPLIT = """
import json, sys
from pytest_split import algorithms
class Item:
    def __init__(self, nodeid): self.nodeid = nodeid
    def __repr__(self): return self.nodeid
out = []
for job in json.load(sys.stdin):
    split = algorithms.LeastDurationAlgorithm()
    groups = split(job["runners"], [Item(n) for n in job["names"]], job["known"])
    out.append([[item.nodeid for item in group.selected] for group in groups])
json.dump(out, sys.stdout)
"""


def environment() -> Path | None:
    """The peers' interpreter, made on first use; None (and a word why) where that is not possible."""
    python = HOME / "bin" / "python"
    if python.exists():
        return python
    made = subprocess.run(["uv", "venv", "--quiet", "--clear", str(HOME)], capture_output=True, check=False)
    if made.returncode == 0:
        command = ["uv", "pip", "install", "--quiet", "--python", str(python), *NEEDS]
        made = subprocess.run(command, capture_output=True, check=False)
    if made.returncode:
        print(f"peers are left out: {made.stderr.decode(errors='replace').strip()[-300:]}", file=sys.stderr)
        return None
    return python


def alarms(streams: list[list[int]]) -> dict[str, list[int | None]]:
    """Detector → after how many observations of each stream it first alarms; empty without the peers."""
    found: dict[str, list[int | None]] = _ask(_DETECT, streams) or {}
    return found


def split(jobs: list[dict[str, Any]]) -> list[list[list[str]]]:
    """pytest-split's groups for each job: ``names`` into ``runners`` by the ``known`` durations."""
    found: list[list[list[str]]] = _ask(_SPLIT, jobs) or []
    return found


def _ask(program: str, question: Any) -> Any:
    python = environment()
    if python is None:
        return None
    done = subprocess.run(
        [str(python), "-c", program], input=json.dumps(question), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the peers failed: {done.stderr[-1000:]}")
    return json.loads(done.stdout)
