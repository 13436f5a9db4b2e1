"""A change, read from git: files, hunks, owners, history, and which recorded blocks an edit touches."""

from __future__ import annotations

from .blocks import Edit, compare
from .diff import read_change
from .git import GitFailed, blobs, commit, git, path_text, top, tree
from .model import Change, ChangedFile, History, Hunk, Trouble
from .outcomes import read_outcomes
from .patch import read_patch
from .together import changed_together, commits_between, last_message
from .worktree import worktree

__all__ = [
    "Change",
    "ChangedFile",
    "Edit",
    "GitFailed",
    "History",
    "Hunk",
    "Trouble",
    "blobs",
    "changed_together",
    "commit",
    "commits_between",
    "compare",
    "git",
    "last_message",
    "path_text",
    "read_change",
    "read_outcomes",
    "read_patch",
    "top",
    "tree",
    "worktree",
]
