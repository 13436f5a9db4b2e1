"""Who may let a promotion pass, and when nobody has to."""

from types import SimpleNamespace

import pytest

from signalbox.gates import Approver, approvers, unguarded


def environment(name, reviewers):
    return SimpleNamespace(name=name, reviewers=reviewers, self_review=False)


def row(login="grace", state="approved", names=("production",), kind="User"):
    user = {"login": login, "type": kind}
    return {"state": state, "user": user, "environments": [{"name": name} for name in names]}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("production", ""),
        ("Production", ""),
        ("staging", "no required reviewers"),
        ("prodution", "no environment"),
    ],
)
def test_only_an_environment_with_reviewers_makes_a_job_wait(name, says):
    have = [environment("production", 1), environment("staging", 0)]
    found = unguarded(have, name)
    assert says in found
    assert bool(found) == bool(says)


def test_an_approval_counts_for_its_environment_and_once():
    rows = [row(), row(), row("alan", names=("staging", "production"))]
    assert approvers(rows, ["production"]) == (
        Approver("grace", "production"),
        Approver("alan", "production"),
    )


@pytest.mark.parametrize(
    "bad",
    [
        row(state="rejected"),
        row(state="pending"),
        row(kind="Bot"),
        row(login=""),
        row(names=("staging",)),
        row(names=()),
        {"state": "approved"},
        {"state": "approved", "user": None, "environments": None},
    ],
)
def test_what_is_no_persons_approval_does_not_count(bad):
    assert approvers([bad], ["production"]) == ()


def test_whoever_started_the_run_does_not_approve_it():
    assert approvers([row("Ada")], ["production"], excluded=["ada"]) == ()


@pytest.mark.parametrize("first", [0, 1])
def test_one_rejection_voids_the_approvals(first):
    rows = [row("grace"), row("alan", state="rejected")]
    assert approvers([rows[first], rows[1 - first]], ["production"]) == ()
