"""The parts of the selection bench. Each keeps what it has measured, so that a run which is cut goes on.

What is true of a change (which tests come by it, which fail on it) is kept for good; what Signalbox made of
it is kept for the version of Signalbox that made it, known by the digest of its files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selection_mutants import Mutant, commit_mutant, drawn, failing
from selection_peers import options, record_testmon, with_peer
from selection_project import CACHE, SCRIPTS, Project, chosen

STORE = CACHE / "selection"
LOOKS = 12
Row = dict[str, Any]


def version() -> str:
    """A digest of what chooses: the plugin, the rooms, the scripts."""
    root = SCRIPTS.parent
    digest = hashlib.sha256()
    files = [SCRIPTS / "index_tests.py", SCRIPTS / "select_tests.py"]
    for folder in ("plugin/src", "scripts/signalbox/selection", "scripts/signalbox/change"):
        files += (root / folder).rglob("*.py")
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Rows:
    """Rows of one part and project, one JSON object a line; a half-written last line is forgotten."""

    def __init__(self, part: str, project: str, tag: str) -> None:
        self.path = STORE / project / f"{part}-{tag}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.rows: dict[str, Row] = {}
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                self.rows[row["name"]] = row

    def __contains__(self, name: str) -> bool:
        return name in self.rows

    def add(self, row: Row) -> None:
        """Keep one row."""
        self.rows[row["name"]] = row
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def steady(project: Project) -> frozenset[str]:
    """Tests that fail on the release itself; they say nothing of a change."""
    store = STORE / project.name / f"steady-{project.about.release}.json"
    if not store.exists():
        store.parent.mkdir(parents=True, exist_ok=True)
        bad = project.pytest().failed | project.pytest().failed
        store.write_text(json.dumps(sorted(bad)))
    return frozenset(json.loads(store.read_text()))


def _drawn(project: Project, wanted: int, seed: int) -> list[tuple[Mutant, frozenset[str]]]:
    store = STORE / project.name / f"drawn-{project.about.release}-{wanted}-{seed}.json"
    if not store.exists():
        store.parent.mkdir(parents=True, exist_ok=True)
        found = drawn(project, wanted, seed)
        store.write_text(json.dumps([[*mutant, sorted(tests)] for mutant, tests in found]))
    return [(Mutant(*row[:4]), frozenset(row[4])) for row in json.loads(store.read_text())]


def _truth(project: Project, mutant: Mutant) -> Path:
    name = hashlib.sha256(f"{project.about.release} {mutant}".encode()).hexdigest()[:16]
    return STORE / project.name / "truth" / f"{name}.json"


def mutants(project: Project, wanted: int, seed: int) -> Iterator[Row]:
    """A row for each mutant: how many tests come by it, are selected, fail, and which of them were missed."""
    rows = Rows("mutants", project.name, version())
    found = _drawn(project, wanted, seed)
    bad = steady(project)
    recorded = False
    for mutant, executed in found:
        if mutant.name not in rows:
            if not recorded:
                project.record()
                recorded = True
            commit_mutant(project, mutant)
            truth = failing(project, _truth(project, mutant), bad)
            if truth is not None:
                rows.add(_mutant_row(project, mutant, executed, truth, bad))
            project.back()
        if mutant.name in rows:
            row = rows.rows[mutant.name]
            by_chance = set(row["missed"]) & _by_chance(project, row["missed"])
            told = {"missed": sorted(set(row["missed"]) - by_chance), "by_chance": sorted(by_chance)}
            yield {**row, **told, "failed": row["failed"] - len(by_chance)}


def _by_chance(project: Project, missed: list[str]) -> set[str]:
    """Of tests that a plan missed, those that now and then fail on the release itself: they say nothing."""
    store = STORE / project.name / f"by-chance-{project.about.release}.json"
    known: dict[str, bool] = json.loads(store.read_text()) if store.exists() else {}
    new = sorted(set(missed) - known.keys())
    if new:
        project.back()
        failed = frozenset[str]().union(*(project.pytest(*new).failed for _ in range(LOOKS)))
        known |= {test: test in failed for test in new}
        store.write_text(json.dumps(known))
    return {test for test in missed if known[test]}


def _mutant_row(
    project: Project, mutant: Mutant, executed: frozenset[str], truth: Row, bad: frozenset[str]
) -> Row:
    decision, seconds = project.select()
    recorded = project.known()
    known = set(recorded) - bad
    selected = chosen(decision, known)
    floor, failed = executed & known, set(truth["failed"]) & known
    missed = failed - selected
    # One that passes by itself fails in the whole run by what another test left behind.
    alone = {test for test in sorted(missed)[:20] if not project.pytest(test).failed} if missed else set()
    return {
        "name": mutant.name,
        "tests": len(known),
        "selected": len(selected),
        "floor": len(floor),
        "failed": len(failed),
        "missed": sorted(missed - alone),
        "left_behind": sorted(alone),
        "below_floor": sorted(floor - selected)[:20],
        "above_floor": sorted(selected - floor)[:20],
        "verdict": decision["verdict"],
        "why": [reason["text"] for reason in decision["reasons"]][:4],
        # Run while modules are imported or tests collected: more tests depend on it than execute it.
        "import_time": "" in executed,
        "plan_seconds": seconds,
        "full_cpu": truth["cpu"],
        "selected_seconds": sum(recorded[test][0] for test in selected),
        "all_seconds": sum(recorded[test][0] for test in known),
    }


def peers(project: Project, wanted: int, among: int, seed: int) -> Iterator[Row]:
    """The first ``wanted`` mutants with every tool: tests run, failures missed, CPU of plan and run."""
    rows = Rows("peers", project.name, version())
    bad = steady(project)
    ready = False
    for mutant, executed in _drawn(project, among, seed)[:wanted]:
        truth_file = _truth(project, mutant)
        if not truth_file.exists() or json.loads(truth_file.read_text()) is None:
            continue
        truth = json.loads(truth_file.read_text())
        if mutant.name not in rows:
            if not ready:
                project.record()
                record_testmon(project)
                ready = True
            commit_mutant(project, mutant)
            known = set(project.known()) - bad
            row: Row = {"name": mutant.name, "tests": len(known), "floor": len(executed & known)}
            row |= {"failed": len(set(truth["failed"]) & known), "full_cpu": truth["cpu"]}
            row["signalbox"] = _ours(project, bad)
            for peer in options(project):
                found = with_peer(project, peer, bad)
                if "failed" in found:
                    found["missed"] = len(set(truth["failed"]) & known - set(found.pop("failed")))
                row[peer] = found
            rows.add(row)
            project.back()
        yield rows.rows[mutant.name]


def _ours(project: Project, bad: frozenset[str]) -> Row:
    """Signalbox on the commit checked out: the plan and the run of what it selects."""
    from selection_project import spent

    cpu = spent()
    project.select()
    plan = spent() - cpu
    run = project.pytest(f"@{project.folder / 'tests.txt'}", FAILED_LIMIT="6")
    return {
        "ran": len(set(run.ran)),
        "cpu": plan + run.cpu,
        "seconds": run.seconds,
        "bad": len(run.failed - bad),
    }


def overhead(project: Project, times: int, tag: str) -> Row:
    """CPU of recording (writing the index included) over the plain run's: the least of several, in turns."""
    rows = Rows("overhead", project.name, version())
    if tag not in rows:
        project.plain()
        project.record()
        plain, recorded = [], []
        for _ in range(times):
            plain.append(project.plain())
            recorded.append(project.record())
        row = {"name": tag, "plain": min(plain), "recorded": min(recorded), "times": times}
        row["bytes_per_test"] = project.index.stat().st_size / max(1, len(project.known()))
        if tag == "3.11":
            row["testmon"] = record_testmon(project)
        rows.add(row)
    return rows.rows[tag]
