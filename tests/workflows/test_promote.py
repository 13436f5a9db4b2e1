"""Promoting: only a decision that permits it, about this digest, changes anything."""

from datetime import UTC, datetime

import msgspec
import pytest

from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp, Subject, digest_of, format_time, make_bundle
from signalbox.promotion import Inputs, decide

DIGEST = "sha256:" + "ab" * 32
VALUES = "image:\n  repository: shop  # ours\n  digest: sha256:" + "00" * 32 + "\n"
SHOP = {".github/signalbox.yml": "mode: enforce\n", "prod/values.yaml": VALUES}


def decided(runner, verdict, sha, digest=DIGEST):
    """Leave a decision as a scoring job of the run would have: a real one, but for its verdict."""
    subject = Subject(repository="acme/shop", commit=sha, digest=digest, environment="production")
    settings = Settings(mode="enforce")
    inputs = Inputs(subject=subject, evidence=())
    stamp = Stamp(
        id="00000000-0000-4000-8000-000000000009", at=format_time(datetime.now(UTC)), producer="test"
    )
    decision = decide(inputs, settings, PolicyRef(sha256=digest_of(settings)), stamp)
    outputs = decision.outputs | {"promoted_tag": "production"}
    decision = msgspec.structs.replace(decision, verdict=verdict, outputs=outputs)
    made = make_bundle(decision, inputs, settings)
    runner.leave_artifact(f"signalbox-decision-{decision.id}", {made.name: made.encode()})


def test_a_permitted_digest_is_proposed_and_nothing_else_in_the_file_changes(runner, repository, github):
    made = repository(SHOP)
    decided(runner, "auto-promote", made.git("rev-parse", "HEAD"))
    run = runner.call(made, "promote.yml", {"digest": DIGEST, "values": "prod/values.yaml"})
    assert run.code == 0, run.explain()
    assert run.outputs("called")["promoted"] == "true"
    [pull] = github.state.repositories["acme/shop"].pulls
    git = github.state.git("acme/shop")
    proposed = git.run("cat-file", "blob", f"refs/heads/{pull['head']}:prod/values.yaml").decode()
    assert proposed == VALUES.replace("sha256:" + "00" * 32, DIGEST)


@pytest.mark.parametrize(
    ("verdict", "digest"),
    [("manual-review", DIGEST), ("block", DIGEST), ("auto-promote", "sha256:" + "cd" * 32)],
)
def test_no_other_decision_promotes_anything(runner, repository, github, verdict, digest):
    made = repository(SHOP)
    decided(runner, verdict, made.git("rev-parse", "HEAD"), digest)
    run = runner.call(made, "promote.yml", {"digest": DIGEST, "values": "prod/values.yaml"})
    assert run.result("promote") == "failure"
    assert github.state.repositories["acme/shop"].pulls == []


def test_without_a_decision_nothing_is_promoted(runner, repository, github):
    run = runner.start(repository(SHOP), "promote.yml", {"digest": DIGEST, "values": "prod/values.yaml"})
    assert run.result("promote") == "failure"
    assert github.state.repositories["acme/shop"].pulls == []
    assert "0 decisions" in " ".join(run.annotations("error"))


def let_pass(github, who):
    """The run as GitHub knows it: one reviewer let its job into production."""
    github.add_run("acme/shop", approvals=[])
    row = github.state.repositories["acme/shop"].runs[-1]
    row["id"] = 4242
    row["approvals"] = [{"state": "approved", "user": who, "environments": ["production"]}]


@pytest.mark.parametrize(("made_by", "promoted"), [("ada", True), ("grace", False)])
def test_a_reviewer_of_the_job_who_did_not_make_the_change_lets_a_manual_review_pass(
    runner, repository, github, made_by, promoted
):
    made = repository(SHOP)
    decided(runner, "manual-review", made.git("rev-parse", "HEAD"))
    let_pass(github, "grace")
    inputs = {"digest": DIGEST, "values": "prod/values.yaml", "not-by": made_by, "comment": "7"}
    run = runner.call(made, "promote.yml", inputs)
    assert (run.code == 0) is promoted, run.explain()
    assert bool(github.state.repositories["acme/shop"].pulls) is promoted
