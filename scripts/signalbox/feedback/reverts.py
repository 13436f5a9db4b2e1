"""What a repository's own history says was taken back: reverts, by commit or by pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable

from signalbox.feedback.gathering import Revert
from signalbox.ledger.plumbing import GitRepository

_BY_COMMIT = re.compile(r"^This reverts commits? ((?:[0-9a-f]{7,40}(?:, | and )?)+)", re.MULTILINE)
_BY_PULL = re.compile(r"^Reverts (?:[\w.-]+/[\w.-]+)?#(\d+)", re.MULTILINE)
_SUBJECT = re.compile(r"^Merge pull request #(\d+) from |\(#(\d+)\)$")
MOST = 20_000


def read_reverts(repository: GitRepository, since: str) -> tuple[Revert, ...]:
    """The reverts that ``HEAD`` reaches, oldest first, none older than ``since`` (RFC 3339).

    A revert names what it takes back as git writes it ("This reverts commit …") or as GitHub's button does
    ("Reverts owner/name#12"). A name that matches nothing here, or more than one commit, is left out.
    """
    found = repository.run(
        "log",
        "-z",
        "--reverse",
        f"--max-count={MOST}",
        f"--since={since}",
        "--format=%H%x1f%cI%x1f%B",
        "HEAD",
        "--",
    )
    rows = [
        row.split("\x1f", 2) for row in found.stdout.decode("utf-8", "replace").split("\0") if row.strip()
    ]
    pulls: dict[str, str] = {}
    for commit, _, message in rows:
        subject = message.partition("\n")[0].strip()
        number = None if subject.startswith("Revert ") else _SUBJECT.search(subject)
        if number:
            pulls[number[1] or number[2]] = commit
    reverts = []
    for commit, at, message in rows:
        named = [
            name for group in _BY_COMMIT.findall(message) for name in re.findall(r"[0-9a-f]{7,40}", group)
        ]
        targets = [full for name in named if (full := _full(repository, name))]
        targets += [pulls[number] for number in _BY_PULL.findall(message) if number in pulls]
        targets = [target for target in dict.fromkeys(targets) if target != commit]
        if targets:
            reverts.append(Revert(commit=commit, reverts=tuple(targets), at=_utc(at)))
    return tuple(reverts)


def delivered_by(repository: GitRepository, commits: Iterable[str], decided: Iterable[str]) -> dict[str, str]:
    """Commit → the first of the ``decided`` commits that holds it, for those that one holds."""
    known = set(decided)
    out = {}
    for commit in sorted(set(commits) - known):
        walk = repository.run(
            "rev-list", "--reverse", "--topo-order", "--ancestry-path", f"{commit}..HEAD", "--", check=False
        )
        first = next((line for line in walk.stdout.decode().split() if line in known), "")
        if first:
            out[commit] = first
    return out


def _full(repository: GitRepository, name: str) -> str:
    done = repository.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False)
    return done.stdout.decode().strip() if done.returncode == 0 else ""


def _utc(at: str) -> str:
    from datetime import UTC, datetime

    from signalbox.decision import format_time

    return format_time(datetime.fromisoformat(at).astimezone(UTC))
