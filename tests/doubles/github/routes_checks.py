"""Commit statuses, check runs, deployments and environments."""

from __future__ import annotations

from . import shapes
from .routing import Answer, ApiError, Request, invalid, not_found, route
from .state import Row

REPO = "/repos/{owner}/{repo}"


def status_shape(r: Request, row: Row) -> Row:
    return {
        "id": row["id"],
        "node_id": shapes.node_id("SC", row["id"]),
        "url": f"{r.url}/statuses/{row['sha']}",
        "avatar_url": None,
        **{key: row[key] for key in ("state", "description", "target_url", "context")},
        "created_at": row["created_at"],
        "updated_at": row["created_at"],
        "creator": shapes.user(r, row["creator"]),
    }


@route("POST", REPO + "/statuses/{sha}", "statuses=write")
def create_status(r: Request) -> Answer:
    sha = r.params["sha"]
    if r.git.kind(sha) != "commit":
        raise ApiError(422, f"No commit found for SHA: {sha}")
    description = r.body.get("description")
    if description and len(description) > 140:
        raise invalid("Status", "description", "description is too long (maximum is 140 characters)")
    row = {
        "id": r.state.new_id(),
        "sha": sha,
        "state": r.body["state"],
        "description": description,
        "target_url": r.body.get("target_url"),
        "context": r.body.get("context", "default"),
        "creator": r.login,
        "created_at": r.state.now(),
    }
    same = [s for s in r.repo.statuses if (s["sha"], s["context"]) == (sha, row["context"])]
    if len(same) >= 1000:
        raise invalid("Status", "sha", "This SHA and context has reached the maximum number of statuses.")
    r.repo.statuses.append(row)
    return Answer(201, status_shape(r, row), {"Location": f"{r.url}/statuses/{sha}"})


def statuses_of(r: Request) -> tuple[str, list[Row]]:
    sha = r.git.resolve(r.params["ref"])
    if sha is None:
        raise not_found()
    return sha, [s for s in reversed(r.repo.statuses) if s["sha"] == sha]


@route("GET", REPO + "/commits/{ref:path}/statuses", "statuses=read")
def list_statuses(r: Request) -> Answer:
    return r.page(statuses_of(r)[1], lambda row: status_shape(r, row))


@route("GET", REPO + "/commits/{ref:path}/status", "statuses=read")
def combined_status(r: Request) -> Answer:
    sha, rows = statuses_of(r)
    latest: dict[str, Row] = {}
    for row in rows:  # newest first: the first of each context counts
        latest.setdefault(row["context"], row)
    states = {row["state"] for row in latest.values()}
    failing = "failure" if states & {"failure", "error"} else ""
    state = failing or ("pending" if "pending" in states or not states else "success")
    page = r.page(list(latest.values()), lambda row: simple_status(r, row))
    page.body = {
        "state": state,
        "statuses": page.body,
        "sha": sha,
        "total_count": len(latest),
        "repository": shapes.minimal_repository(r),
        "commit_url": f"{r.url}/commits/{sha}",
        "url": f"{r.url}/commits/{sha}/status",
    }
    return page


def simple_status(r: Request, row: Row) -> Row:
    shape = status_shape(r, row)
    del shape["creator"]
    return shape


def check_shape(r: Request, row: Row) -> Row:
    url = f"{r.url}/check-runs/{row['id']}"
    output = {"title": None, "summary": None, "text": None, **row.get("output", {})}
    return {
        "id": row["id"],
        "node_id": shapes.node_id("CR", row["id"]),
        "head_sha": row["head_sha"],
        "external_id": row.get("external_id"),
        "url": url,
        "html_url": None,
        "details_url": row.get("details_url"),
        "status": row["status"],
        "conclusion": row.get("conclusion"),
        "started_at": row.get("started_at"),
        "completed_at": row.get("completed_at"),
        "output": {
            "title": output["title"],
            "summary": output["summary"],
            "text": output["text"],
            "annotations_count": len(output.get("annotations", [])),
            "annotations_url": f"{url}/annotations",
        },
        "name": row["name"],
        "check_suite": {"id": row["id"]},
        "app": None,
        "pull_requests": [],
    }


CHECK_KEYS = [
    "name",
    "status",
    "conclusion",
    "output",
    "details_url",
    "external_id",
    "started_at",
    "completed_at",
]


@route("POST", REPO + "/check-runs", "checks=write")
def create_check(r: Request) -> Answer:
    row = {"id": r.state.new_id(), "head_sha": r.body["head_sha"], "status": "queued"}
    row |= {key: r.body[key] for key in CHECK_KEYS if key in r.body}
    if row.get("conclusion"):
        row |= {"status": "completed", "completed_at": row.get("completed_at") or r.state.now()}
    r.repo.check_runs.append(row)
    return Answer(201, check_shape(r, row))


@route("PATCH", REPO + "/check-runs/{id}", "checks=write")
def update_check(r: Request) -> Answer:
    row = r.find(r.repo.check_runs, id=r.number("id"))
    row |= {key: r.body[key] for key in CHECK_KEYS if key in r.body}
    if r.body.get("conclusion"):
        row |= {"status": "completed", "completed_at": row.get("completed_at") or r.state.now()}
    return Answer(200, check_shape(r, row))


@route("GET", REPO + "/commits/{ref:path}/check-runs", "checks=read")
def list_checks(r: Request) -> Answer:
    sha = r.git.resolve(r.params["ref"])
    rows = [c for c in r.repo.check_runs if c["head_sha"] == sha]
    if "check_name" in r.query:
        rows = [c for c in rows if c["name"] == r.query["check_name"]]
    return r.page(rows, lambda row: check_shape(r, row), "check_runs")


