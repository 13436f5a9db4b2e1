"""Blind spots: generated projects with one module for each kind; each is changed once, and everything run.

A *silent green* is a change on which tests fail and none of those that fail is selected: the worst there is.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selection_more_kinds import KINDS
from selection_parts import STORE, Row, Rows, version
from selection_peers import options, record_testmon, with_peer
from selection_project import About, Project, chosen, environment

CONFIG = '[tool.pytest.ini_options]\npythonpath = ["."]\n'
EVERY = "*"
PEERS_WORLDS = 1  # the peers see so many of the worlds


class World(Project):
    """A project made of one spot of each kind, for ``seed``."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.name, self.about = f"world-{seed}", About("", "pkg", (), "", "")
        self.spots = {kind: make(random.Random(f"{seed} {kind}")) for kind, make in sorted(KINDS.items())}
        self.start(folder, environment("sqlparse", sys.executable, ()))
        self.repo.mkdir()
        files = {"pyproject.toml": CONFIG, "pkg/__init__.py": "", ".gitignore": "__pycache__/\n"}
        for spot in self.spots.values():
            files |= spot.files
        for name, text in files.items():
            target = self.repo / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.git("init", "-q", "-b", "main")
        self.commit("world")

    def change(self, kind: str) -> None:
        """Commit the change of a kind on a branch of its own."""
        self.back()
        self.git("clean", "-q", "-f", "-d", "-x")  # an empty folder of compiled code is a package
        self.git("checkout", "-q", "-B", "change")
        spot = self.spots[kind]
        target = self.repo / spot.path
        if spot.new is None:
            target.unlink()
        elif not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(spot.new)
        else:
            text = target.read_text()
            if spot.old not in text:
                raise SystemExit(f"{kind}: {spot.path} does not hold {spot.old!r}")
            target.write_text(text.replace(spot.old, spot.new, 1))
        self.commit(kind)


def blind(folder: Path, worlds: int, seed: int) -> Iterator[Row]:
    """A row for each kind in each world."""
    rows = Rows("blind", "worlds", version())
    for number in range(seed, seed + worlds):
        names = {kind: f"{number} {kind}" for kind in KINDS}
        if all(name in rows for name in names.values()):
            yield from (rows.rows[name] for name in names.values())
            continue
        world = World(folder, number)
        world.record()
        bad = world.pytest().failed
        if bad:
            raise SystemExit(f"{world.name}: fails before any change: {sorted(bad)[:5]}")
        with_peers = number < seed + PEERS_WORLDS
        if with_peers:
            record_testmon(world)
        for kind, name in names.items():
            if name not in rows:
                world.change(kind)
                rows.add({"name": name, "kind": kind, **_row(world, with_peers)})
            yield rows.rows[name]
        print(f"blind: world {number}", file=sys.stderr, flush=True)


def _row(world: World, with_peers: bool) -> Row:
    decision, _ = world.select()
    known = set(world.known())
    failed = set(_failing(world))
    lines = (world.folder / "tests.txt").read_text().splitlines()
    run = chosen(decision, known)
    caught = {test for test in failed if test in run or _named(test, lines)}
    caught |= {EVERY} & failed if run == known else set()
    row: Row = {
        "failed": len(failed),
        "missed": sorted(failed - caught),
        "silent": bool(failed) and not caught,
        "selected": len(run),
        "tests": len(known),
        "full": bool(decision["outputs"]["test_plan"]["full_suite"]),
    }
    if with_peers:
        row["peers"] = {}
        for peer in options(world):
            found = with_peer(world, peer, frozenset())
            silent = "broke" not in found and bool(failed) and not set(found["failed"])
            row["peers"][peer] = {"silent": silent, "ran": found.get("ran"), "broke": found.get("broke", "")}
    return row


def _named(test: str, lines: list[str]) -> bool:
    """Whether pytest, given these arguments, runs a test that the index does not know, or collects a file."""
    test = test.removeprefix("collection:")
    path = test.partition("::")[0]
    ways = {test, test.partition("[")[0], path, *(str(parent) for parent in Path(path).parents)}
    return bool(ways & {line.rstrip("/") for line in lines})


def _failing(world: World) -> list[str]:
    store = STORE / "worlds" / "truth" / f"{world.git('rev-parse', 'HEAD^{tree}').strip()}.json"
    if not store.exists():
        store.parent.mkdir(parents=True, exist_ok=True)
        try:
            run = world.pytest(FAILED_LIMIT="6")
            # Where pytest does not even begin, every test is broken.
            failed = sorted(run.failed) or ([EVERY] if run.code not in (0, 1, 5) else [])
        except subprocess.TimeoutExpired:
            failed = []
        store.write_text(json.dumps(failed))
    found: Any = json.loads(store.read_text())
    return list(found)
