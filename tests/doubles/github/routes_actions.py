"""Workflow runs, jobs, artifacts, caches, workflows, rulesets and what Actions may do."""

from __future__ import annotations

import hashlib

from . import shapes
from .routing import Answer, ApiError, Request, route
from .state import Row

REPO = "/repos/{owner}/{repo}"
STATUSES = {"queued", "in_progress", "completed", "waiting", "requested", "pending"}


def run_shape(r: Request, row: Row) -> Row:
    url = f"{r.url}/actions/runs/{row['id']}"
    links = {name: f"{url}/{name}" for name in ("jobs", "logs", "artifacts", "cancel", "rerun")}
    other = row.get("head_repository")
    repository = shapes.minimal_repository(r)
    started = row.get("run_started_at", row["created_at"])
    return {
        "id": row["id"],
        "name": row.get("name", "CI"),
        "node_id": shapes.node_id("WFR", row["id"]),
        "head_branch": row.get("head_branch", r.repo.default_branch),
        "head_sha": row["head_sha"],
        "path": row.get("path", ".github/workflows/ci.yml"),
        "display_title": row.get("name", "CI"),
        "run_number": row.get("run_number", row["id"]),
        "run_attempt": row.get("run_attempt", 1),
        "event": row.get("event", "push"),
        "status": row["status"],
        "conclusion": row.get("conclusion"),
        "workflow_id": row.get("workflow_id", 1),
        "url": url,
        "html_url": f"https://github.com/{r.repo.name}/actions/runs/{row['id']}",
        "pull_requests": [],
        "created_at": row["created_at"],
        "updated_at": row.get("updated_at", row["created_at"]),
        "run_started_at": started,
        **{f"{name}_url": link for name, link in links.items()},
        "check_suite_url": f"{r.url}/check-suites/{row['id']}",
        "workflow_url": f"{r.url}/actions/workflows/{row.get('workflow_id', 1)}",
        "head_commit": None,
        "repository": repository,
        "head_repository": {**repository, "full_name": other, "fork": True} if other else repository,
    }


@route("GET", REPO + "/actions/runs", "actions=read")
def list_runs(r: Request) -> Answer:
    rows = r.repo.runs
    wanted = r.query.get("status")
    if wanted:
        key = "status" if wanted in STATUSES else "conclusion"
        rows = [row for row in rows if row.get(key) == wanted]
    for name, key in (("event", "event"), ("branch", "head_branch"), ("head_sha", "head_sha")):
        if name in r.query:
            rows = [row for row in rows if row.get(key) == r.query[name]]
    return r.page(rows[::-1], lambda row: run_shape(r, row), "workflow_runs")


@route("GET", REPO + "/actions/runs/{id}", "actions=read")
def get_run(r: Request) -> Answer:
    return Answer(200, run_shape(r, r.find(r.repo.runs, id=r.number("id"))))


def job_shape(r: Request, row: Row) -> Row:
    run = r.find(r.repo.runs, id=row["run"])
    url = f"{r.url}/actions/jobs/{row['id']}"
    return {
        "id": row["id"],
        "run_id": run["id"],
        "run_url": f"{r.url}/actions/runs/{run['id']}",
        "run_attempt": row.get("run_attempt", 1),
        "node_id": shapes.node_id("CR", row["id"]),
        "head_sha": run["head_sha"],
        "url": url,
        "html_url": None,
        "status": row["status"],
        "conclusion": row.get("conclusion"),
        "created_at": row.get("created_at", run["created_at"]),
        "started_at": row.get("started_at", row.get("created_at", run["created_at"])),
        "completed_at": row.get("completed_at"),
        "name": row["name"],
        "steps": [],
        "check_run_url": f"{r.url}/check-runs/{row['id']}",
        "labels": row.get("labels", ["ubuntu-latest"]),
        "runner_id": None,
        "runner_name": None,
        "runner_group_id": None,
        "runner_group_name": None,
        "workflow_name": run.get("name", "CI"),
        "head_branch": run.get("head_branch", r.repo.default_branch),
    }


@route("GET", REPO + "/actions/runs/{id}/approvals", "actions=read")
def list_approvals(r: Request) -> Answer:
    run = r.find(r.repo.runs, id=r.number("id"))
    rows = [
        {
            "state": row["state"],
            "comment": row.get("comment", ""),
            "environments": [{"id": 1, "name": name} for name in row["environments"]],
            "user": shapes.user(r, row["user"]),
        }
        for row in run.get("approvals", [])
    ]
    return Answer(200, rows)


@route("GET", REPO + "/actions/runs/{id}/jobs", "actions=read")
def list_jobs(r: Request) -> Answer:
    run = r.find(r.repo.runs, id=r.number("id"))
    rows = [j for j in r.repo.jobs if j["run"] == run["id"]]
    return r.page(rows, lambda row: job_shape(r, row), "jobs")


def artifact_shape(r: Request, row: Row) -> Row:
    url = f"{r.url}/actions/artifacts/{row['id']}"
    run = r.find(r.repo.runs, id=row["run"])
    mine = shapes.stable_id(r.repo.name)
    theirs = run.get("head_repository")
    return {
        "id": row["id"],
        "node_id": shapes.node_id("MDg6", row["id"]),
        "name": row["name"],
        "size_in_bytes": row["size"],
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": row.get("expired", False),
        "created_at": row["created_at"],
        "expires_at": None,
        "updated_at": row["created_at"],
        "digest": row["digest"],
        "workflow_run": {
            "id": run["id"],
            "repository_id": mine,
            "head_repository_id": shapes.stable_id(theirs) if theirs else mine,
            "head_branch": run.get("head_branch", r.repo.default_branch),
            "head_sha": run["head_sha"],
        },
    }


