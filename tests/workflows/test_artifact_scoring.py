"""Scoring: reports of shards become one verdict; failing tests block; a missing shard is never a pass."""

import hashlib
import json

import pytest

CASE = '<testcase classname="a" name="{}">{}</testcase>'
SUITE = '<testsuites><testsuite name="s" tests="1">{}</testsuite></testsuites>'
BAD = SUITE.format(CASE.format("x", '<failure message="no"/>'))
DIGEST = "sha256:" + "ab" * 32
SHOP = {"README.md": "# A shop\n", ".github/signalbox.yml": "mode: enforce\n"}


def leave(runner, shard, sha, text=""):
    text = text or SUITE.format(CASE.format(shard, ""))
    name = f"signalbox-results-{shard}-{sha}"
    runner.leave_artifact(name, {f"{name}/junit.xml": text.encode()})
    return name


def plan(runner, names):
    """The plan as the selecting job leaves it: its artifact's id and the sha256 it announces."""
    data = json.dumps({"include": [{"artifact": name} for name in names]}).encode()
    return {
        "plan-id": str(runner.leave_artifact("signalbox-plan", {"shards.json": data})),
        "plan-sha256": hashlib.sha256(data).hexdigest(),
    }


def test_good_shards_are_reviewed_while_there_is_no_history(runner, repository):
    shop = repository(SHOP)
    sha = shop.git("rev-parse", "HEAD")
    names = [leave(runner, f"unit-{n}-of-2", sha) for n in (1, 2)]
    run = runner.call(shop, "artifact-scoring.yml", {"digest": DIGEST, **plan(runner, names)})
    assert run.code == 0, run.explain()
    called = run.outputs("called")
    assert called["verdict"] == "manual-review"
    assert called["mode"] == "enforce"
    assert 0 <= float(called["score"]) <= 1
    assert "promoted_tag" not in called
    [kept] = [name for name in run.artifacts if name.startswith("signalbox-decision-")]
    assert called["bundle-sha256"] == hashlib.sha256(run.file(kept)).hexdigest()
    assert DIGEST in run.file(kept).decode()


def test_failing_tests_block_and_fail_the_job(runner, repository):
    shop = repository(SHOP)
    sha = shop.git("rev-parse", "HEAD")
    names = [leave(runner, "unit-1-of-2", sha), leave(runner, "unit-2-of-2", sha, BAD)]
    run = runner.call(shop, "artifact-scoring.yml", {"digest": DIGEST, **plan(runner, names)})
    assert run.result("score") == "failure"
    assert run.outputs("score")["verdict"] == "block"
    assert [name for name in run.artifacts if name.startswith("signalbox-decision-")], (
        "a refusal is recorded too"
    )


def test_a_single_shard_is_known_by_its_name(runner, repository):
    shop = repository(SHOP)
    names = [leave(runner, "unit-1-of-1", shop.git("rev-parse", "HEAD"))]
    run = runner.call(shop, "artifact-scoring.yml", {"digest": DIGEST, **plan(runner, names)})
    assert run.outputs("score")["verdict"] == "manual-review", run.explain()
    assert "missing" not in run.summaries.lower()


@pytest.mark.parametrize("left", [[], ["unit-1-of-2"]])
def test_missing_shards_are_named_and_never_a_pass(runner, repository, left):
    shop = repository(SHOP)
    sha = shop.git("rev-parse", "HEAD")
    names = [f"signalbox-results-unit-{n}-of-2-{sha}" for n in (1, 2)]
    for shard in left:
        leave(runner, shard, sha)
    run = runner.call(
        shop, "artifact-scoring.yml", {"digest": DIGEST, **plan(runner, names), "fail-on": "review"}
    )
    assert run.result("score") == "failure"
    assert run.outputs("score")["verdict"] in ("manual-review", "block")
    assert names[1] in run.summaries.replace("\\", "")


def test_another_plan_than_the_announced_one_stops_before_scoring(runner, repository):
    shop = repository(SHOP)
    inputs = plan(runner, ["signalbox-results-unit-1-of-1"]) | {"plan-sha256": "0" * 64}
    run = runner.call(shop, "artifact-scoring.yml", inputs)
    assert run.result("score") == "failure"
    assert "verdict" not in run.outputs("score")


def test_observing_blocks_nothing(runner, repository):
    shop = repository({"README.md": "# A shop\n"})
    leave(runner, "unit-1-of-1", shop.git("rev-parse", "HEAD"), BAD)
    run = runner.start(shop, "artifact-scoring.yml", {"digest": DIGEST})
    assert run.code == 0, run.explain()
    assert run.outputs("score")["verdict"] == "block"
    assert run.outputs("score")["mode"] == "observe"


def test_what_is_to_be_attested_is_left_for_a_job_that_may_sign(runner, repository):
    shop = repository(SHOP)
    names = [leave(runner, "unit-1-of-1", shop.git("rev-parse", "HEAD"))]
    run = runner.call(shop, "artifact-scoring.yml", {"digest": DIGEST, **plan(runner, names)})
    assert run.code == 0, run.explain()
    assert run.outputs("called")["attestation-id"]
    [left] = [name for name in run.artifacts if name.startswith("signalbox-attestation-")]
    statement = json.loads(run.file(left, "decision.statement.json"))
    assert statement["subject"][0]["digest"] == {"sha256": DIGEST.removeprefix("sha256:")}
    assert statement["predicate"]["bundle"]["digest"]["sha256"] == run.outputs("called")["bundle-sha256"]
    summary = json.loads(run.file(left, "summary.predicate.json"))
    assert summary["verificationResult"] == "FAILED"


def test_the_outputs_are_what_actions_attest_takes(runner, repository):
    shop = repository(SHOP)
    look = [
        {
            "id": "look",
            "env": {"PREDICATE": "${{ steps.used.outputs.decision-predicate }}"},
            "run": 'echo "predicate=$(tr -d \'\\n\' < "$PREDICATE")" >> "$GITHUB_OUTPUT"',
        }
    ]
    report = [{"run": f"mkdir -p reports; echo '{SUITE.format(CASE.format('x', ''))}' > reports/junit.xml"}]
    inputs = {"evidence": "reports", "digest": DIGEST, "artifact": "ghcr.io/acme/shop", "attestation": "made"}
    run = runner.use(shop, "score-artifact", inputs, before=report, after=look)
    assert run.code == 0, run.explain()
    used = run.outputs("used")
    assert used["subject-name"] == "ghcr.io/acme/shop"
    assert used["decision-predicate-type"] == "urn:signalbox:promotion-decision:v1"
    assert used["summary-predicate-type"] == "https://slsa.dev/verification_summary/v1"
    assert json.loads(run.outputs("look")["predicate"])["decision"]["subject"]["digest"] == DIGEST
