"""make bench-readers: reports of real tools whose truth is known, read by us, junitparser and sarif-tools."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from readers_case import Case
from readers_cases import every
from readers_tools import Missing, python
from results import Figure, report

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


def main() -> int:
    """Make every report, ask everybody, count."""
    with tempfile.TemporaryDirectory(prefix="signalbox-readers-") as name:
        made: list[tuple[Case, Path]] = []
        missing: dict[str, str] = {}
        for number, case in enumerate(every()):
            folder = Path(name) / str(number)
            folder.mkdir()
            try:
                path = case.make(folder)
                if not path.is_file():
                    raise Missing("it wrote no report")
                made.append((case, path))
            except Missing as error:
                missing[case.tool] = str(error)
        exact = {id(case): ours(case, path) for case, path in made}
        answers = peers(made)
        forms = {"junit": "junitparser", "sarif": "sarif-tools"}
        by_form: dict[str, Counter[str]] = {form: Counter() for form in forms}
        for case, path in made:
            if case.form in forms:
                tally = by_form[case.form]
                tally["all"] += 1
                tally["ours"] += exact[id(case)]
                tally["theirs"] += agrees(case, answers[str(path)])
    for tool, why in missing.items():
        print(f"left out: {tool} ({why})", file=sys.stderr)
    tools = Counter(case.tool for case, _ in made)
    right = Counter(case.tool for case, _ in made if exact[id(case)])
    figures = [
        Figure("real reports made", len(made), "reports", n=len(made), goal=">= 60"),
        Figure("by different tools", len(tools), "tools", n=len(made), goal=">= 12"),
        Figure("read exactly", sum(exact.values()) / len(made), "share", n=len(made), goal=">= 1"),
    ]
    for form, peer in forms.items():
        tally = by_form[form]
        theirs = {peer: tally["theirs"] / tally["all"]} if tally["all"] else {}
        share = tally["ours"] / max(tally["all"], 1)
        figures.append(Figure(f"read exactly, {form}", share, "share", theirs, tally["all"], goal=">= 1"))
    for tool in sorted(tools):
        figures.append(Figure(f"{tool}", right[tool] / tools[tool], "share", n=tools[tool]))
    return report("readers", figures)


if __name__ == "__main__":
    sys.exit(main())