def add_artifact(r: Request, run: int, name: str, archive: bytes) -> Row:
    """Store an archive as an artifact of a run."""
    row: Row = {
        "id": r.state.new_id(),
        "run": run,
        "name": name,
        "size": len(archive),
        "digest": f"sha256:{hashlib.sha256(archive).hexdigest()}",
        "created_at": r.state.now(),
    }
    file = r.state.blob_file(row["id"])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(archive)
    r.repo.artifacts.append(row)
    return row


@route("GET", REPO + "/actions/runs/{id}/artifacts", "actions=read")
def list_run_artifacts(r: Request) -> Answer:
    run = r.find(r.repo.runs, id=r.number("id"))
    rows = [a for a in r.repo.artifacts if a["run"] == run["id"]]
    if "name" in r.query:
        rows = [a for a in rows if a["name"] == r.query["name"]]
    return r.page(rows, lambda row: artifact_shape(r, row), "artifacts")


@route("GET", REPO + "/actions/artifacts/{id}", "actions=read")
def get_artifact(r: Request) -> Answer:
    return Answer(200, artifact_shape(r, r.find(r.repo.artifacts, id=r.number("id"))))


@route("GET", REPO + "/actions/artifacts/{id}/zip", "actions=read")
def download_artifact(r: Request) -> Answer:
    if r.token is None:  # archives need a token even in public repositories
        raise ApiError(401, "Requires authentication")
    row = r.find(r.repo.artifacts, id=r.number("id"))
    if row.get("expired"):
        raise ApiError(410, "Artifact has expired")
    return Answer(302, None, {"Location": f"{r.blobs}/archives/{row['id']}?sig=signed"})


@route("GET", REPO + "/actions/workflows", "actions=read")
def list_workflows(r: Request) -> Answer:
    def shape(row: Row) -> Row:
        times = dict.fromkeys(("created_at", "updated_at"), "2026-01-01T00:00:00Z")
        url = f"{r.url}/actions/workflows/{row['id']}"
        html = f"https://github.com/{r.repo.name}/blob/{r.repo.default_branch}/{row['path']}"
        node = shapes.node_id("W", row["id"])
        links = {"url": url, "html_url": html, "badge_url": f"{html}/badge.svg"}
        state = row.get("state", "active")
        kept = {key: row[key] for key in ("id", "name", "path")}
        return {**kept, "node_id": node, "state": state, **times, **links}

    return r.page(r.repo.workflows, shape, "workflows")


@route("GET", REPO + "/actions/caches", "actions=read")
def list_caches(r: Request) -> Answer:
    rows = [row for row in r.repo.caches if row["key"].startswith(r.query.get("key", ""))]
    if "ref" in r.query:
        rows = [row for row in rows if row["ref"] == r.query["ref"]]
    return r.page(rows, lambda row: row, "actions_caches")


@route("GET", REPO + "/actions/secrets", "secrets=read")
def list_secrets(r: Request) -> Answer:
    """Their names; GitHub never tells more."""
    at = "2026-01-01T00:00:00Z"
    return r.page(r.repo.secrets, lambda name: {"name": name, "created_at": at, "updated_at": at}, "secrets")


@route("GET", REPO + "/actions/organization-secrets", "secrets=read")
def list_organization_secrets(r: Request) -> Answer:
    """Those of the organisation that the repository may use."""
    at = "2026-01-01T00:00:00Z"
    return r.page(
        r.repo.organization_secrets,
        lambda name: {"name": name, "created_at": at, "updated_at": at},
        "secrets",
    )


@route("GET", REPO + "/actions/permissions", "administration=read")
def actions_permissions(r: Request) -> Answer:
    return Answer(200, r.repo.actions_permissions)


@route("GET", REPO + "/actions/permissions/workflow", "administration=read")
def workflow_permissions(r: Request) -> Answer:
    return Answer(200, r.repo.workflow_permissions)


def ruleset_shape(r: Request, row: Row, full: bool) -> Row:
    shape = {
        "id": row["id"],
        "name": row["name"],
        "target": row.get("target", "branch"),
        "source_type": "Repository",
        "source": r.repo.name,
        "enforcement": row.get("enforcement", "active"),
        "node_id": shapes.node_id("RRS", row["id"]),
    }
    if full:
        include = row.get("include", ["~DEFAULT_BRANCH"])
        shape["conditions"] = {"ref_name": {"include": include, "exclude": []}}
        shape["rules"] = row["rules"]
    return shape


@route("GET", REPO + "/rulesets", "metadata=read")
def list_rulesets(r: Request) -> Answer:
    return r.page(r.repo.rulesets, lambda row: ruleset_shape(r, row, full=False))


@route("GET", REPO + "/rulesets/{id}", "metadata=read")
def get_ruleset(r: Request) -> Answer:
    return Answer(200, ruleset_shape(r, r.find(r.repo.rulesets, id=r.number("id")), full=True))


@route("GET", REPO + "/rules/branches/{branch:path}", "metadata=read")
def branch_rules(r: Request) -> Answer:
    ref = f"refs/heads/{r.params['branch']}"
    default = f"refs/heads/{r.repo.default_branch}"
    rows = []
    for ruleset in r.repo.rulesets:
        names = [
            default if n == "~DEFAULT_BRANCH" else n for n in ruleset.get("include", ["~DEFAULT_BRANCH"])
        ]
        if ruleset.get("enforcement", "active") == "active" and (ref in names or "~ALL" in names):
            source = {"ruleset_source_type": "Repository", "ruleset_source": r.repo.name}
            rows += [{**rule, **source, "ruleset_id": ruleset["id"]} for rule in ruleset["rules"]]
    return r.page(rows, lambda row: row)
