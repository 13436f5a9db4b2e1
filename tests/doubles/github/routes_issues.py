"""Issues, comments and pull requests."""

from __future__ import annotations

from . import shapes
from .routing import Answer, Request, invalid, not_found, route
from .state import Row

ISSUE = "/repos/{owner}/{repo}/issues"
PULL = "/repos/{owner}/{repo}/pulls"
READ = "issues=read; pull_requests=read"
WRITE = "issues=write; pull_requests=write"
LONGEST_BODY = 65536


def check_body(body: str) -> str:
    """Refuse a text that GitHub would refuse."""
    if len(body) > LONGEST_BODY:
        raise invalid("IssueComment", "body", f"body is too long (maximum is {LONGEST_BODY} characters)")
    if not body.strip():
        raise invalid("IssueComment", "body", "body can't be blank", "missing_field")
    return body


def new_issue(r: Request, title: str, body: str | None, labels: list[str]) -> Row:
    """Add an issue row; pull requests share its numbers."""
    row = {
        "id": r.state.new_id(),
        "number": max((i["number"] for i in r.repo.issues), default=0) + 1,
        "title": title,
        "body": body,
        "state": "open",
        "user": r.login,
        "labels": labels,
        "created_at": r.state.now(),
        "updated_at": r.state.now(),
        "closed_at": None,
    }
    r.repo.issues.append(row)
    return row


@route("GET", ISSUE, "issues=read")
def list_issues(r: Request) -> Answer:
    wanted = r.query.get("state", "open")
    labels = set(filter(None, r.query.get("labels", "").split(",")))
    rows = [i for i in r.repo.issues if wanted in ("all", i["state"]) and labels <= set(i.get("labels", []))]
    return r.page(rows[::-1], lambda row: shapes.issue(r, row))


@route("POST", ISSUE, "issues=write")
def create_issue(r: Request) -> Answer:
    row = new_issue(r, str(r.body["title"]), r.body.get("body"), list(r.body.get("labels", [])))
    return Answer(201, shapes.issue(r, row))


@route("GET", ISSUE + "/{number}", READ)
def get_issue(r: Request) -> Answer:
    return Answer(200, shapes.issue(r, r.find(r.repo.issues, number=r.number("number"))))


@route("PATCH", ISSUE + "/{number}", WRITE)
def update_issue(r: Request) -> Answer:
    row = r.find(r.repo.issues, number=r.number("number"))
    row |= {key: r.body[key] for key in ("title", "body", "state", "state_reason", "labels") if key in r.body}
    row["updated_at"] = r.state.now()
    row["closed_at"] = r.state.now() if row["state"] == "closed" else None
    return Answer(200, shapes.issue(r, row))


@route("GET", ISSUE + "/{number}/comments", READ)
def list_comments(r: Request) -> Answer:
    number = r.find(r.repo.issues, number=r.number("number"))["number"]
    rows = [c for c in r.repo.comments if c["issue"] == number]
    return r.page(rows, lambda row: shapes.comment(r, row))


@route("POST", ISSUE + "/{number}/comments", WRITE)
def create_comment(r: Request) -> Answer:
    number = r.find(r.repo.issues, number=r.number("number"))["number"]
    row = {
        "id": r.state.new_id(),
        "issue": number,
        "body": check_body(r.body["body"]),
        "user": r.login,
        "created_at": r.state.now(),
        "updated_at": r.state.now(),
    }
    r.repo.comments.append(row)
    shape = shapes.comment(r, row)
    return Answer(201, shape, {"Location": shape["url"]})


@route("GET", ISSUE + "/comments/{id}", READ)
def get_comment(r: Request) -> Answer:
    return Answer(200, shapes.comment(r, r.find(r.repo.comments, id=r.number("id"))))


@route("PATCH", ISSUE + "/comments/{id}", WRITE)
def update_comment(r: Request) -> Answer:
    row = r.find(r.repo.comments, id=r.number("id"))
    row |= {"body": check_body(r.body["body"]), "updated_at": r.state.now()}
    return Answer(200, shapes.comment(r, row))


@route("DELETE", ISSUE + "/comments/{id}", WRITE)
def delete_comment(r: Request) -> Answer:
    r.repo.comments.remove(r.find(r.repo.comments, id=r.number("id")))
    return Answer(204)


