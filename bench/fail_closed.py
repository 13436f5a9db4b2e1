"""Every gate against everything that can be missing: none may permit. Prints the matrix; exit 1 if one does.

usage: fail_closed.py [--fast]      --fast leaves out the monitor's simulated rollouts

A gate here is whatever can say yes: the rooms' decisions, the scripts that carry one out, and the jobs of
the workflows that only run if an earlier one said so. Each is first asked where everything is right and must
permit, so that its "no" means something; then once for every way in which its evidence can be

  empty       no bytes, no rows, no records          masked     GitHub's empty string where a value should be
  malformed   cut off, garbage, of another shape     skipped    the work did not run and nobody failed
  timeout     no answer in time                      cancelled  the work was ended in the middle
  5xx         the server failed

A cell counts the ways tried and how many of them permitted. "·": the gate reads nothing that can be so.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from results import Figure, report  # noqa: E402

COLUMNS = ("empty", "malformed", "timeout", "5xx", "masked", "skipped", "cancelled")
Way = Callable[[], bool]


@dataclass
class Gate:
    """``plain`` must permit; each of ``ways`` (by column) says whether the gate permitted all the same."""

    name: str
    plain: Way
    ways: dict[str, list[Way]] = field(default_factory=dict)


@dataclass
class Row:
    """What came of one gate: by column how many ways were tried and how many permitted."""

    name: str
    permits_when_all_is_right: bool
    cells: dict[str, tuple[int, int]]

    @property
    def tried(self) -> int:
        """Ways tried over all columns."""
        return sum(tried for tried, _ in self.cells.values())

    @property
    def through(self) -> int:
        """Ways that permitted."""
        return sum(through for _, through in self.cells.values())


def ask(gate: Gate) -> Row:
    """Ask one gate in all its ways."""
    cells = {}
    for column in COLUMNS:
        ways = gate.ways.get(column, [])
        cells[column] = (len(ways), sum(way() for way in ways))
    return Row(gate.name, gate.plain(), cells)


def every(folder: Path, fast: bool = False) -> list[Row]:
    """All rows of the matrix."""
    import fail_closed_rooms
    import fail_closed_scripts
    import fail_closed_workflows

    rows = [ask(gate) for gate in fail_closed_rooms.gates(folder, fast)]
    with fail_closed_scripts.gates(folder) as gates:
        rows += [ask(gate) for gate in gates]
    return rows + [ask(gate) for gate in fail_closed_workflows.gates()]


def table(rows: list[Row]) -> str:
    """The matrix as text."""
    wide = max(len(row.name) for row in rows)
    lines = [f"{'gate':<{wide}}  all right  " + "  ".join(f"{column:>9}" for column in COLUMNS)]
    for row in rows:
        shown = [f"{f'{through}/{tried}' if tried else '·':>9}" for tried, through in row.cells.values()]
        plain = "permits" if row.permits_when_all_is_right else "DENIES"
        lines.append(f"{row.name:<{wide}}  {plain:<9}  " + "  ".join(shown))
    return "\n".join(lines)


def main() -> int:
    """Ask every gate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fast", action="store_true", help="leave out the simulated rollouts")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="signalbox-fail-closed-") as name:
        rows = every(Path(name), args.fast)
    print(table(rows), end="\n\n")
    tried, through = sum(row.tried for row in rows), sum(row.through for row in rows)
    mute = [row.name for row in rows if not row.permits_when_all_is_right]
    if mute:
        print(f"these permit nothing even where all is right, so their row proves nothing: {', '.join(mute)}")
    figures = [
        Figure("ways that permit without evidence", through, "ways", n=tried, goal="<= 0"),
        Figure("gates asked", len(rows), "gates", n=len(rows)),
    ]
    return report("fail_closed", figures) or int(bool(mute))


if __name__ == "__main__":
    sys.exit(main())
