"""Discussions, which only GraphQL has: the three operations that are used, told apart by their names."""

from __future__ import annotations

import re
from typing import Any

from .routing import Answer
from .state import Repository, Row, State, Token

_OPERATION = re.compile(r"^\s*(?:query|mutation) (\w+)")


def answer(state: State, body: Row, token: Token) -> Answer | None:
    """Answer an operation on discussions; None for any other query."""
    found = _OPERATION.match(str(body.get("query", "")))
    known = {"SignalboxFind": _find, "SignalboxCreate": _create, "SignalboxUpdate": _update}
    if not found or found[1] not in known:
        return None
    try:
        return Answer(200, {"data": known[found[1]](state, body.get("variables") or {}, token)})
    except _Refused as error:
        told = [{"type": "FORBIDDEN", "message": str(error)}]
        return Answer(200, {"data": None, "errors": told})


class _Refused(Exception):
    pass


def _login(login: str) -> str:
    # As GraphQL has it: an app's account without the ending that REST gives it.
    return login.removesuffix("[bot]")


def _shape(row: Row) -> Row:
    kept = {key: row[key] for key in ("id", "url", "title", "body")}
    return kept | {"author": {"login": _login(row["author"])}}


def _may_write(token: Token) -> None:
    if token.kind != "user" and token.permissions.get("discussions") != "write":
        raise _Refused("Resource not accessible by integration")


def _find(state: State, given: Row, token: Token) -> Row:
    repository = state.repositories[f"{given['owner']}/{given['name']}"]
    rows = sorted(repository.discussions, key=lambda row: -row["changed"])
    start = int(given.get("after") or 0)
    end = start + 100
    return {
        "viewer": {"login": token.login},
        "repository": {
            "id": f"R_{repository.name}",
            "discussionCategories": {"nodes": [_category(name) for name in repository.discussion_categories]},
            "discussions": {
                "nodes": [_shape(row) for row in rows[start:end]],
                "pageInfo": {"hasNextPage": end < len(rows), "endCursor": str(end)},
            },
        },
    }


def _category(name: str) -> Row:
    return {"id": f"DIC_{name}", "name": name, "slug": name.lower()}


def _create(state: State, given: Row, token: Token) -> Row:
    _may_write(token)
    repository = _by_id(state, given["repository"])
    number = state.new_id()
    row = {
        "id": f"D_{number}",
        "url": f"https://github.com/{repository.name}/discussions/{number}",
        "title": given["title"],
        "body": given["body"],
        "author": token.login,
        "category": given["category"].removeprefix("DIC_"),
        "changed": number,
    }
    repository.discussions.append(row)
    return {"createDiscussion": {"discussion": {"id": row["id"], "url": row["url"]}}}


def _update(state: State, given: Row, token: Token) -> Row:
    _may_write(token)
    rows: list[Any] = [row for repository in state.repositories.values() for row in repository.discussions]
    [row] = [row for row in rows if row["id"] == given["id"]]
    row |= {"title": given["title"], "body": given["body"], "changed": state.new_id()}
    return {"updateDiscussion": {"discussion": {"id": row["id"], "url": row["url"]}}}


def _by_id(state: State, ident: str) -> Repository:
    return state.repositories[ident.removeprefix("R_")]
