"""Waivers signed with real SSH keys: only security's own, unchanged and for this digest, lifts a veto."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="program ssh-keygen")
ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "a" * 64


def key(folder: Path, name: str) -> Path:
    path = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository whose policy trusts one key, and evidence with a failing test."""
    signer = key(tmp_path, "security")
    key(tmp_path, "stranger")
    repo = tmp_path / "repo"
    (repo / ".github").mkdir(parents=True)
    public = signer.with_suffix(".pub").read_text()
    (repo / ".github" / "signalbox-security-signers").write_text(f"sec@example.org {public}")
    (repo / "reports").mkdir()
    (repo / "reports" / "junit.xml").write_text(
        '<testsuite name="s" tests="2" failures="1"><testcase name="a"><failure/></testcase>'
        '<testcase name="b"/></testsuite>'
    )
    (repo / "waivers").mkdir()
    return tmp_path


def waive(place: Path, signed_by: str = "security", **change: str) -> None:
    content = {"veto": "tests-fail", "digest": DIGEST, "expires": "2999-01-01T00:00:00Z"} | change
    content = {"signer": "sec@example.org", "reason": "known, harmless", "signed_role": "security"} | content
    path = place / "repo" / "waivers" / "one.json"
    path.write_text(json.dumps(content))
    command = ["ssh-keygen", "-Y", "sign", "-n", "signalbox-waiver", "-f", str(place / signed_by), str(path)]
    subprocess.run(command, check=True, capture_output=True)


def score(place: Path) -> subprocess.CompletedProcess[str]:
    repo = place / "repo"
    command = [sys.executable, str(ROOT / "scripts" / "score_artifact.py"), "--repo", str(repo)]
    more = ["--evidence", str(repo / "reports"), "--digest", DIGEST, "--waivers", str(repo / "waivers")]
    return subprocess.run(
        [*command, *more], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60
    )


def test_security_lifts_a_veto_and_a_person_still_decides(place: Path) -> None:
    waive(place)
    ran = score(place)
    assert ran.returncode == 3, ran.stderr
    assert "waived by sec@example.org until 2999-01-01T00:00:00Z: known, harmless" in ran.stdout


@pytest.mark.parametrize(
    "change",
    [
        {"signed_by": "stranger"},
        {"expires": "2020-01-01T00:00:00Z"},
        {"digest": "sha256:" + "b" * 64},
        {"signer": "other@example.org"},
        {"signer": "-oProxyCommand=x"},
        {"veto": "new-critical"},
    ],
)
def test_nothing_else_does(place: Path, change: dict[str, str]) -> None:
    waive(place, **change)
    assert score(place).returncode == 1


def test_a_waiver_changed_after_it_was_signed_or_without_a_signature(place: Path) -> None:
    waive(place, expires="2020-01-01T00:00:00Z")
    path = place / "repo" / "waivers" / "one.json"
    path.write_text(path.read_text().replace("2020", "2999"))
    assert score(place).returncode == 1
    path.with_name("one.json.sig").unlink()
    assert score(place).returncode == 1


def test_a_file_that_is_no_waiver_is_a_wrong_call(place: Path) -> None:
    (place / "repo" / "waivers" / "one.json").write_text("[]")
    ran = score(place)
    assert (ran.returncode, "this is not a waiver" in ran.stderr) == (2, True)


def state(place: Path, signed_by: str) -> subprocess.CompletedProcess[str]:
    """A critical vulnerability in the reports, and a VEX document that says it does not apply."""
    repo = place / "repo"
    (repo / "reports" / "junit.xml").write_text('<testsuite tests="1"><testcase name="a"/></testsuite>')
    rating, component = [{"severity": "critical"}], {"bom-ref": "j", "name": "jinja2", "version": "3.1"}
    affects = {"id": "CVE-2026-1", "ratings": rating, "affects": [{"ref": "j"}]}
    bom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [component]}
    (repo / "reports" / "bom.json").write_text(json.dumps(bom | {"vulnerabilities": [affects]}))
    statement = {"vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "pkg:pypi/jinja2@3.1"}]}
    statement |= {"status": "not_affected", "justification": "component_not_present"}
    vex = {"@context": "https://openvex.dev/ns/v0.2.0", "statements": [statement]}
    path = repo / "waivers" / "vex.json"
    path.write_text(json.dumps(vex))
    if signed_by:
        command = ["ssh-keygen", "-Y", "sign", "-n", "signalbox-waiver", "-f", str(place / signed_by)]
        subprocess.run([*command, str(path)], check=True, capture_output=True)
    return score(place)


def test_vex_signed_by_security_turns_the_veto_into_a_question(place: Path) -> None:
    ran = state(place, "security")
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "suppressed, by the change itself or by VEX" in ran.stdout


@pytest.mark.parametrize("signed_by", ["stranger", ""])
def test_other_vex_lifts_nothing(place: Path, signed_by: str) -> None:
    ran = state(place, signed_by)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "says that 1 findings do not apply: that lifts nothing" in ran.stdout
