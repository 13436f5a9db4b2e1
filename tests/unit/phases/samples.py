"""One good record of each phase, as plain values."""

SHA = "a" * 40
BASE = {"work_item": "ABC-1", "at": "2026-03-02T12:00:00Z", "by": "ada"}
ITEM = {
    "ref": "junit.xml",
    "sha256": "0" * 64,
    "producer": "ci",
    "kind": "tests",
    "tier": "installed-command",
}
CRITERION = {
    "id": "AC1",
    "requirements": ["R1"],
    "result": "PASS",
    "claims_tier": "adapter",
    "evidence": ["junit.xml"],
}
SAMPLES = {
    "idea-to-backlog": {
        "source_ideas": ["a note"],
        "current_phase": "prioritised",
        "triage": "accept",
        "brief": "b",
        "story": "s",
        "outcome": "o",
        "requirements": ["R1"],
        "acceptance": ["AC1"],
        "priority_reason": "p",
        "milestone": "m",
        "backlog_gate": "PASS",
        "links": ["item/1"],
    },
    "pull-work": {
        "readiness": "ready",
        "wip_notes": "2 of 3",
        "blockers": [],
        "probe_notes": "",
        "worktree": "own",
        "allowed_scope": ["shop/"],
        "done_criteria": ["AC1"],
        "hand_over": "plan-work",
    },
    "design-probe": {
        "planned_base_ref": "main",
        "planned_base_sha": SHA,
        "target_sha": SHA,
        "drift": "none",
        "routing": "plan-work",
    },
    "plan-work": {
        "definition_of_done": ["d"],
        "requirement_trace": {"R1": ["AC1"]},
        "task_trace": {"AC1": ["t"]},
        "expected_evidence": {"AC1": "a test"},
        "stop_short_risks": [],
        "durable_docs": "docs/x.md",
    },
    "execute": {"changes": ["shop/price.py"], "notes": "n"},
    "review-work": {
        "reviews": [{"reviewer": "bob", "aspect": "quality", "verdict": "approve"}],
        "findings": [
            {"id": "F1", "severity": "low", "text": "t", "references": ["a.py:3"], "resolution": "fixed"}
        ],
        "security_called_for": False,
    },
    "verify-work": {"commit": SHA, "criteria": [CRITERION], "manifest": [ITEM], "result": "PASS"},
    "goal-fit": {"outcome": "a cart shows its total", "met": True, "observed": "seen in the storefront"},
    "evidence-gate": {
        "criteria_map": {"AC1": "PASS"},
        "manifest": [ITEM],
        "ci_summary": "9 passed",
        "verdict": "PASS",
        "scope_and_integrity": "in scope, nothing weakened",
        "next_step": "publish",
    },
    "publish-change": {
        "provider": "github",
        "commit": SHA,
        "pushed_ref": "refs/heads/x",
        "work_item_ref": "item/1",
        "board_ref": "",
        "change_ref": "change/7",
        "closing_reference_recognised": True,
        "checks": ["unit"],
        "evidence_refs": ["evidence.json"],
        "next_action": "wait for review",
    },
    "release-readiness": {
        "scope": "s",
        "evidence_ref": "gate-1",
        "risk_review": "r",
        "operational_plan": "o",
        "rollback_plan": "b",
        "observability_plan": "p",
        "acceptance_docs": {"state": "promoted", "reference": "docs/x.md"},
        "post_deploy_checks": ["health"],
        "decision": "deploy",
    },
    "learning-review": {
        "outcome": "o",
        "evidence": ["e"],
        "facts": ["f"],
        "decisions": [],
        "docs_state": "promoted",
        "gaps": [],
        "follow_ups": [],
        "knowledge_updates": [],
        "correction": {"needed": False},
        "verdict": "clean",
    },
}
SAMPLES = {phase: BASE | fields for phase, fields in SAMPLES.items()}
