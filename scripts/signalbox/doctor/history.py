"""The last runs of a repository, read for the estimate."""

from __future__ import annotations

from collections.abc import Callable

from signalbox.github import GitHub, Job, Run, Unavailable

from .estimate import Replayed, Timed, minutes_between

EVENTS = ("push", "pull_request", "merge_group")
FINISHED = ("success", "failure")


def read(client: GitHub, limit: int, say: Callable[[str], None]) -> tuple[Replayed, ...] | Unavailable:
    """Return the newest finished runs of changes: two calls each, so ``limit`` bounds the calls.

    A run whose jobs cannot be read makes the whole reading unavailable: leaving it out would colour
    the rest. A change that cannot be read is kept with ``files`` None.
    """
    runs = client.last_runs(limit)
    if isinstance(runs, Unavailable):
        return runs
    found = []
    for number, run in enumerate(runs, 1):
        if run.event not in EVENTS or run.conclusion not in FINISHED:
            continue
        jobs = client.jobs(run.id)
        if isinstance(jobs, Unavailable):
            return jobs
        files = client.changed_files(run.head_sha)
        found.append(replayed(run, jobs, None if isinstance(files, Unavailable) else files))
        if number % 10 == 0:
            say(f"read {number} of {len(runs)} runs")
    return tuple(found)


def replayed(run: Run, jobs: tuple[Job, ...], files: tuple[str, ...] | None) -> Replayed:
    """Return a run with the jobs that really ran."""
    timed = []
    for job in jobs:
        minutes = minutes_between(job.started, job.completed)
        if job.status == "completed" and job.conclusion in FINISHED and minutes is not None:
            waited = minutes_between(job.created, job.started) or 0.0
            timed.append(Timed(name=job.name, minutes=minutes, waited=waited))
    return Replayed(run=run.id, at=run.created, jobs=tuple(timed), files=files)
