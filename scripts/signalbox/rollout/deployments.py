"""The remote line of a rollout as the statuses of a GitHub deployment. The client is passed in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from signalbox.errors import InputError
from signalbox.rollout.clock import Clock
from signalbox.rollout.model import Inputs
from signalbox.rollout.remote import RemoteState, Told, newest_under_way, parse

_MOST_SLICES = 50
"""Characters of the list of slices: GitHub takes 140 in all."""
_RUN = re.compile(r"/actions/runs/([0-9]+)(?:/|$)")


class Client(Protocol):
    """What is needed of :class:`signalbox.github.GitHub`."""

    repository: str

    def standings(self, environment: str, prefix: str, most: int = 20) -> Sequence[Any]:
        """Our deployments, newest first."""

    def create_deployment(
        self, sha: str, environment: str, *, key: str, description: str = "", production: bool = False
    ) -> Any:
        """A deployment with an ``id``."""

    def set_deployment_status(
        self, deployment: int, state: Any, description: str = "", url: str = "", log: str = ""
    ) -> int:
        """Add a status."""


def key_of(deployment: str, digest: str) -> str:
    """The key of a rollout: the same digest of the same deployment is the same deployment for GitHub."""
    return f"rollout {deployment} {digest}"


def run_of(log: str) -> str:
    """The number of the workflow run that a log's address leads to; empty if it leads elsewhere."""
    found = _RUN.search(log)
    return found[1] if found else ""


def told(rows: Sequence[Any]) -> list[Told]:
    """Standings as lines; those that nobody said anything about are left out."""
    return [
        Told(digest=row.key.rpartition(" ")[2], text=row.description, holder=run_of(row.log), at=row.at)
        for row in rows
        if row.description
    ]


class GitHubDeployment:
    """One digest's deployment. ``url`` is the environment's address, ``log`` the run's.

    ``patient`` reads, before anything moves; ``quick`` writes, and must give up within seconds: a rollback
    must not wait for GitHub.
    """

    def __init__(
        self,
        patient: Client,
        quick: Client,
        *,
        sha: str,
        environment: str,
        deployment: str,
        digest: str,
        url: str = "",
        log: str = "",
    ) -> None:
        self._patient = patient
        self._quick = quick
        self._sha = sha
        self._environment = environment
        self._deployment = deployment
        self._digest = digest
        self._url = url
        self._log = log
        self._id = 0

    def last(self) -> Told | None:
        """The latest status with a text."""
        rows = self._patient.standings(self._environment, key_of(self._deployment, self._digest), 1)
        if rows:
            # The same digest from another commit: one deployment, or its story would be in two places.
            self._id = rows[0].id
        return next(iter(told(rows)), None)

    def tell(self, sign: str, text: str) -> None:
        """Add a status; the first one makes the deployment."""
        if not self._id:
            self._id = self._quick.create_deployment(
                self._sha,
                self._environment,
                key=key_of(self._deployment, self._digest),
                description=f"rollout of {self._deployment}",
                production=self._environment == "production",
            ).id
        self._quick.set_deployment_status(self._id, sign, text, self._url, self._log)


def open_state(
    patient: Client,
    quick: Client,
    path: Path,
    inputs: Inputs,
    *,
    sha: str,
    url: str,
    environ: Mapping[str, str],
    clock: Clock,
    say: Callable[[str], None],
    takes_over: bool,
) -> RemoteState:
    """The state of this rollout, in ``path`` and in its deployment's statuses."""
    environment, run = _named(inputs.subject.environment), environ.get("GITHUB_RUN_ID", "")
    server = environ.get("GITHUB_SERVER_URL", "")
    if not sha:
        raise InputError("a deployment is of a commit", where="--sha", fix="Give the digest's commit.")
    if sum(len(f"{one:g}") + 1 for one in inputs.slices) > _MOST_SLICES:
        raise InputError(
            "these are more slices than the text of a deployment's status can name",
            where="--deployment-status",
        )
    remote = GitHubDeployment(
        patient,
        quick,
        sha=sha,
        environment=environment,
        deployment=inputs.deployment,
        digest=inputs.subject.digest,
        url=url,
        log=f"{server}/{patient.repository}/actions/runs/{run}" if server and run else "",
    )
    return RemoteState(
        path,
        remote,
        deployment=inputs.deployment,
        holder=run,
        now=clock.now,
        say=say,
        takes_over=takes_over,
    )


class Vanished(msgspec.Struct, frozen=True, kw_only=True):
    """The rollout that is under way, and whether it is ``due``: its lease ran out. ``run`` watched it.

    ``worse`` says that the digest that was asked about was found worse before, under way or not.
    """

    text: str
    due: bool = False
    worse: bool = False
    digest: str = ""
    slices: str = ""
    run: str = ""


def vanished(client: Client, deployment: str, environment: str, now: str, digest: str = "") -> Vanished:
    """What a sweeper finds at ``now`` (RFC 3339): of ``digest``, or of the newest that is under way."""
    lines = told(client.standings(_named(environment), key_of(deployment, digest)))
    found = newest_under_way(lines, deployment)
    states = [parse(line, deployment) for line in lines if digest]
    if any(state is not None and state.bad for state in states):
        return Vanished(text=f"{digest} was found worse before: {lines[0].text}", worse=True)
    if found is None:
        return Vanished(text=f"nothing to sweep: no rollout of {deployment} is under way in {environment}")
    line, state = found
    # Times in one format and zone sort as text.
    due = state.lease_until < now
    said = "ran out" if due else "is good until"
    return Vanished(
        text=f"{state.digest} is {state.phase} at {state.percent:g}%; its lease {said} {state.lease_until}",
        due=due,
        digest=line.digest,
        slices=",".join(f"{one:g}" for one in state.slices),
        run=line.holder,
    )


def _named(environment: str) -> str:
    if not environment:
        raise InputError("a deployment is to an environment", where="--environment")
    return environment
