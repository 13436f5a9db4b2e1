"""score_artifact.py as it is typed: real reports of real tools, exit codes, outputs, the ledger, replay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
DIGEST, SHA = "sha256:" + "a" * 64, "b" * 40


def script(name: str, *arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return subprocess.run(
        [sys.executable, str(SCRIPTS / name), *map(str, arguments)],
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def score(folder: Path, *more: object, **environ: str) -> subprocess.CompletedProcess[str]:
    given = ("--evidence", folder, "--digest", DIGEST, "--sha", SHA, "--repo", folder.parent)
    return script("score_artifact.py", *given, *more, **environ)


@pytest.fixture(scope="module")
def junit(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What pytest really writes for a small suite."""
    suite = tmp_path_factory.mktemp("suite")
    (suite / "test_cart.py").write_text(
        "import pytest\n\n\ndef test_add(): pass\n\n\n@pytest.mark.skip\ndef test_later(): pass\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=junit.xml"],
        cwd=suite,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout
    return (suite / "junit.xml").read_bytes()


@pytest.fixture
def reports(junit: bytes, tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "junit.xml").write_bytes(junit)
    return folder


def test_a_first_adopter_is_asked_to_review(reports: Path, tmp_path: Path) -> None:
    out, bundles = tmp_path / "decision.json", tmp_path / "bundles"
    ran = score(reports, "--out", out, "--bundles", bundles)
    assert ran.returncode == 3, ran.stderr
    decision: dict[str, Any] = json.loads(out.read_text())
    assert decision["verdict"] == "manual-review"
    assert decision["outputs"]["signals"]["tests_total"] == 2
    assert "auto-promotion begins after 49 recorded outcomes at a 2% budget; you have 0" in ran.stdout
    [bundle] = bundles.iterdir()
    assert script("replay.py", bundle).returncode == 0


@pytest.mark.parametrize("broken", ["empty", "truncated", "missing", "folder"])
def test_broken_required_evidence_blocks_and_says_what_to_do(reports: Path, broken: str) -> None:
    junit = reports / "junit.xml"
    content = junit.read_bytes()
    junit.unlink()
    if broken == "empty":
        junit.touch()
    elif broken == "truncated":
        junit.write_bytes(content[:-20])
    elif broken == "folder":
        junit.mkdir()
    ran = score(reports)
    assert ran.returncode == 1
    assert "tests is required" in ran.stdout
    assert "Run the missing check to its end" in ran.stdout


def test_a_failing_test_blocks(reports: Path) -> None:
    junit = reports / "junit.xml"
    junit.write_text(junit.read_text().replace("<skipped", "<failure").replace("</skipped", "</failure"))
    ran = score(reports)
    assert ran.returncode == 1
    assert "1 tests fail: test_cart.test_later" in ran.stdout


def test_a_missing_shard_is_named(reports: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"include": [{"artifact": "junit"}, {"artifact": "unit-b"}]}')
    ran = score(reports, "--expected", plan)
    assert ran.returncode == 1
    assert "shard unit-b is missing" in ran.stdout


def test_under_actions_outputs_are_set_and_observing_cannot_fail_the_job(
    reports: Path, tmp_path: Path
) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    output.touch()
    summary.touch()
    (reports / "junit.xml").write_bytes(b"")
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
        "RUNNER_TEMP": str(tmp_path),
    }
    ran = score(reports, **environ)
    assert ran.returncode == 0, ran.stderr
    written = output.read_text()
    for name in ("score", "decision", "promoted_tag", "signals", "recommendations", "verdict"):
        assert f"{name}<<" in written
    assert "block" in "\n".join(summary.read_text().splitlines()[:5])
    assert score(reports, "--mode", "enforce", **environ).returncode == 1


