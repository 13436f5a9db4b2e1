"""How every bench says what it found: a table for people, a file for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Figure:
    """One figure beside its peers' from the same run.

    ``goal`` is what it is to reach (``<= 0.3``, ``>= 0.85``) or empty; ``n`` counts what it was
    measured on; ``seed`` is -1 where nothing was random.
    """

    figure: str
    value: float
    unit: str
    peers: dict[str, float] = field(default_factory=dict)
    n: int = 1
    seed: int = -1
    goal: str = ""

    def reached(self) -> bool | None:
        """Whether the goal was reached; ``None`` without one."""
        if not self.goal:
            return None
        sign, limit = self.goal.split()
        return self.value <= float(limit) if sign == "<=" else self.value >= float(limit)


def report(name: str, figures: Sequence[Figure]) -> int:
    """Print the table, write ``bench/results/<name>.json``, return 1 when a goal was missed."""
    command = f"make bench-{name}"
    peers = sorted({peer for figure in figures for peer in figure.peers})
    rows = [["figure", "value", "unit", "goal", "", *peers, "n"]]
    for figure in figures:
        mark = {None: "", True: "reached", False: "MISSED"}[figure.reached()]
        others = [_number(figure.peers[peer]) if peer in figure.peers else "" for peer in peers]
        rows.append(
            [figure.figure, _number(figure.value), figure.unit, figure.goal, mark, *others, str(figure.n)]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    found = [asdict(figure) | {"command": command} for figure in figures]
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path.relative_to(FOLDER.parent.parent)}", file=sys.stderr)
    return 1 if any(figure.reached() is False for figure in figures) else 0


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e9 else f"{value:.3g}"
