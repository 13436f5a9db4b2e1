"""What somebody with a foot in the run can try: none of it makes a gate looser, and little holds it up."""

import json

import msgspec
import pytest

from signalbox.config import Settings
from signalbox.config.environments import Auto, Check, Person
from signalbox.decision import Evidence, Subject
from signalbox.gates import checks, gather, people
from signalbox.gates.gather import Job, of_runs
from signalbox.gates.model import Approval, Change, Inputs
from signalbox.gates.people import person_of

NOW = "2026-03-02T12:00:00Z"
SUBJECT = Subject(repository="acme/shop", commit="c" * 40, digest="sha256:" + "a" * 64)
ENVIRONMENTS = Settings().environments
FORGED = {
    "kind": "rollback-tested", "status": "pass", "subject": {"commit": SUBJECT.commit}, "observed_at": NOW,
    "tier": "live-acceptance", "origin": "attested", "facts": {"adapter": "proxy"},
}  # fmt: skip


def unread(path, name):
    return Evidence(kind="report", status="pass", source=name, observed_at=NOW, tier="installed-command")


def found(tmp_path, name, content):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return gather.folder(tmp_path, ENVIRONMENTS.checks, SUBJECT, "protected", unread)


@pytest.mark.parametrize(
    "where", ["signalbox-results-tests-1-of-1", "signalbox-build-app", "signalbox-results-e2e"]
)
def test_the_changes_own_code_cannot_write_down_that_a_check_passed(tmp_path, where):
    assert found(tmp_path, f"{where}/note.json", FORGED) == []
    assert found(tmp_path, f"{where}/deep/notes.json", [FORGED]) == []


def test_an_artifact_of_another_job_can_and_its_origin_is_what_the_run_says(tmp_path):
    [item] = found(tmp_path, "signalbox-drill/rollback-tested.json", FORGED)
    assert (item.kind, item.origin) == ("rollback-tested", "protected")


def test_a_report_of_its_own_counts_as_its_own(tmp_path):
    [item] = found(tmp_path, "signalbox-results-tests-1-of-1/unit.xml", {})
    assert (item.kind, item.origin) == ("unit-tests", "self-reported")


def judged(check, *evidence):
    return checks.judge(
        "gate-3",
        Auto(check="unit-tests"),
        check,
        Inputs(subject=SUBJECT, gate="gate-3", evidence=evidence),
        NOW,
    )


def runs(check, *told):
    jobs = [Job(name="unit", conclusion=conclusion, at=NOW, app=app) for conclusion, app in told]
    return of_runs(jobs, {"unit-tests": check}, SUBJECT)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ([("success", 1)], "pass"),
        ([("success", 2)], "not_verified"),
        ([("success", 1), ("success", 2)], "pass"),
        ([("failure", 1), ("success", 2)], "fail"),
        ([("skipped", 1), ("success", 2)], "not_verified"),
        ([("neutral", 1), ("success", 2)], "not_verified"),
        ([("success", 1), ("failure", 2)], "fail"),
        ([("success", 0)], "not_verified"),
    ],
)
def test_a_check_of_the_same_name_by_another_app_neither_passes_nor_holds_up(told, state):
    check = Check(runs=("unit*",), app=1)
    assert judged(check, *runs(check, *told)).state == state


def test_where_protected_evidence_is_asked_for_a_self_reported_pass_is_no_statement():
    check = Check(origin="protected")
    good = Evidence(kind="unit-tests", status="pass", subject=SUBJECT, observed_at=NOW, origin="protected")
    own = msgspec.structs.replace(good, origin="self-reported")
    assert judged(check, own).state == "not_verified"
    assert judged(check, good, own).state == "pass"
    assert judged(check, good, msgspec.structs.replace(own, status="fail")).state == "fail"


def test_a_role_that_nobody_holds_is_said_to_be_the_policys_matter():
    from signalbox.decision import PolicyRef, Stamp
    from signalbox.gates.decide import decide
    from signalbox.gates.show import blocks
    from signalbox.render.text import block_text

    inputs = Inputs(subject=SUBJECT, gate="gate-3", holders=dict(ENVIRONMENTS.roles))
    stamp = Stamp(id="00000000-0000-4000-8000-000000000001", at=NOW, producer="test")
    made = decide(inputs, Settings(), PolicyRef(sha256="0" * 64), stamp)
    shown = "\n".join(line for block in blocks(made) for line in block_text(block))
    assert made.verdict == "NOT_VERIFIED"
    assert "nobody holds the role developer" in shown
    assert "the policy: name who holds developer" in shown


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("sue", "sue"),
        ("SUE-at-home", "sue"),
        ("9+sue-at-home@users.noreply.github.com", "sue"),
        ("sue-at-home@users.noreply.github.com", "sue"),
        ("sue-at-home@example.com", "sue-at-home@example.com"),
        ("9+carl@users.noreply.github.com", "carl"),
    ],
)
def test_one_person_with_two_logins_is_one_person(name, who):
    e = msgspec.structs.replace(ENVIRONMENTS, people={"sue": Person(logins=("sue-at-home",))})
    assert person_of(name, e) == who


def approved(role, login):
    return Approval(role=role, login=login, verified=True, gate="gate-5", environment="staging",
                    digest=SUBJECT.digest, nonce="7", at=NOW, expires=NOW)  # fmt: skip


def test_two_approvals_by_one_person_with_two_logins_are_one():
    roles = {
        "qa-lead": ("sue",),
        "compliance-officer": ("sue-at-home",),
        "security-engineer": ("sue", "sue-at-home"),
    }
    e = msgspec.structs.replace(ENVIRONMENTS, people={"sue": Person(logins=("sue-at-home",))})
    lines = [("gate-5", human, "") for human in e.gates["gate-5"].human]
    inputs = Inputs(
        subject=SUBJECT, gate="gate-5", nonce="7", holders=roles, change=Change(contributors=("ada",)),
        approvals=(approved("qa-lead", "sue"), approved("compliance-officer", "sue-at-home"),
                   approved("security-engineer", "sue-at-home")),
    )  # fmt: skip
    states = [line.state for line in people.count(lines, inputs, e, NOW)]
    assert sorted(states) == ["not_verified", "not_verified", "pass"]
    alone = people.count(lines, inputs, ENVIRONMENTS, NOW)
    assert [line.state for line in alone].count("pass") == 2, "as two people they would have been two"
