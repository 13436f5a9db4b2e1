"""Whether an environment of GitHub's makes a job wait for a person, and which person let it pass.

A job that names an environment without required reviewers does not wait at all, and naming one that does not
exist creates it, unprotected: so the wait is checked before anything relies on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

import msgspec


class Environment(Protocol):
    """What is asked of an environment: its name and how many may review."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def reviewers(self) -> int: ...  # noqa: D102
    @property
    def self_review(self) -> bool: ...  # noqa: D102


class Approver(msgspec.Struct, frozen=True):
    """A person who approved, and the environment it was for."""

    login: str
    environment: str


def unguarded(environments: Iterable[Environment], name: str) -> str:
    """Why a job in the environment ``name`` would not wait for a person; empty when it does."""
    found = next((one for one in environments if one.name.lower() == name.lower()), None)
    if found is None:
        return f"there is no environment {name!r}: naming it would create one that nobody guards"
    if not found.reviewers:
        return f"the environment {name!r} has no required reviewers"
    return ""


def approvers(
    rows: Iterable[Mapping[str, Any]], environments: Collection[str], excluded: Collection[str] = ()
) -> tuple[Approver, ...]:
    """The people who approved a run's jobs in ``environments``, each once per environment.

    ``rows`` are the reviews of the run as GitHub lists them. Left out: rejections, bots, and the logins in
    ``excluded`` (who started the run, who wrote the change), whatever their case. One rejection of an
    environment voids every approval of it.
    """
    wanted = {name.lower(): name for name in environments}
    barred = {login.lower() for login in excluded}
    found: dict[Approver, None] = {}
    rejected: set[str] = set()
    for row in rows:
        user = row.get("user") or {}
        for one in row.get("environments") or ():
            name = wanted.get(str(one.get("name", "")).lower())
            if name is None:
                continue
            if row.get("state") == "rejected":
                rejected.add(name)
            login = str(user.get("login") or "")
            person = user.get("type") == "User" and login and login.lower() not in barred
            if row.get("state") == "approved" and person:
                found[Approver(login, name)] = None
    return tuple(one for one in found if one.environment not in rejected)
