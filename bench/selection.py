"""Test selection on published projects: seeded mutants, blind spots and real changes, beside other tools.

Each project is fetched at a pinned release (for real changes: cloned), and its suite recorded. Five parts,
each of which keeps what it has measured in .cache/bench/selection, so that a run that is cut goes on:

  overhead  CPU of recording over the plain run's, on this Python and on those of --pythons
  mutants   one-line mutants of lines that tests execute: what fails, what is selected, the floor
  peers     some of the mutants with pytest-testmon, pytest-impacted and pytest-selective as well
  blind     changes of kinds that selection by executed lines misses
  upstream  the projects' own commits between two releases: what it would have saved

    python bench/selection.py [--parts mutants,blind] [--projects sqlparse,click] [--mutants 80] [--seed 1]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import selection_parts as parts
from selection_blind import blind
from selection_project import PROJECTS, Project, spent
from selection_tables import show
from selection_upstream import upstream

PARTS = ("overhead", "mutants", "peers", "blind", "upstream")


def main() -> int:
    """Measure what is not measured yet, print all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--projects", default=",".join(PROJECTS))
    parser.add_argument("--mutants", type=int, default=80, help="of each project")
    parser.add_argument("--peer-mutants", type=int, default=8, help="of each project, with every tool")
    parser.add_argument("--worlds", type=int, default=11, help="generated projects of the part blind")
    parser.add_argument("--commits", type=int, default=12, help="of each project, in the part upstream")
    parser.add_argument("--pythons", default="", help="more interpreters for the part overhead, by commas")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    wanted = args.parts.split(",")
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        if "blind" in wanted:
            found["blind"] = list(blind(Path(folder), args.worlds, args.seed))
        for name in args.projects.split(","):
            began, cpu = time.monotonic(), spent()
            found[name] = _project(name, Path(folder), wanted, args)
            print(f"{name}: {time.monotonic() - began:.0f} s, {spent() - cpu:.0f} s of CPU", file=sys.stderr)
    whole = set(wanted) == set(PARTS) and set(args.projects.split(",")) == set(PROJECTS)
    return show(found, args.seed, write=whole and args.mutants >= 80)


def _project(name: str, folder: Path, wanted: list[str], args: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"overhead": {}}
    project = Project(name, folder)
    if "overhead" in wanted:
        found["overhead"]["3.11"] = parts.overhead(project, 5, "3.11")
        for python in filter(None, args.pythons.split(",")):
            other = Project(name, folder / "other", python=python)
            tag = other.python.parent.parent.name.rpartition("-")[2]
            found["overhead"][tag] = parts.overhead(other, 5, tag)
    if "mutants" in wanted:
        found["mutants"] = _counted(parts.mutants(project, args.mutants, args.seed), f"{name}: mutants")
    if "peers" in wanted:
        rows = parts.peers(project, args.peer_mutants, args.mutants, args.seed)
        found["peers"] = _counted(rows, f"{name}: peers")
    if "upstream" in wanted:
        found["upstream"] = _counted(upstream(name, folder, args.commits), f"{name}: upstream")
    return found


def _counted(rows: Any, what: str) -> list[dict[str, Any]]:
    kept = []
    for row in rows:
        kept.append(row)
        if len(kept) % 10 == 0:
            print(f"{what} {len(kept)}", file=sys.stderr, flush=True)
    return kept


if __name__ == "__main__":
    sys.exit(main())
