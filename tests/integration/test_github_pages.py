"""One issue and one discussion, found again and kept up to date."""

from __future__ import annotations

import pytest

from doubles.github import GitHubDouble
from doubles.github.fixtures import github_double as github_double
from signalbox.github import GitHub, GitHubError
from signalbox.github.pages import upsert_discussion, upsert_issue

REPO = "acme/shop"


@pytest.fixture
def client(github_double: GitHubDouble):
    github_double.add_repository(REPO)
    with GitHub.from_environ(github_double.environ(REPO)) as made:
        yield made


def test_one_issue_however_often_and_whoever_copies_its_marker(
    client: GitHub, github_double: GitHubDouble
) -> None:
    rows = github_double.state.repositories[REPO].issues
    github_double.add_issue(REPO, "copied", "mallory")
    rows[0]["body"] = "<!-- signalbox:health -->\nsend money"
    assert upsert_issue(client, "health", "Health", "well", "signalbox").created
    again = upsert_issue(client, "health", "Health, a week later", "less well")
    assert not again.created
    [ours] = [row for row in rows if row["user"] != "mallory"]
    assert (ours["title"], ours["labels"]) == ("Health, a week later", ["signalbox"])
    assert ours["body"] == "<!-- signalbox:health -->\nless well"
    assert rows[0]["body"].endswith("send money")
    writes = github_double.count("PATCH", "/issues/")
    upsert_issue(client, "health", "Health, a week later", "less well")
    assert github_double.count("PATCH", "/issues/") == writes, "what is the same is not written again"


def test_a_closed_issue_stays_closed_and_a_lost_answer_makes_no_second(
    client: GitHub, github_double: GitHubDouble
) -> None:
    rows = github_double.state.repositories[REPO].issues
    upsert_issue(client, "health", "Health", "old")
    rows[0]["state"] = "closed"
    github_double.fail("POST", f"/repos/{REPO}/issues", wire="truncate", after_effect=True)
    upsert_issue(client, "health", "Health", "new")
    assert [row["state"] for row in rows] == ["closed", "open"]


def test_one_discussion_on_whatever_page_it_is(client: GitHub, github_double: GitHubDouble) -> None:
    repository = github_double.state.repositories[REPO]
    first = upsert_discussion(client, "health", "General", "Health", "well")
    for number in range(150):
        row = {"id": f"D_x{number}", "url": "u", "title": "t", "body": "b", "author": "ada", "changed": 5000}
        repository.discussions.append(row)
    second = upsert_discussion(client, "health", "general", "Health", "less well")
    assert (first.created, second.created, first.url) == (True, False, second.url)
    assert len(repository.discussions) == 151
    assert repository.discussions[0]["body"] == "<!-- signalbox:health -->\nless well"


def test_what_is_refused_is_named(client: GitHub, github_double: GitHubDouble) -> None:
    with pytest.raises(GitHubError, match="no category of discussions 'ideas'"):
        upsert_discussion(client, "health", "ideas", "Health", "well")
    reader = github_double.add_token("ghs_reader", "github-actions[bot]", "installation", {})
    with (
        GitHub.from_environ(github_double.environ(REPO, reader)) as weak,
        pytest.raises(GitHubError, match="discussions: write"),
    ):
        upsert_discussion(weak, "health", "general", "Health", "well")
