"""Reviews, members of teams, a pull request's commits, and custom deployment protection rules."""

from __future__ import annotations

from . import shapes
from .routing import Answer, Request, invalid, route
from .state import Row

REPO = "/repos/{owner}/{repo}"


def review_shape(r: Request, row: Row) -> Row:
    number = r.params["number"]
    url = f"https://github.com/{r.repo.name}/pull/{number}#pullrequestreview-{row['id']}"
    pull = f"{r.url}/pulls/{number}"
    return {
        "id": row["id"],
        "node_id": shapes.node_id("PRR", row["id"]),
        "user": shapes.user(r, row["user"]),
        "body": row.get("body", ""),
        "state": row["state"],
        "html_url": url,
        "pull_request_url": pull,
        "_links": {"html": {"href": url}, "pull_request": {"href": pull}},
        "submitted_at": "2026-01-01T00:00:00Z",
        "commit_id": row["commit"],
        "author_association": "MEMBER",
    }


@route("GET", REPO + "/pulls/{number}/reviews", "pull_requests=read")
def list_reviews(r: Request) -> Answer:
    pull = r.find(r.repo.pulls, number=r.number("number"))
    return r.page(pull.get("reviews", []), lambda row: review_shape(r, row))


@route("GET", REPO + "/pulls/{number}/commits", "pull_requests=read")
def list_pull_commits(r: Request) -> Answer:
    pull = r.find(r.repo.pulls, number=r.number("number"))
    return r.page(pull.get("commits", []), lambda row: row)


@route("GET", REPO + "/environments/{environment}/secrets", "environments=read")
def list_environment_secrets(r: Request) -> Answer:
    """Their names; GitHub never tells more."""
    row = r.find(r.repo.environments, name=r.params["environment"])
    at = "2026-01-01T00:00:00Z"
    rows = row.get("secrets", [])
    return r.page(rows, lambda name: {"name": name, "created_at": at, "updated_at": at}, "secrets")


@route("GET", "/orgs/{owner}/teams/{team}/members")
def list_members(r: Request) -> Answer:
    every = next(iter(r.state.repositories.values()), None)
    teams = every.actions_permissions.get("teams", {}) if every else {}
    return r.page(teams.get(r.params["team"], []), lambda login: shapes.user(r, login))


@route("POST", REPO + "/actions/runs/{id}/deployment_protection_rule", "deployments=write")
def answer_rule(r: Request) -> Answer:
    run = r.find(r.repo.runs, id=r.number("id"))
    name = r.body["environment_name"]
    if name not in run.get("waits_for", []):
        raise invalid("DeploymentProtectionRule", "environment_name", "nothing waits for it")
    run.setdefault("answers", []).append((name, r.body["state"], r.body["comment"]))
    return Answer(204)
