"""What the outside is told of a gate: a commit status, one comment, the answer to a protection rule."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Decision
from signalbox.errors import InputError
from signalbox.gates.show import blocks

STATES = {"PASS": "success", "NOT_VERIFIED": "pending", "FAIL": "failure"}


def tell(
    client: Any, decision: Decision, *, pull: str, status: bool, run: str, environment: str, url: str
) -> str:
    """Tell it; returns what was told, by name. Raises GitHubError where a write did not happen.

    Until the mode is enforce only the comment is written: a status that is not green would hold a merge up,
    one that is would let it through, and an answered rule would deploy.
    """
    from signalbox.github.approvals import answer_protection_rule
    from signalbox.render.markdown import comment

    gate = str(decision.outputs["gate"])
    first = decision.reasons[0].text if decision.reasons else ""
    told = []
    enforced = decision.mode == "enforce"
    if status and decision.subject.commit and enforced:
        state: Any = STATES[decision.verdict]
        client.set_status(decision.subject.commit, f"signalbox/{gate}", state, first, url)
        told.append("status")
    if pull:
        if not pull.isdigit():
            raise InputError("this is not a number", where="--pull", why=pull[:40])
        key = f"gate-{gate}"
        client.upsert_comment(int(pull), key, comment(decision, blocks(decision, run=url)))
        told.append("comment")
    if environment and enforced:
        if not run.isdigit():
            raise InputError("no run is named whose deployment waits", where="--run-id")
        # Only a verdict that permits lets anything pass; what a person must decide stays closed meanwhile,
        # and is not turned away either: a rejection ends the run.
        if decision.verdict != "NOT_VERIFIED":
            approve = decision.verdict == "PASS"
            answer_protection_rule(client, int(run), environment, approve=approve, text=first)
            told.append("protection rule")
    if not enforced and (status or environment):
        told.append("no status: only observed")
    return " ".join(told)
