"""The evidence gate and readiness under the pressures that work is put under."""

import os
import subprocess

import msgspec
import pytest

from signalbox.config import Settings
from signalbox.decision import Evidence, PolicyRef, Stamp, Subject
from signalbox.gates import readiness
from signalbox.gates.claims import Claims, Criterion, Expectation, as_claims, claims_decision, classes_of
from signalbox.gates.integrity import Sign, signs

NOW = "2026-03-02T12:00:00Z"
STAMP = Stamp(id="00000000-0000-4000-8000-000000000001", at=NOW, producer="test")
SUBJECT = Subject(commit="c" * 40)
REF = PolicyRef(sha256="0")


def proof(source="junit.xml", status="pass", **change):
    fields = {"kind": "tests", "tier": "installed-command", "subject": SUBJECT, "producer": "ci"} | change
    return Evidence(source=source, status=status, **fields)


def judge(**change):
    fields = {
        "criteria": (Criterion(id="AC1", requirements=("R1",), evidence=("junit.xml",)),),
        "evidence": (proof(),),
        "ci": (proof("unit", kind="unit"),),
        "paths": ("shop/price.py",),
    }
    return claims_decision(Claims(**(fields | change)), SUBJECT, Settings(), REF, STAMP)


def test_proved_criteria_and_a_green_ci_pass_and_map_everything():
    made = judge()
    assert (made.verdict, made.outputs["criteria"], made.outputs["confidence"]) == (
        "PASS",
        {"AC1": "PASS"},
        "high",
    )
    assert made.outputs["manifest"][0]["ref"] == "junit.xml"


CRITERION = Criterion(id="AC1", requirements=("R1",), evidence=("junit.xml",))


@pytest.mark.parametrize(
    ("change", "verdict", "code"),
    [
        ({"criteria": ()}, "NOT_VERIFIED", "no-criteria"),
        ({"evidence": ()}, "NOT_VERIFIED", "criterion:AC1"),
        ({"evidence": (proof(status="fail"),)}, "FAIL", "criterion:AC1"),
        ({"evidence": (proof(subject=Subject(commit="d" * 40)),)}, "NOT_VERIFIED", "criterion:AC1"),
        (
            {"criteria": (msgspec.structs.replace(CRITERION, requirements=()),)},
            "NOT_VERIFIED",
            "criterion:AC1",
        ),
        ({"criteria": (msgspec.structs.replace(CRITERION, evidence=()),)}, "NOT_VERIFIED", "criterion:AC1"),
        (
            {"criteria": (msgspec.structs.replace(CRITERION, tier="live-acceptance"),)},
            "NOT_VERIFIED",
            "criterion:AC1",
        ),
        ({"ci": ()}, "NOT_VERIFIED", "ci-missing"),
        ({"ci": (), "skip_reason": "in a hurry"}, "NOT_VERIFIED", "ci-missing"),
        ({"ci": (proof("unit", "not_verified", kind="unit"),)}, "NOT_VERIFIED", "ci-missing"),
        ({"ci": (proof("unit", "fail", kind="unit"),)}, "FAIL", "ci-failed"),
        ({"ci": (), "evidence": (proof(origin="protected"),)}, "PASS", "ci-equivalent"),
        ({"ci": (), "paths": ("docs/a.md",), "skip_reason": "documents only"}, "PASS", "ci-skipped"),
        ({"ci": (), "paths": ("docs/a.md",)}, "NOT_VERIFIED", "ci-missing"),
        ({"ci": (), "paths": ("docs/a.md", "a.py"), "skip_reason": "x"}, "NOT_VERIFIED", "ci-missing"),
        ({"ci": (), "paths": None, "skip_reason": "x"}, "NOT_VERIFIED", "ci-missing"),
        (
            {"signs": (Sign(code="test-deleted", path="tests/a.py", text="3 tests fewer"),)},
            "NOT_VERIFIED",
            "test-deleted",
        ),
        ({"reruns": 2}, "NOT_VERIFIED", "reruns"),
        ({"expects": (Expectation(kind="sbom"),)}, "NOT_VERIFIED", "expects:sbom"),
        ({"expects": (Expectation(kind="tests"),)}, "NOT_VERIFIED", "expects:tests"),
        (
            {"expects": (Expectation(kind="tests"),), "trusted": {"tests": ("somebody",)}},
            "NOT_VERIFIED",
            "expects:tests",
        ),
    ],
)
def test_under_pressure(change, verdict, code):
    made = judge(**change)
    assert made.verdict == verdict, made.reasons
    assert code in [reason.code for reason in made.reasons]


def test_policy_says_who_is_trusted_and_the_reporter_says_nothing_of_himself():
    expects = (Expectation(kind="tests"), Expectation(kind="sbom", optional=True))
    assert judge(expects=expects, trusted={"tests": ("ci",)}).verdict == "PASS"
    plain = msgspec.to_builtins(
        Claims(trusted={"tests": ("ci",)}, paths=("a.md",), evidence=(proof(origin="attested"),))
    )
    read = as_claims(plain, "self-reported")
    assert (read.trusted, read.paths, read.evidence[0].origin) == ({}, None, "self-reported")


