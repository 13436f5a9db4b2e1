"""The peers on the same changes: what they select and miss, and what a run with them takes.

Each is run as its manual says, on the change as a commit on top of the release. pytest-testmon starts
from the data that it recorded on the release.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

from selection_project import Project, spent

MODULES = {"src": "src/{0}", "pkg": "pkg"}
NAMES = {"jinja": "jinja2"}


def options(project: Project) -> dict[str, list[str]]:
    """Each peer's arguments of pytest."""
    module = MODULES.get(project.about.code, "{0}").format(NAMES.get(project.name, project.name))
    return {
        "testmon": ["--testmon"],
        "impacted": [
            *("--impacted", f"--impacted-module={module}", "--impacted-tests-dir=tests"),
            *("--impacted-git-mode=branch", "--impacted-base-branch=main"),
        ],
        "selective": ["--selective", "--selective-base=main"],
    }


def record_testmon(project: Project) -> float:
    """CPU seconds of pytest-testmon's own recording of the release; nan when it does not get through."""
    base = project.folder / "testmon.base"
    base.unlink(missing_ok=True)
    cpu = spent()
    try:
        run = project.pytest("--testmon", limit=300, peer="testmon", TESTMON_DATAFILE=str(base))
    except subprocess.TimeoutExpired:
        return float("nan")
    return spent() - cpu if run.code in (0, 1) and base.exists() else float("nan")


def with_peer(project: Project, peer: str, steady: frozenset[str]) -> dict[str, Any]:
    """One run on the commit checked out: tests that ran, that failed, seconds; or how it broke."""
    data = project.folder / "testmon.now"
    for left in project.folder.glob("testmon.now*"):
        left.unlink()
    if (project.folder / "testmon.base").exists():
        shutil.copy(project.folder / "testmon.base", data)
    elif peer == "testmon":
        return {"broke": "it could not record the release"}
    try:
        run = project.pytest(
            *options(project)[peer], limit=300, peer=peer, TESTMON_DATAFILE=str(data), FAILED_LIMIT="6"
        )
    except subprocess.TimeoutExpired:
        return {"broke": "its run did not end"}
    if run.code not in (0, 1, 5):
        return {"broke": f"it ended with {run.code}"}
    found = {"ran": len(set(run.ran)), "failed": sorted(run.failed - steady)}
    return {**found, "cpu": run.cpu, "seconds": run.seconds}
