"""make bench-readers: reports of real tools whose truth is known, read by us, junitparser and sarif-tools."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from readers_case import Case
from readers_cases import every
from readers_held_out import held_out
from readers_scanners import scanners
from readers_tools import Missing, python
from results import FOLDER, Figure, report

from signalbox.evidence import read

HERE = Path(__file__).resolve().parent
LEVELS = {"error": "high", "warning": "medium", "note": "low", "none": "none"}


def ours(case: Case, path: Path) -> bool:
    """Whether every number we read, and whether it can be trusted, is as it must be."""
    found = read(path)
    facts = dict(found.facts)
    if "levels" in case.truth:
        severities = facts.get("by_severity", {})
        facts["levels"] = {k: severities.get(v, 0) for k, v in LEVELS.items() if severities.get(v, 0)}
    wrong = {key: (facts.get(key), value) for key, value in case.truth.items() if facts.get(key) != value}
    if found.status != case.status:
        wrong["status"] = (found.status, case.status)
    if wrong:
        print(f"NOT EXACT  {case.tool} {case.name}: {wrong} {found.gaps}", file=sys.stderr)
    return not wrong


def peers(made: Iterable[tuple[Case, Path]]) -> dict[str, Any]:
    """The peers' answers by path, from one process of the environment they live in."""
    asked: dict[str, Any] = {"junit": [], "sarif": [], "seconds": 10}
    for case, path in made:
        if case.form in asked:
            asked[case.form].append(str(path))
    command = [str(python("python")), str(HERE / "readers_peers.py")]
    ran = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=600
    )
    answers: dict[str, Any] = json.loads(ran.stdout)
    return answers


def agrees(case: Case, answer: Any) -> bool:
    """A peer is asked for numbers only: none of them says whether a report can be trusted."""
    return answer is not None and all(
        answer.get(key) == value for key, value in case.truth.items() if key in ("total", *answer)
    )


def make_all(cases: Iterable[Case], place: Path) -> tuple[list[tuple[Case, Path]], dict[str, str]]:
    """Every report that could be made, and why those of other tools could not."""
    made: list[tuple[Case, Path]] = []
    missing: dict[str, str] = {}
    for number, case in enumerate(cases):
        folder = place / str(number)
        folder.mkdir(parents=True)
        try:
            path = case.make(folder)
            if not path.is_file():
                raise Missing("it wrote no report")
            made.append((case, path))
        except (Missing, RuntimeError, OSError, ValueError, subprocess.TimeoutExpired) as error:
            missing[f"{case.tool} {case.name}"] = f"{type(error).__name__}: {error}"[:300]
    return made, missing


def by_form(made: Iterable[tuple[Case, Path]], exact: dict[int, bool], group: str) -> list[Figure]:
    """Our share and a peer's, for the forms that a peer reads."""
    made = list(made)
    answers = peers(made)
    figures = []
    for form, peer in (("junit", "junitparser"), ("sarif", "sarif-tools")):
        asked = [(case, path) for case, path in made if case.form == form]
        if not asked:
            continue
        right = sum(exact[id(case)] for case, _ in asked) / len(asked)
        theirs = sum(agrees(case, answers[str(path)]) for case, path in asked) / len(asked)
        goal = ">= 1" if not group else ""
        figures.append(
            Figure(f"{group}read exactly, {form}", right, "share", {peer: theirs}, len(asked), goal=goal)
        )
    return figures


def main() -> int:
    """Make every report, ask everybody, count. ``held-out`` as argument: those alone, the others kept."""
    figures: list[Figure] = []
    alone = sys.argv[1:] == ["held-out"]
    if alone:
        rows = json.loads((FOLDER / "readers.json").read_text(encoding="utf-8"))
        kept = [{key: value for key, value in row.items() if key != "command"} for row in rows]
        figures = [Figure(**row) for row in kept if not row["figure"].startswith("held out: ")]
    with tempfile.TemporaryDirectory(prefix="signalbox-readers-") as name:
        for group, cases in (("", every()), ("held out: ", chain(held_out(), scanners()))):
            if alone and not group:
                continue
            made, missing = make_all(cases, Path(name) / (group.split(":")[0] or "known"))
            for tool, why in missing.items():
                print(f"left out: {tool} ({why})", file=sys.stderr)
            exact = {id(case): ours(case, path) for case, path in made}
            tools = Counter(case.tool for case, _ in made)
            right = Counter(case.tool for case, _ in made if exact[id(case)])
            goals = ("", "", "") if group else (">= 60", ">= 12", ">= 1")
            share = sum(exact.values()) / max(len(made), 1)
            figures += [
                Figure(f"{group}real reports made", len(made), "reports", n=len(made), goal=goals[0]),
                Figure(f"{group}by different tools", len(tools), "tools", n=len(made), goal=goals[1]),
                Figure(f"{group}read exactly", share, "share", n=len(made), goal=goals[2]),
                *by_form(made, exact, group),
                *(Figure(f"{group}{t}", right[t] / tools[t], "share", n=tools[t]) for t in sorted(tools)),
            ]
    return report("readers", figures)


if __name__ == "__main__":
    sys.exit(main())
