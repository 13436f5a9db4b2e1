"""The tracked files of a working tree as they lie on disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from signalbox.errors import InputError

from .git import GitFailed, git, path_text, top


def worktree(repo: Path) -> tuple[Path, str, dict[str, str]]:
    """Root, commit, and path → blob id of the tracked files; of an edited file, that of its content."""
    root = top(repo)
    try:
        commit = git(root, "rev-parse", "--verify", "HEAD").decode("ascii").strip()
    except GitFailed:
        raise InputError("the repository has no commit yet", where=str(root), fix="Commit first.") from None
    found = {}
    for entry in git(root, "ls-files", "-s", "-z").split(b"\0"):
        if entry:
            about, path = entry.split(b"\t", 1)
            found[path_text(path)] = about.split(b" ")[1].decode("ascii")
    for name in git(root, "diff-files", "--name-only", "-z").split(b"\0"):
        if name:
            try:
                data = (root / os.fsdecode(name)).read_bytes()
            except OSError:
                found.pop(path_text(name), None)
                continue
            found[path_text(name)] = hashlib.sha1(
                b"blob %d\0" % len(data) + data, usedforsecurity=False
            ).hexdigest()
    return root, commit, found
