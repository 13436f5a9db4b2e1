"""What the phases' records hold, as questions to the command line: kept whole, refused without each part.

One row for each thing that the specification's table of phases names; the third question is asked of a reader
that does not require the part: then the record without it must be kept, or the row has proved nothing.
"""

from __future__ import annotations

import contextlib
import copy
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from gates_world import ROOT, World

sys.path.insert(0, str(ROOT / "tests"))
try:
    from unit.phases.samples import SAMPLES
finally:
    sys.path.remove(str(ROOT / "tests"))

HOLDS: dict[str, dict[str, str]] = {
    "idea-to-backlog": {
        "source ideas": "source_ideas", "current phase": "current_phase", "triage decision": "triage",
        "shaped brief": "brief", "story": "story", "outcome": "outcome", "requirement ids": "requirements",
        "acceptance ids": "acceptance", "why this priority": "priority_reason", "milestone": "milestone",
        "backlog gate": "backlog_gate", "links to work items": "links",
    },
    "pull-work": {
        "selected item": "work_item", "readiness class": "readiness", "WIP notes": "wip_notes",
        "blockers": "blockers", "probe notes": "probe_notes", "worktree decision": "worktree",
        "allowed scope": "allowed_scope", "done criteria": "done_criteria", "hand-over": "hand_over",
    },
    "design-probe": {
        "planned base ref": "planned_base_ref", "planned base SHA": "planned_base_sha",
        "target's SHA": "target_sha", "drift class": "drift", "routing": "routing",
    },
    "plan-work": {
        "definition of done": "definition_of_done", "requirements to acceptance": "requirement_trace",
        "acceptance to tasks": "task_trace", "evidence expected": "expected_evidence",
        "stop-short risks": "stop_short_risks", "durable-docs target": "durable_docs",
    },
    "execute": {"changes": "changes", "notes": "notes"},
    "review-work": {
        "reviewer ids": "reviews.reviewer", "verdicts": "reviews.verdict", "findings": "findings",
        "severity": "findings.severity", "references": "findings.references",
        "resolution": "findings.resolution",
    },
    "verify-work": {
        "criteria": "criteria", "evidence": "manifest", "a FAIL is kept": "result",
        "what it is about": "commit",
    },
    "goal-fit": {"the user-visible outcome": "outcome", "met or not": "met"},
    "evidence-gate": {
        "criteria map": "criteria_map", "evidence manifest": "manifest", "CI summary": "ci_summary",
        "scope and integrity": "scope_and_integrity", "verdict": "verdict", "next step": "next_step",
    },
    "publish-change": {
        "provider": "provider", "commit": "commit", "pushed ref": "pushed_ref",
        "work-item ref": "work_item_ref", "board ref": "board_ref", "change ref": "change_ref",
        "closing reference": "closing_reference_recognised", "checks": "checks",
        "evidence refs": "evidence_refs", "next action": "next_action",
    },
    "release-readiness": {
        "scope": "scope", "evidence ref": "evidence_ref", "risk review": "risk_review",
        "operational plan": "operational_plan", "rollback plan": "rollback_plan",
        "observability plan": "observability_plan", "final acceptance docs": "acceptance_docs",
        "post-deploy checks": "post_deploy_checks", "decision": "decision",
    },
    "learning-review": {
        "outcome": "outcome", "evidence": "evidence", "facts": "facts", "decisions": "decisions",
        "docs state": "docs_state", "gaps": "gaps", "follow-ups": "follow_ups",
        "knowledge updates": "knowledge_updates", "correction": "correction", "verdict": "verdict",
    },
}  # fmt: skip
"""Phase → what the specification says its record holds → the field, ``list.field`` for one of each entry."""


@dataclass
class PhaseRow:
    """One part of one record."""

    phase: str
    name: str
    field: str

    @property
    def table(self) -> str:
        """As the other rows have it."""
        return f"phase {self.phase}"

    def judge(self, here: World) -> str:
        """Empty when the whole record is kept, the one without the part refused, and the part is why."""
        whole, less = SAMPLES[self.phase], _without(SAMPLES[self.phase], self.field)
        if (code := _keep(here, self.phase, whole)[0]) != 0:
            return f"holds: exit code {code} instead of 0"
        code, said = _keep(here, self.phase, less)
        if code != 2 or self.field.rpartition(".")[2] not in said:
            return f"broken: exit code {code}, {said[:100]!r}"
        with _not_required(self.phase, self.field):
            if _keep(here, self.phase, less)[0] == 2:
                return "without the requirement it is refused all the same"
        return ""


def every() -> list[PhaseRow]:
    """All rows, phase by phase."""
    return [PhaseRow(phase, name, field) for phase, parts in HOLDS.items() for name, field in parts.items()]


def _without(record: dict[str, Any], field: str) -> dict[str, Any]:
    less = copy.deepcopy(record)
    outer, _, inner = field.rpartition(".")
    for place in less[outer] if outer else [less]:
        del place[inner]
    return less


def _keep(here: World, phase: str, record: dict[str, Any]) -> tuple[int, str]:
    folder = Path(here.repo) / ".git" / "phases"
    folder.mkdir(exist_ok=True)
    file = folder / "record.json"
    file.write_text(json.dumps(record))
    (folder / "policy.yml").touch()
    found = here.ask(
        "record_phase", "record", "--phase", phase, "--record", str(file), "--folder", str(folder / "work"),
        "--config", ".git/phases/policy.yml",
    )  # fmt: skip
    return found.code, found.output


@contextlib.contextmanager
def _not_required(phase: str, field: str) -> Iterator[None]:
    """A reader whose record leaves the part out: what deleting its line would make of it."""
    from signalbox.phases import records

    before = records.KINDS[phase]
    loose = msgspec.defstruct(
        "Loose", [(field.partition(".")[0], Any, None)], bases=(records.Record,), frozen=True, kw_only=True
    )
    records.KINDS[phase] = loose
    try:
        yield
    finally:
        records.KINDS[phase] = before
