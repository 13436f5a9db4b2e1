"""One issue or one discussion that is kept up to date: found by a hidden first line and our own login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from . import comments, names
from .errors import GitHubError

if TYPE_CHECKING:
    from .client import GitHub

_FIND = """query SignalboxFind($owner: String!, $name: String!, $after: String) {
  viewer { login }
  repository(owner: $owner, name: $name) {
    id
    discussionCategories(first: 100) { nodes { id name slug } }
    discussions(first: 100, after: $after, orderBy: {field: UPDATED_AT, direction: DESC}) {
      nodes { id url title body author { login } }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
_CREATE = """mutation SignalboxCreate($repository: ID!, $category: ID!, $title: String!, $body: String!) {
  createDiscussion(input: {repositoryId: $repository, categoryId: $category, title: $title, body: $body}) {
    discussion { id url }
  }
}"""
_UPDATE = """mutation SignalboxUpdate($id: ID!, $title: String!, $body: String!) {
  updateDiscussion(input: {discussionId: $id, title: $title, body: $body}) { discussion { id url } }
}"""
_PAGES = 20


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Where it stands now."""

    url: str
    created: bool


def upsert_issue(client: GitHub, key: str, title: str, body: str, label: str = "") -> Page:
    """Write ``body`` as the one open issue ``key`` of ours; a closed one is left closed and a new one made.

    Of two jobs that open it at once both keep the older. Raises :class:`GitHubError`.
    """
    mark = comments.marker(key)
    title, text = names.shorten(title, 250), comments.fit(f"{mark}\n{body}")
    root = f"/repos/{client.repository}/issues"
    client.transport.require_token("POST", root)
    mine, created = _issues(client, mark), False
    if not mine:
        content: dict[str, Any] = {"title": title, "body": text} | ({"labels": [label]} if label else {})
        try:
            client.transport.call("POST", root, content)
        except GitHubError as error:
            # Whether it was made is not known: look before making another.
            if not error.uncertain or not _issues(client, mark):
                raise
        mine, created = _issues(client, mark), True
    if not mine:
        raise GitHubError("the issue was made and is not there", call=f"POST {root}")
    keep, *others = sorted(mine, key=lambda row: int(row["number"]))
    if keep["title"] != title or (keep.get("body") or "").replace("\r\n", "\n") != text:
        client.transport.call("PATCH", f"{root}/{keep['number']}", {"title": title, "body": text})
    for extra in others:
        client.transport.call("PATCH", f"{root}/{extra['number']}", {"state": "closed"})
    return Page(url=str(keep["html_url"]), created=created)


def upsert_discussion(client: GitHub, key: str, category: str, title: str, body: str) -> Page:
    """Write ``body`` as the one discussion ``key`` of ours, in the category with that name or slug.

    Raises :class:`GitHubError`, also where there is no such category.
    """
    mark = comments.marker(key)
    title, text = names.shorten(title, 250), comments.fit(f"{mark}\n{body}")
    client.transport.require_token("POST", "/graphql")
    owner, _, name = client.repository.partition("/")
    after = None
    for _ in range(_PAGES):
        found = _ask(client, _FIND, {"owner": owner, "name": name, "after": after})
        repository, me = found["repository"], str(found["viewer"]["login"])
        for row in repository["discussions"]["nodes"]:
            author = str((row.get("author") or {}).get("login") or "")
            # GraphQL calls an app's account by its name without the ending that REST gives it.
            ours = author.removesuffix("[bot]") == me.removesuffix("[bot]")
            if ours and (row.get("body") or "").splitlines()[:1] == [mark]:
                same = (row["body"].replace("\r\n", "\n"), row["title"]) == (text, title)
                if not same:
                    _ask(client, _UPDATE, {"id": row["id"], "title": title, "body": text})
                return Page(url=str(row["url"]), created=False)
        after = repository["discussions"]["pageInfo"]["endCursor"]
        if not repository["discussions"]["pageInfo"]["hasNextPage"]:
            break
    nodes = repository["discussionCategories"]["nodes"]
    wanted = next((row["id"] for row in nodes if category.lower() in (row["slug"], row["name"].lower())), "")
    if not wanted:
        known = ", ".join(str(row["slug"]) for row in nodes)
        raise GitHubError(
            f"there is no category of discussions {category!r}",
            call="POST /graphql",
            fix=f"Name one of: {known}." if known else "Enable Discussions in the repository's settings.",
        )
    given = {"repository": repository["id"], "category": wanted, "title": title, "body": text}
    made = _ask(client, _CREATE, given)["createDiscussion"]["discussion"]
    return Page(url=str(made["url"]), created=True)


def _issues(client: GitHub, mark: str) -> list[Any]:
    me = client.login()
    rows = client.transport.pages(f"/repos/{client.repository}/issues?state=open")
    return [
        row
        for row in rows
        if "pull_request" not in row
        and (row.get("user") or {}).get("login") == me
        and (row.get("body") or "").splitlines()[:1] == [mark]
    ]


def _ask(client: GitHub, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The data of an answer; GraphQL says its errors with status 200."""
    call = "POST /graphql"
    answer = client.transport.graphql({"query": query, "variables": variables}, repeatable=query == _FIND)
    if isinstance(answer, dict) and answer.get("errors"):
        told = "; ".join(str(error.get("message", ""))[:300] for error in answer["errors"][:3])
        raise GitHubError(
            "GitHub refused the query", call=call, message=told, fix="The job needs discussions: write."
        )
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or any(value is None for value in data.values()):
        raise GitHubError("GitHub's answer lacks what was asked for", call=call)
    return data
