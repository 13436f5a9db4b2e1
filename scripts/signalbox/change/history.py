"""What the last commits say about the files of a change: one call of git, a bounded look back."""

from __future__ import annotations

import re
from pathlib import Path

from .git import GitFailed, git, path_text
from .model import History

_COMMITS = 500
FIX = re.compile(rb"\b(fix(e[sd])?|bug|defect|regression|revert)\b", re.IGNORECASE)


def read_history(repo: Path, base: str, head: str, paths: set[str]) -> History:
    """Counts over the last commits before ``base``: changes, authors and fixes of ``paths``.

    ``author_commits`` counts the head's author's own commits to them (the experience of Kamei et al.).
    """
    try:
        author = git(repo, "log", "-1", "--format=%ae", head).strip().lower()
        log = git(
            repo,
            "log",
            f"-{_COMMITS}",
            "--no-merges",
            "--no-renames",
            "--name-only",
            "-z",
            "--format=%x01%ae%x02%s%x02",
            base,
        )
    except GitFailed:
        return History()
    commits = prior = own = fixes = 0
    authors = set()
    for entry in log.split(b"\x01")[1:]:
        commits += 1
        who, subject, names = [*entry.split(b"\x02", 2), b"", b""][:3]
        touched = {path_text(name.lstrip(b"\n")) for name in names.split(b"\0")} & paths
        if touched:
            prior += len(touched)
            authors.add(who.strip().lower())
            own += who.strip().lower() == author
            fixes += bool(FIX.search(subject))
    return History(
        commits=commits, prior_changes=prior, authors=len(authors), author_commits=own, recent_fixes=fixes
    )
