"""The projects' own commits before a release: each with the index of its parent, the plan, and both runs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from selection_parts import Row, Rows, version
from selection_project import CACHE, PROJECTS, Project, chosen, spent


def _clone(name: str) -> Path:
    """The project's history, fetched once."""
    place = CACHE / "upstream" / f"{name}.git"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        source = f"https://github.com/{PROJECTS[name].home}"
        subprocess.run(["git", "clone", "-q", "--bare", source, place], check=True)
    return place


def upstream(name: str, folder: Path, wanted: int) -> Iterator[Row]:
    """The last ``wanted`` commits before the tag that change the project's code, oldest first."""
    rows = Rows("upstream", name, version())
    about = PROJECTS[name]
    source = _clone(name)
    log = ["git", "-C", source, "log", "--no-merges", f"-{wanted}", "--format=%H", about.until]
    found = subprocess.run(
        [*log, "--", f":(glob){about.code}/**/*.py"], check=True, capture_output=True, text=True
    )
    project: Project | None = None
    for commit in reversed(found.stdout.split()):
        if commit not in rows:
            project = project or Project(name, folder / "upstream", source=source)
            rows.add({"name": commit, **_row(project, commit)})
        yield rows.rows[commit]


def _row(project: Project, commit: str) -> Row:
    parent = project.git("rev-parse", f"{commit}^").strip()
    project.git("checkout", "-q", "-f", "-B", "main", parent)
    project.git("clean", "-q", "-f", "-d")
    project.record()
    known = set(project.known())
    project.git("checkout", "-q", "-f", "-B", "change", commit)
    began, cpu = time.perf_counter(), spent()
    decision, _ = project.select()
    plan, plan_cpu = time.perf_counter() - began, spent() - cpu
    part = project.pytest(f"@{project.folder / 'tests.txt'}")
    full = project.pytest()
    again = full.failed - part.failed
    return {
        "verdict": decision["verdict"],
        "why": [reason["text"] for reason in decision["reasons"]][:3],
        "tests": len(set(full.ran)),
        "selected": len(chosen(decision, known)),
        "ran": len(set(part.ran)),
        "missed": sorted(again & set(project.pytest().failed)) if again else [],
        "seconds": plan + part.seconds,
        "full_seconds": full.seconds,
        "cpu": plan_cpu + part.cpu,
        "full_cpu": full.cpu,
    }
