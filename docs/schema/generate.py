"""Writes the JSON Schemas beside this file, and docs/policy.md, from the types that hold the records.

usage: generate.py            write them
       generate.py --check    exit 1 when a file is not what would be written
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
from reference import described, policy_page

from signalbox.config import Settings
from signalbox.decision import Bundle, Decision, Evidence
from signalbox.evals import Baseline
from signalbox.gates.model import Approval, HandOver
from signalbox.gates.rollback import Incident
from signalbox.ledger import Outcome
from signalbox.phases.records import KINDS, HandOff, State

HERE = Path(__file__).resolve().parent

SCHEMAS: dict[str, tuple[Any, str]] = {
    "signalbox": (Settings, "The policy file .github/signalbox.yml"),
    "decision": (Decision, "One decision, as --out writes it"),
    "evidence": (Evidence, "One checked fact with its source"),
    "outcome": (Outcome, "What came of a decision, as record_telemetry.py --outcome takes it"),
    "evals-baseline": (Baseline, "The stored baseline of the golden evals, as run_evals.py records it"),
    "bundle": (Bundle, "A decision with all that is needed to make it again"),
    "approval": (Approval, "One person's answer to a gate, as --approvals holds it below payload"),
    "hand-over": (HandOver, "A failure as check_gate.py --hand-over gives it to whoever must act"),
    "incident": (Incident, "A proposed rollback, as propose_rollback.py --record writes it"),
    "phase-state": (State, "Where a work item stands: state.json"),
    "phase-hand-off": (HandOff, "What the next phase is given: handoff.json"),
    **{f"phase-{name}": (kind, f"The record of {name}") for name, kind in KINDS.items()},
}


def schema_text(kind: Any, title: str) -> str:
    """The schema of one type as the text of its file."""
    schema = described(msgspec.json.schema(kind))
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write or check every schema."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    check = parser.parse_args().check
    stale = []
    for name, (kind, title) in SCHEMAS.items():
        path = HERE / f"{name}.schema.json"
        text = schema_text(kind, title)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.name)
        if not check:
            path.write_text(text, encoding="utf-8")
    page = HERE.parent / "policy.md"
    text = policy_page(described(msgspec.json.schema(Settings)))
    if not page.is_file() or page.read_text(encoding="utf-8") != text:
        stale.append(page.name)
        if not check:
            page.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"not up to date: {', '.join(stale)}. Run: make schema", file=sys.stderr)
        return 1
    print("up to date" if not stale else f"wrote {', '.join(stale)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
