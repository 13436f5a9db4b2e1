"""Which decision may be carried out: of a manual-review only one that a person has let pass since."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from signalbox.decision import Decision, PolicyRef, Reason, Subject
from signalbox.gitops import Answer, refusal
from signalbox.rollout.model import StandingApproval

DIGEST, NOW = "sha256:" + "a" * 64, "2026-05-01T12:30:00Z"
DECISION = Decision(
    id="d",
    kind="promotion",
    subject=Subject(digest=DIGEST, environment="production", commit="b" * 40),
    verdict="manual-review",
    mode="enforce",
    reasons=(Reason(code="coverage-dropped", text="coverage fell", effect="manual-review"),),
    next_action="look",
    policy=PolicyRef(sha256="0" * 64),
    decided_at="2026-05-01T12:00:00Z",
    producer="test",
)
APPROVAL = StandingApproval(
    deployment="web",
    digest=DIGEST,
    environment="production",
    approved_by="grace",
    role="reviewer of production",
    approved_at="2026-05-01T12:10:00Z",
    expires_at="2026-05-02T12:10:00Z",
)


def asked(
    approval: dict[str, Any] | None = None, decision: dict[str, Any] | None = None, **answer: Any
) -> Any:
    given = msgspec.structs.replace(APPROVAL, **(approval or {}))
    whole = {"environment": "production", "deployment": "web", "not_by": ("ada",)} | answer
    return refusal(
        msgspec.structs.replace(DECISION, **(decision or {})),
        digest=DIGEST,
        commit="b" * 40,
        now=NOW,
        max_age_hours=24,
        answer=Answer(approval=given, **whole),
    )


def test_an_approval_of_exactly_this_promotion_lets_it_pass() -> None:
    assert asked() is None
    assert asked(deployment="") is None


@pytest.mark.parametrize(
    ("approval", "said"),
    [
        ({"digest": "sha256:" + "c" * 64}, "another digest"),
        ({"environment": "staging"}, "environment 'staging'"),
        ({"environment": "Production"}, "environment 'Production'"),
        ({"deployment": "api"}, "deployment 'api'"),
        ({"approved_by": "ada"}, "made the change"),
        ({"approved_by": " ADA "}, "made the change"),
        ({"approved_by": "renovate[bot]"}, "no person"),
        ({"approved_by": " "}, "no person"),
        ({"approved_at": "2026-05-01T11:59:59Z"}, "older than the decision"),
        ({"approved_at": "2026-05-01T12:30:01Z"}, "in the future"),
        ({"expires_at": "2026-05-01T12:29:59Z"}, "expired"),
        ({"expires_at": "tomorrow"}, "cannot be read"),
        ({"approved_at": "2026-05-01T12:10:00"}, "cannot be read"),
    ],
)
def test_any_other_approval_leaves_it_to_a_person(approval: dict[str, Any], said: str) -> None:
    refused = asked(approval)
    assert refused.exit == 3
    assert said in refused.text


def test_without_knowing_the_author_nobody_can_be_told_from_them() -> None:
    assert "who made the change is not known" in asked(not_by=()).text


def test_without_an_environment_an_approval_is_bound_to_nothing() -> None:
    assert asked({"environment": ""}, environment="").exit == 3


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        ({"verdict": "block"}, 1),
        ({"verdict": "anything"}, 1),
        ({"mode": "observe"}, 3),
        ({"mode": "advise"}, 3),
        ({"decided_at": "2026-04-30T12:00:00Z"}, 3),
        ({"subject": Subject(digest=DIGEST, environment="staging")}, 3),
        ({"subject": Subject(digest="sha256:" + "c" * 64)}, 1),
        ({"subject": Subject()}, 1),
    ],
)
def test_an_approval_lifts_nothing_else(decision: dict[str, Any], code: int) -> None:
    assert asked(decision=decision).exit == code


def test_a_manual_review_without_an_approval_waits() -> None:
    refused = refusal(DECISION, digest=DIGEST, commit="", now=NOW, max_age_hours=24)
    assert refused is not None
    assert (refused.exit, "coverage fell" in refused.text) == (3, True)