def test_reruns_of_documents_only_lower_the_confidence():
    made = judge(paths=("docs/a.md",), reruns=1)
    assert (made.verdict, made.outputs["confidence"]) == ("PASS", "low")


def test_an_explained_sign_is_shown_and_does_not_hold():
    made = judge(signs=(Sign(code="test-deleted", path="t.py", text="gone"),), explained=("t.py",))
    assert made.verdict == "PASS"
    assert made.outputs["confidence"] == "low"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/b.py", "runtime"),
        ("docs/a.md", "docs"),
        ("db/migrations/1.py", "schema"),
        ("pyproject.toml", "package"),
        (".github/workflows/x.yml", "hook"),
        ("lib/auth/login.py", "security"),
    ],
)
def test_kinds_of_change(path, kind):
    assert classes_of((path,)) == {kind}


BEFORE = """\
def test_a():
    assert f(1) == 2
    assert f(2) == pytest.approx(3, rel=0.01)

def test_b():
    pass
"""


@pytest.mark.parametrize(
    ("after", "codes"),
    [
        (BEFORE, []),
        (BEFORE + "\ndef test_c():\n    assert True\n", []),
        (None, ["test-deleted"]),
        (BEFORE.replace("def test_b():\n    pass\n", ""), ["test-deleted"]),
        (BEFORE.replace("def test_b", "@pytest.mark.skip\ndef test_b"), ["test-skipped"]),
        (BEFORE.replace("    assert f(1) == 2\n", "    f(1)\n"), ["assertion-removed"]),
        (BEFORE.replace("rel=0.01", "rel=0.5"), ["tolerance-widened"]),
    ],
)
def test_weakened_tests_are_seen_in_the_diff(tmp_path, after, codes):
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    environ |= {f"GIT_{role}_{key}": "a@b" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}

    def git(*arguments):
        subprocess.run(["git", *arguments], cwd=tmp_path, env=environ, check=True, capture_output=True)

    (tmp_path / "tests").mkdir()
    file, settings = tmp_path / "tests" / "test_x.py", tmp_path / "pyproject.toml"
    git("init", "-q", "-b", "main")
    file.write_text(BEFORE)
    settings.write_text("fail_under = 90\n")
    git("add", "-A")
    git("commit", "-qm", "one")
    if after is None:
        file.unlink()
    else:
        file.write_text(after)
    settings.write_text("fail_under = 80\n")
    git("add", "-A")
    git("commit", "-qm", "two")
    assert sorted(one.code for one in signs(tmp_path, "HEAD~1", "HEAD")) == sorted(
        [*codes, "threshold-lowered"]
    )


PLANS = {
    "evidence_gate": "PASS",
    "evidence_ref": "gate-1",
    "scope": "s",
    "risk_review": "r",
    "release_notes": "n",
    "operational_plan": "o",
    "rollback_plan": "b",
    "observability_plan": "p",
    "acceptance_docs": "d",
    "post_deploy_checks": ("health",),
}


def ready(wanted="deploy", **change):
    inputs = readiness.Inputs(subject=SUBJECT, wanted=wanted, **(PLANS | change))
    return readiness.decide(inputs, Settings(), REF, STAMP)


@pytest.mark.parametrize("wanted", readiness.STEPS)
def test_with_everything_there_it_is_ready_for_what_was_asked(wanted):
    made = ready(wanted)
    assert (made.verdict, made.outputs["decision"]) == ("READY", wanted)


@pytest.mark.parametrize("field", sorted(PLANS))
def test_each_missing_piece_holds_the_deployment(field):
    made = ready(**{field: () if field == "post_deploy_checks" else ""})
    assert (made.verdict, made.outputs["decision"]) == ("HOLD", "hold")


def test_merge_release_and_deploy_are_judged_apart():
    made = ready(rollback_plan="")
    assert made.outputs["ready_for"] == ["merge"]
    assert ready("merge", rollback_plan="", operational_plan="").verdict == "READY"
    assert ready("release", operational_plan="").verdict == "READY"


@pytest.mark.parametrize(
    "change", [{"mismatches": ("x",)}, {"prototype": True}, {"evidence_gate": "NOT_VERIFIED"}]
)
def test_what_holds(change):
    assert ready(**change).verdict == "HOLD"


def test_a_prototype_goes_on_after_its_learning_review_and_what_is_bad_goes_back():
    assert ready(prototype=True, learning_review=True).verdict == "READY"
    made = ready(deployed_bad="errors at 4%", scope="")
    assert (made.verdict, made.outputs["decision"]) == ("ROLLBACK_REQUIRED", "rollback_required")
