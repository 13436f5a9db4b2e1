"""Which files changed together in the last commits: one call of git, a bounded look back."""

from __future__ import annotations

from pathlib import Path

from .git import GitFailed, git, path_text

_COMMITS = 1000
_MANY = 50  # a commit of more files says nothing about any two of them


def changed_together(repo: Path, commit: str) -> list[frozenset[str]]:
    """The sets of paths of the last commits up to ``commit``, without merges and sweeping changes."""
    try:
        log = git(
            repo,
            "log",
            f"-{_COMMITS}",
            "--no-merges",
            "--no-renames",
            "--name-only",
            "-z",
            "--format=%x01",
            commit,
        )
    except GitFailed:
        return []
    found = []
    for entry in log.split(b"\x01")[1:]:
        paths = frozenset(path_text(name.lstrip(b"\n")) for name in entry.split(b"\0") if name.strip())
        if 1 < len(paths) <= _MANY:
            found.append(paths)
    return found


def commits_between(repo: Path, old: str, head: str) -> int | None:
    """How many commits ``head`` has that ``old`` has not; None where git does not know one of them."""
    try:
        return int(git(repo, "rev-list", "--count", "--end-of-options", f"{old}..{head}"))
    except (GitFailed, ValueError):
        return None


def last_message(repo: Path, base: str, head: str) -> str:
    """The message of the last commit of a change that is no merge; empty where there is none."""
    span = f"{base}..{head}" if base else head
    try:
        found = git(repo, "log", "-1", "--no-merges", "--format=%B", "--end-of-options", span)
    except GitFailed:
        return ""
    return found.decode("utf-8", "replace")[:20_000]