def test_outcomes_in_the_ledger_end_the_cold_start(reports: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    outcomes = tmp_path / "outcomes.json"
    policy = tmp_path / "policy.yml"
    policy.write_text(
        "mode: enforce\n"
        "scoring: {risk-budget: 0.34, auto-promote-at: calibrated, auto-origin: self-reported}\n"
    )
    digests = ["sha256:" + f"{i}" * 64 for i in range(3)]
    verdicts = []
    for digest in digests:
        given = ("--evidence", reports, "--digest", digest, "--sha", SHA, "--repo", tmp_path)
        ran = script("score_artifact.py", *given, "--config", policy, "--ledger", ledger, "--format", "json")
        verdicts.append(json.loads(ran.stdout)["verdict"])
        outcomes.write_text(json.dumps({"subject": {"digest": digest}, "label": "clean", "source": "manual"}))
        assert script("record_telemetry.py", "--outcome", outcomes, "--ledger", ledger).returncode == 0
    # ⌈1 / 0.34⌉ − 1 = 2 outcomes, so the third one is the first that may go by itself.
    assert verdicts == ["manual-review", "manual-review", "auto-promote"]


def test_production_that_cannot_be_seen_is_a_doubt_and_no_failure(reports: Path) -> None:
    ran = score(reports, "--prometheus", "http://127.0.0.1:9")
    assert ran.returncode == 3, ran.stderr
    assert "production's health is not known (down)" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--digest", "latest"), "not a digest"),
        (("--sha", "HEAD"), "not a full commit id"),
        (("--evidence", "no-such-folder"), "evidence folder is not there"),
        (("--expected", "no-such-file"), "plan of shards"),
        (("--baseline", "no-such-folder"), "evidence folder is not there"),
        (("--prometheus", "file:///etc/passwd"), "--prometheus"),
    ],
)
def test_a_wrong_call_ends_with_2_and_a_sentence(
    reports: Path, arguments: tuple[str, ...], said: str
) -> None:
    ran = score(reports, *arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_policy_that_requires_nothing_is_refused(reports: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yml"
    policy.write_text("scoring: {required: []}\n")
    ran = score(reports, "--config", policy)
    assert ran.returncode == 2
    assert "every artifact would pass" in ran.stderr


def test_the_attestation_is_ready_to_be_signed_and_replay_checks_it(reports: Path, tmp_path: Path) -> None:
    output, folder, bundles = tmp_path / "output", tmp_path / "attest", tmp_path / "bundles"
    output.touch()
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(output), "RUNNER_TEMP": str(tmp_path)}
    ran = score(
        reports, "--attestation", folder, "--bundles", bundles, "--artifact", "ghcr.io/a/b", **environ
    )
    assert ran.returncode == 0, ran.stderr
    written = output.read_text()
    for name in ("subject-name", "decision-predicate", "decision-predicate-type", "summary-predicate"):
        assert f"{name}<<" in written
    [bundle] = bundles.iterdir()
    statement = folder / "decision.statement.json"
    told = json.loads(statement.read_text())
    assert told["subject"] == [{"name": "ghcr.io/a/b", "digest": {"sha256": "a" * 64}}]
    assert told["predicate"] == json.loads((folder / "decision.predicate.json").read_text())
    good = script("replay.py", "--statement", statement, "--digest", DIGEST, bundle)
    assert (good.returncode, good.stdout[:4]) == (0, "same")
    assert script("replay.py", "--statement", folder / "summary.statement.json", bundle).returncode == 0
    other = script("replay.py", "--digest", "sha256:" + "c" * 64, bundle)
    assert (other.returncode, "not sha256:cccc" in other.stdout) == (1, True)
    statement.write_bytes(statement.read_bytes().replace(b"manual-review", b"auto-promote!"))
    assert script("replay.py", "--statement", statement, bundle).returncode == 1


def test_without_a_digest_nothing_is_attested(reports: Path, tmp_path: Path) -> None:
    folder = tmp_path / "attest"
    ran = script(
        "score_artifact.py", "--evidence", reports, "--repo", tmp_path, "--attestation", folder
    )  # fmt: skip
    assert ran.returncode == 3, ran.stderr
    assert not folder.exists()
