"""Scoring: reports of shards become one verdict; failing tests block; a missing shard is never a pass."""

import base64
import hashlib
import json
import subprocess
import sys

import library
import pytest
from workflow_files import ROOT

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


def test_the_decision_is_signed_for_its_digest_and_replay_knows_it(runner, repository, tmp_path):
    """Scored, signed by a workflow of its own, and what was signed is what the bundle says, or is refused."""
    shop = repository(SHOP)
    inputs = plan(runner, [leave(runner, "unit-1-of-1", shop.git("rev-parse", "HEAD"))])
    run = runner.run(shop, attesting(runner, shop, {"digest": DIGEST, **inputs}), permissions=GRANTED)
    assert run.code == 0, run.explain()
    [left] = [name for name in run.artifacts if name.startswith("signalbox-attestation-")]
    assert run.file(left, "subject.checksums").decode() == f"{DIGEST.removeprefix('sha256:')}  acme/shop\n"
    [signed] = [name for name in run.artifacts if name.startswith("signalbox-signed-")]
    [kept] = [name for name in run.artifacts if name.startswith("signalbox-decision-")]
    bundle = tmp_path / "bundle.json"
    bundle.write_bytes(run.file(kept))
    told = {}
    for name in ("decision", "summary"):
        path = tmp_path / f"{name}.json"
        path.write_bytes(run.file(signed, f"{name}.sigstore.json"))
        told[name] = statement_of(path)
        assert replayed(bundle, "--digest", DIGEST, "--statement", path) == 0
        assert replayed(bundle, "--digest", "sha256:" + "cd" * 32, "--statement", path) == 1
    assert {name: one["predicateType"] for name, one in told.items()} == {
        "decision": "urn:signalbox:promotion-decision:v1",
        "summary": "https://slsa.dev/verification_summary/v1",
    }
    assert told["summary"]["predicate"]["verificationResult"] == "FAILED"
    path.write_text(path.read_text().replace("Z", "z", 1))
    assert replayed(bundle, "--statement", path) == 1


def test_nothing_is_signed_that_the_run_did_not_score(runner, repository):
    run = runner.call(repository(SHOP), "attest.yml", {"attestation-id": "77"})
    assert run.result("attest") == "failure"
    assert [call for call in run.calls if call["kind"] == "attest"] == []


GRANTED = {"contents": "read", "actions": "read", "id-token": "write", "attestations": "write"}


def attesting(runner, shop, inputs):
    """A caller's workflow: the scoring job, and the signing job after it."""
    called = f"{library.NAME}/.github/workflows/{{}}@{library.REF}"
    score = {"uses": called.format("artifact-scoring.yml"), "with": inputs}
    attest = {
        "needs": "score",
        "uses": called.format("attest.yml"),
        "with": {"attestation-id": "${{ needs.score.outputs.attestation-id }}"},
    }
    path = shop.path / ".github/workflows/attesting.yml"
    path.parent.mkdir(parents=True)
    path.write_text(
        json.dumps({"on": {"workflow_dispatch": None}, "jobs": {"score": score, "attest": attest}})
    )
    return path.relative_to(shop.path)


def statement_of(path):
    return json.loads(base64.b64decode(json.loads(path.read_text())["dsseEnvelope"]["payload"]))


def replayed(*arguments):
    command = [sys.executable, ROOT / "scripts/replay.py", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode


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
