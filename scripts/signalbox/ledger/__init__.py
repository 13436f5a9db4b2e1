"""Where decisions and their outcomes are kept, read and, later, compacted.

ledger = open_ledger("out/ledger")
name = ledger.record(bundle_bytes)
for entry in ledger.decisions().entries: ...
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from signalbox.errors import InputError
from signalbox.ledger.artifacts import Found, Harvest, Limits, Refused, harvest
from signalbox.ledger.branch import REF_PREFIX, GitLedger
from signalbox.ledger.folder import FolderLedger
from signalbox.ledger.reading import Damage, Entry, Reading
from signalbox.ledger.recording import Receipt, describe, expected_digests, is_fork, record_run, summary
from signalbox.ledger.records import (
    Label,
    Outcome,
    OutcomeSource,
    decision_name,
    decode_outcome,
    guard,
    outcome_name,
    read_outcomes,
)
from signalbox.ledger.sinks import Delivery, Sink, SinkDown, deliver

__all__ = [
    "REF_PREFIX",
    "Damage",
    "Delivery",
    "Entry",
    "FolderLedger",
    "Found",
    "GitLedger",
    "Harvest",
    "Label",
    "Ledger",
    "Limits",
    "Outcome",
    "OutcomeSource",
    "Reading",
    "Receipt",
    "Refused",
    "Sink",
    "SinkDown",
    "decision_name",
    "decode_outcome",
    "deliver",
    "describe",
    "expected_digests",
    "guard",
    "harvest",
    "is_fork",
    "open_ledger",
    "outcome_name",
    "read_outcomes",
    "record_run",
    "run_name",
    "summary",
]


class Ledger(Protocol):
    """What every store can do. Recording the same bytes twice keeps them once."""

    def exists(self) -> bool:
        """Whether there is anything to read."""

    def record(self, bundle: bytes, *, trusted: bool = True) -> str:
        """Keep a bundle; returns its name."""

    def record_outcome(self, outcome: bytes, *, trusted: bool = True) -> str:
        """Keep an outcome; returns its name."""

    def decisions(self) -> Reading:
        """Every bundle, each id once."""

    def outcomes(self) -> Reading:
        """Every outcome, each id once."""


def open_ledger(
    url: str, *, repo: Path | None = None, branch: str = "signalbox-ledger", run: str = "local"
) -> FolderLedger | GitLedger:
    """The ledger at `url`: a folder (`PATH` or `folder:PATH`), or `git:[REPOSITORY][#BRANCH]`.

    `git:` alone is the repository `repo`. A folder is created by the first record. Relative paths count from
    the working directory. Raises InputError for a url that names neither or a repository that is not there.
    """
    scheme, colon, rest = url.partition(":")
    if scheme == "git" and colon:
        place, _, fragment = rest.partition("#")
        if "://" in place:
            raise InputError(
                "a git ledger is read and written in a local repository",
                where=url,
                fix="Clone it first; `record_telemetry.py --push <remote>` pushes what was recorded.",
            )
        path = Path(place) if place else (repo or Path())
        ledger = GitLedger(path, branch=fragment or branch, run=run)
        if not path.is_dir() or ledger.repository.run("rev-parse", "--git-dir", check=False).returncode:
            raise InputError("there is no git repository here", where=str(path), fix="Check --ledger.")
        return ledger
    if scheme == "folder" and colon:
        url = rest
    elif colon and len(scheme) > 1 and "/" not in scheme:
        raise InputError(
            f"{scheme!r} is not a kind of ledger", where=url, fix="Give a folder, `folder:PATH` or `git:`."
        )
    if not url:
        raise InputError(
            "no ledger is named", where="--ledger", fix="Give a folder, `folder:PATH` or `git:`."
        )
    path = Path(url)
    if path.exists() and not path.is_dir():
        raise InputError("the ledger is not a folder", where=url)
    return FolderLedger(path)


def run_name(environ: Mapping[str, str]) -> str:
    """The name of the run for refs: GitHub's run and attempt, or `local`."""
    run, attempt = environ.get("GITHUB_RUN_ID", ""), environ.get("GITHUB_RUN_ATTEMPT", "1")
    return f"{run}-{attempt}" if run.isdigit() and attempt.isdigit() else "local"
