"""A change as data: files, hunks, owners and the features that say how risky changes like it are."""

from __future__ import annotations

from typing import Literal

import msgspec

FileStatus = Literal["added", "modified", "deleted", "renamed", "copied", "type-changed", "submodule"]


class Hunk(msgspec.Struct, frozen=True, array_like=True):
    """One stretch of changed lines, as ``git diff -U0`` counts them (first line, number of lines)."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int


class ChangedFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file of the change. ``lines_*`` are 0 for a binary file. Paths are relative to the root, with
    bytes that are not UTF-8 written as escapes."""

    path: str
    status: FileStatus
    old_path: str = ""
    lines_added: int = 0
    lines_deleted: int = 0
    binary: bool = False
    hunks: tuple[Hunk, ...] = ()
    owners: tuple[str, ...] = ()


class Trouble(msgspec.Struct, frozen=True):
    """Something that makes the change not fully known, by a code and a sentence with the way out."""

    code: str
    text: str


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What the last commits say about the changed files. ``commits`` is how many were looked at."""

    commits: int = 0
    prior_changes: int = 0
    authors: int = 0
    author_commits: int = 0
    recent_fixes: int = 0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The change from ``merge_base`` to ``head`` (full commit ids; an empty base is the empty tree)."""

    base: str
    head: str
    merge_base: str
    files: tuple[ChangedFile, ...]
    subject: str = ""
    message: str = ""
    troubles: tuple[Trouble, ...] = ()
    history: History = History()