def deployment_shape(r: Request, row: Row) -> Row:
    url = f"{r.url}/deployments/{row['id']}"
    return {
        "url": url,
        "id": row["id"],
        "node_id": shapes.node_id("DE", row["id"]),
        **{key: row[key] for key in ("sha", "ref", "task", "payload", "environment", "description")},
        "original_environment": row["environment"],
        "creator": shapes.user(r, row["creator"]),
        "created_at": row["created_at"],
        "updated_at": row["created_at"],
        "statuses_url": f"{url}/statuses",
        "repository_url": r.url,
        "transient_environment": row["transient_environment"],
        "production_environment": row["production_environment"],
    }


@route("GET", REPO + "/deployments", "deployments=read")
def list_deployments(r: Request) -> Answer:
    keys = ("sha", "ref", "task", "environment")
    rows = [d for d in r.repo.deployments if all(r.query.get(k, d[k]) == d[k] for k in keys)]
    return r.page(rows[::-1], lambda row: deployment_shape(r, row))


@route("POST", REPO + "/deployments", "deployments=write")
def create_deployment(r: Request) -> Answer:
    sha = r.git.resolve(r.body["ref"])
    if sha is None:
        raise ApiError(422, f"No ref found for: {r.body['ref']}")
    required = r.body.get("required_contexts")
    green = {s["context"] for s in r.repo.statuses if s["sha"] == sha and s["state"] == "success"}
    known = {s["context"] for s in r.repo.statuses if s["sha"] == sha}
    missing = set(known if required is None else required) - green
    if missing:
        raise ApiError(409, f"Conflict: Commit status checks failed for {sha}: {', '.join(sorted(missing))}")
    environment = r.body.get("environment", "production")
    row = {
        "id": r.state.new_id(),
        "sha": sha,
        "ref": r.body["ref"],
        "task": r.body.get("task", "deploy"),
        "payload": r.body.get("payload", {}),
        "environment": environment,
        "description": r.body.get("description"),
        "transient_environment": r.body.get("transient_environment", False),
        "production_environment": r.body.get("production_environment", environment == "production"),
        "creator": r.login,
        "created_at": r.state.now(),
    }
    r.repo.deployments.append(row)
    # naming an environment that does not exist creates it, without any protection
    if not any(e["name"] == environment for e in r.repo.environments):
        r.repo.environments.append({"id": r.state.new_id(), "name": environment})
    return Answer(201, deployment_shape(r, row))


def deployment_status_shape(r: Request, row: Row) -> Row:
    url = f"{r.url}/deployments/{row['deployment']}"
    keys = ("state", "description", "environment", "target_url", "environment_url", "log_url")
    return {
        "url": f"{url}/statuses/{row['id']}",
        "id": row["id"],
        "node_id": shapes.node_id("DES", row["id"]),
        **{key: row[key] for key in keys},
        "creator": shapes.user(r, row["creator"]),
        "created_at": row["created_at"],
        "updated_at": row["created_at"],
        "deployment_url": url,
        "repository_url": r.url,
    }


@route("POST", REPO + "/deployments/{id}/statuses", "deployments=write")
def create_deployment_status(r: Request) -> Answer:
    deployment = r.find(r.repo.deployments, id=r.number("id"))
    row = {
        "id": r.state.new_id(),
        "deployment": deployment["id"],
        "state": r.body["state"],
        "description": r.body.get("description", ""),
        "environment": r.body.get("environment", deployment["environment"]),
        "target_url": r.body.get("target_url", ""),
        "environment_url": r.body.get("environment_url", ""),
        "log_url": r.body.get("log_url", ""),
        "creator": r.login,
        "created_at": r.state.now(),
    }
    if len(row["description"]) > 140:
        raise invalid("DeploymentStatus", "description", "description is too long (maximum is 140)")
    r.repo.deployment_statuses.append(row)
    return Answer(201, deployment_status_shape(r, row))


@route("GET", REPO + "/deployments/{id}/statuses", "deployments=read")
def list_deployment_statuses(r: Request) -> Answer:
    deployment = r.find(r.repo.deployments, id=r.number("id"))["id"]
    rows = [s for s in r.repo.deployment_statuses if s["deployment"] == deployment]
    return r.page(rows[::-1], lambda row: deployment_status_shape(r, row))


def environment_shape(r: Request, row: Row) -> Row:
    times = dict.fromkeys(("created_at", "updated_at"), "2026-01-01T00:00:00Z")
    return {
        "id": row["id"],
        "node_id": shapes.node_id("EN", row["id"]),
        "name": row["name"],
        "url": f"{r.url}/environments/{row['name']}",
        "html_url": f"https://github.com/{r.repo.name}/settings/environments",
        **times,
        "protection_rules": [
            {"node_id": shapes.node_id("GA", (row["id"], rule["id"])), **rule}
            for rule in row.get("protection_rules", [])
        ],
        "deployment_branch_policy": row.get("deployment_branch_policy"),
    }


@route("GET", REPO + "/environments", "actions=read")
def list_environments(r: Request) -> Answer:
    return r.page(r.repo.environments, lambda row: environment_shape(r, row), "environments")


@route("GET", REPO + "/environments/{name}", "actions=read")
def get_environment(r: Request) -> Answer:
    return Answer(200, environment_shape(r, r.find(r.repo.environments, name=r.params["name"])))
