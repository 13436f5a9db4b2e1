"""Workflow runs and their jobs: how long things take, and how many wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from .client import GitHub

WAITING = ("queued", "waiting", "pending")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Times are RFC 3339 UTC; ``started`` is that of this attempt."""

    id: int
    name: str
    path: str
    event: str
    status: str
    conclusion: str
    head_sha: str
    head_branch: str
    head_repository: str
    attempt: int
    created: str
    started: str
    updated: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job; times are empty where GitHub gives none."""

    id: int
    name: str
    status: str
    conclusion: str
    labels: tuple[str, ...]
    created: str
    started: str
    completed: str


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that wait, by status and by the label of the runner they wait for."""

    runs: int
    jobs: int
    by_status: dict[str, int]
    by_label: dict[str, int]


def run_of(row: dict[str, Any]) -> Run:
    """Read a run of the API; a deleted fork leaves ``head_repository`` empty."""
    return Run(
        id=int(row["id"]),
        name=str(row.get("name") or ""),
        path=str(row.get("path") or ""),
        event=str(row["event"]),
        status=str(row.get("status") or ""),
        conclusion=str(row.get("conclusion") or ""),
        head_sha=str(row["head_sha"]),
        head_branch=str(row.get("head_branch") or ""),
        head_repository=str((row.get("head_repository") or {}).get("full_name") or ""),
        attempt=int(row.get("run_attempt") or 1),
        created=str(row["created_at"]),
        started=str(row.get("run_started_at") or row["created_at"]),
        updated=str(row["updated_at"]),
    )


def job_of(row: dict[str, Any]) -> Job:
    """Read a job of the API."""
    return Job(
        id=int(row["id"]),
        name=str(row["name"]),
        status=str(row["status"]),
        conclusion=str(row.get("conclusion") or ""),
        labels=tuple(str(label) for label in row.get("labels") or ()),
        created=str(row.get("created_at") or ""),
        started=str(row.get("started_at") or ""),
        completed=str(row.get("completed_at") or ""),
    )


def last(client: GitHub, limit: int, status: str, event: str, branch: str) -> tuple[Run, ...]:
    """Return the newest runs, newest first."""
    from .names import segment

    query = "&".join(
        f"{name}={segment(value)}"
        for name, value in (("status", status), ("event", event), ("branch", branch))
        if value
    )
    path = f"/repos/{client.repository}/actions/runs" + (f"?{query}" if query else "")
    # islice stops asking for pages once there are enough
    rows = client.transport.pages(path, "workflow_runs")
    return tuple(run_of(row) for row in islice(rows, limit))


def jobs(client: GitHub, run: int) -> tuple[Job, ...]:
    """Return all jobs of a run's latest attempt."""
    rows = client.transport.pages(f"/repos/{client.repository}/actions/runs/{int(run)}/jobs", "jobs")
    return tuple(job_of(row) for row in rows)


def queue(client: GitHub, statuses: Sequence[str] = WAITING) -> Queue:
    """Count the jobs that wait in runs of the given statuses.

    A run that waits has jobs that are done and jobs that wait: only those count. Unchanged lists
    cost nothing against the rate limit, because every page is asked for by its entity tag.
    """
    seen: dict[int, tuple[Job, ...]] = {}
    for status in statuses:
        path = f"/repos/{client.repository}/actions/runs?status={status}"
        for row in client.transport.pages(path, "workflow_runs"):
            if int(row["id"]) not in seen:  # a run can change its status between two lists
                seen[int(row["id"])] = jobs(client, int(row["id"]))
    return count(len(seen), (job for found in seen.values() for job in found))


def count(runs: int, found: Iterable[Job]) -> Queue:
    """Count the waiting jobs among ``found``."""
    waiting = [job for job in found if job.status in WAITING]
    return Queue(
        runs=runs,
        jobs=len(waiting),
        by_status=dict(sorted(Counter(job.status for job in waiting).items())),
        by_label=dict(sorted(Counter(",".join(job.labels) for job in waiting).items())),
    )