@route("POST", ISSUE + "/{number}/labels", WRITE)
def add_labels(r: Request) -> Answer:
    row = r.find(r.repo.issues, number=r.number("number"))
    row["labels"] = sorted({*row.get("labels", []), *r.body.get("labels", [])})
    return Answer(200, [shapes.label(r, name) for name in row["labels"]])


def head_branch(r: Request, name: str) -> str:
    """Return the branch of ``owner:branch`` when the owner is this repository's."""
    owner, _, branch = name.rpartition(":")
    if owner and owner != r.params["owner"]:
        raise not_found()
    return branch


@route("GET", PULL, "pull_requests=read")
def list_pulls(r: Request) -> Answer:
    wanted = r.query.get("state", "open")
    states = {i["number"]: i["state"] for i in r.repo.issues}
    rows = [p for p in r.repo.pulls if wanted in ("all", states[p["number"]])]
    # GitHub filters by head only in the form owner:branch; anything else is ignored
    if ":" in r.query.get("head", ""):
        owner, branch = r.query["head"].split(":", 1)
        rows = [p for p in rows if p["head"] == branch and owner == r.params["owner"]]
    if "base" in r.query:
        rows = [p for p in rows if p["base"] == r.query["base"]]
    return r.page(rows[::-1], lambda row: shapes.pull(r, row, full=False))


@route("POST", PULL, "pull_requests=write")
def create_pull(r: Request) -> Answer:
    head, base = head_branch(r, r.body["head"]), r.body["base"]
    tips = {name: r.git.resolve(f"refs/heads/{name}") for name in (head, base)}
    for side, name in (("head", head), ("base", base)):
        if tips[name] is None:
            raise invalid("PullRequest", side, f"{side} is invalid", "invalid")
    states = {i["number"]: i["state"] for i in r.repo.issues}
    for row in r.repo.pulls:
        if (row["head"], row["base"]) == (head, base) and states[row["number"]] == "open":
            raise invalid("PullRequest", "head", f"A pull request already exists for {r.body['head']}.")
    if tips[head] == tips[base]:
        raise invalid("PullRequest", "head", f"No commits between {base} and {head}")
    issue = new_issue(r, r.body["title"], r.body.get("body"), [])
    row = {
        "id": r.state.new_id(),
        "number": issue["number"],
        "head": head,
        "base": base,
        "head_sha": tips[head],
        "base_sha": tips[base],
        "draft": r.body.get("draft", False),
    }
    r.repo.pulls.append(row)
    return Answer(201, shapes.pull(r, row))


@route("GET", PULL + "/{number}", "pull_requests=read")
def get_pull(r: Request) -> Answer:
    return Answer(200, shapes.pull(r, r.find(r.repo.pulls, number=r.number("number"))))


@route("PATCH", PULL + "/{number}", "pull_requests=write")
def update_pull(r: Request) -> Answer:
    row = r.find(r.repo.pulls, number=r.number("number"))
    issue = r.find(r.repo.issues, number=row["number"])
    issue |= {key: r.body[key] for key in ("title", "body", "state") if key in r.body}
    issue["updated_at"] = r.state.now()
    row["base"] = r.body.get("base", row["base"])
    return Answer(200, shapes.pull(r, row))


@route("GET", PULL + "/{number}/files", "pull_requests=read")
def list_pull_files(r: Request) -> Answer:
    row = r.find(r.repo.pulls, number=r.number("number"))
    base = r.git.line("merge-base", row["base_sha"], row["head_sha"])
    files = r.git.changed(row["head_sha"], base)
    words = {"A": "added", "D": "removed", "M": "modified", "T": "changed"}
    rows = [entry.split("\t", 1) for entry in files]
    return r.page(rows, lambda entry: shapes.changed_file(r, row["head_sha"], words[entry[0][0]], entry[1]))


@route("GET", "/repos/{owner}/{repo}/commits/{sha}/pulls", "pull_requests=read; contents=read")
def pulls_of_commit(r: Request) -> Answer:
    sha = r.git.resolve(r.params["sha"])
    if sha is None:
        raise not_found()
    rows = [
        p
        for p in r.repo.pulls
        if sha == p.get("merge_commit_sha") or sha in r.git.between(p["base_sha"], p["head_sha"])
    ]
    return r.page(rows, lambda row: shapes.pull(r, row, full=False))
