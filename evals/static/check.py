"""The static lane: every must and must-not of evals/contracts/ holds. Seconds, no model, no network.

usage: check.py [FOLDER]      prints the evidence as Markdown; exit 1 names each clause that does not hold
"""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.contracts import Unreadable, check, read_clauses, read_folder
from signalbox.errors import SignalboxError

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Check, show, and end with 1 when anything does not hold."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "contracts"
    path = HERE / "clauses.yaml"
    try:
        contracts, texts = read_folder(folder)
        clauses = read_clauses(path.read_bytes(), str(path))
        faults = check(contracts, texts, clauses)
    except (Unreadable, SignalboxError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("| contract | must | must not | record | holds |\n|---|---|---|---|---|")
    for name, phase in clauses.items():
        wrong = [fault for fault in faults if fault.where.split(" ")[0] == name]
        counts = f"{len(phase.must)} | {len(phase.must_not)} | {len(phase.fields)}"
        print(f"| {name} | {counts} | {'no' if wrong else 'yes'} |")
    if faults:
        print("\n" + "\n".join(f"- {fault.where}: {fault.text}" for fault in faults))
    return 1 if faults or not contracts else 0


if __name__ == "__main__":
    sys.exit(main())
