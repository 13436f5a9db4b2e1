"""Reading a change from git: merge base, files, renames, hunks, submodules, binary files."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from .git import EMPTY_TREE, GitFailed, commit, git, is_shallow, path_text
from .history import read_history
from .model import Change, ChangedFile, FileStatus, History, Hunk, Trouble
from .owners import Owners

_PATCH_LIMIT = 30_000_000
_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_STATUS: dict[str, FileStatus] = {
    "A": "added",
    "C": "copied",
    "D": "deleted",
    "M": "modified",
    "R": "renamed",
    "T": "type-changed",
}
_SUBMODULE = "160000"
_DIFF = ("--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none", "-M", "-l2000")


def read_change(repo: Path, base: str, head: str, *, history: bool = True) -> Change:
    """The change that ``head`` makes to ``base``, from their merge base.

    An empty ``base`` is the empty tree (everything is new). `InputError` for refs that git does not
    know; what makes the change less than fully known is in ``troubles``.
    """
    head_id = commit(repo, head, "--head")
    troubles = []
    base_id = commit(repo, base, "--base") if base else ""
    merge_base = base_id
    shallow = is_shallow(repo)
    if base_id:
        try:
            merge_base = git(repo, "merge-base", base_id, head_id).split(b"\n")[0].decode("ascii")
        except GitFailed:
            text = f"{base_id[:12]} and {head_id[:12]} share no commit, so what the change is cannot be told"
            if shallow:
                text += " in this shallow clone; fetch the whole history (fetch-depth: 0)"
            troubles.append(Trouble("no-merge-base", text))
    if shallow:
        text = "the clone is shallow, so parts of the history are unseen; fetch it all (fetch-depth: 0)"
        troubles.append(Trouble("shallow-clone", text))
    files = _files(repo, merge_base or EMPTY_TREE, head_id)
    try:
        files = _with_hunks(repo, merge_base or EMPTY_TREE, head_id, files)
    except GitFailed as error:
        troubles.append(Trouble("no-hunks", f"git could not print the changed lines: {error}"))
    owners = Owners.read(repo, merge_base)
    files = tuple(msgspec.structs.replace(file, owners=owners.of(file.path)) for file in files)
    message = git(repo, "log", "-1", "--format=%B", head_id).decode("utf-8", "replace").strip()[:20_000]
    return Change(
        base=base_id,
        head=head_id,
        merge_base=merge_base,
        files=files,
        subject=message.split("\n")[0][:300],
        message=message,
        troubles=tuple(troubles),
        history=read_history(repo, merge_base, head_id, {f.old_path or f.path for f in files})
        if history and merge_base
        else History(),
    )


def _files(repo: Path, old: str, new: str) -> tuple[ChangedFile, ...]:
    fields = git(repo, "diff", "--raw", "-z", "--abbrev=40", *_DIFF, old, new).split(b"\0")
    counts = _counts(repo, old, new)
    found, at = [], 0
    while at < len(fields) and fields[at].startswith(b":"):
        old_mode, new_mode, _, _, letter = fields[at][1:].decode("ascii").split(" ")
        status = _STATUS.get(letter[0], "modified")
        first = path_text(fields[at + 1])
        moved = letter[0] in "RC"
        path = path_text(fields[at + 2]) if moved else first
        at += 3 if moved else 2
        if _SUBMODULE in (old_mode, new_mode):
            status = "submodule"
        added, deleted = counts.get(path, (0, 0))
        found.append(
            ChangedFile(
                path=path,
                old_path=first if moved else "",
                status=status,
                lines_added=max(added, 0),
                lines_deleted=max(deleted, 0),
                binary=added < 0,
            )
        )
    return tuple(found)


def _counts(repo: Path, old: str, new: str) -> dict[str, tuple[int, int]]:
    """Path → lines added and deleted; (-1, -1) for a binary file."""
    fields = git(repo, "diff", "--numstat", "-z", *_DIFF, old, new).split(b"\0")
    found, at = {}, 0
    while at < len(fields) and fields[at]:
        added, deleted, path = fields[at].split(b"\t", 2)
        at += 1
        if not path:  # renamed: the two names follow by themselves
            path = fields[at + 1]
            at += 2
        binary = added == b"-"
        found[path_text(path)] = (-1, -1) if binary else (int(added), int(deleted))
    return found


def _with_hunks(repo: Path, old: str, new: str, files: tuple[ChangedFile, ...]) -> tuple[ChangedFile, ...]:
    total = sum(file.lines_added + file.lines_deleted for file in files)
    if total > 200_000:
        return files
    patch = git(repo, "diff", "--unified=0", "--submodule=short", *_DIFF, old, new)[:_PATCH_LIMIT]
    # Lines of content begin with a sign, so a line that begins with "diff --git " begins a file; the
    # files come in the order of --raw, so no name has to be read from here.
    hunks: list[list[Hunk]] = []
    for line in patch.split(b"\n"):
        if line.startswith(b"diff --git "):
            hunks.append([])
        elif hunks and (match := _HUNK.match(line)):
            a, b, c, d = match.groups()
            hunks[-1].append(Hunk(int(a), int(b or 1), int(c), int(d or 1)))
    if len(hunks) != len(files):  # a file whose type changed is printed twice
        return files
    return tuple(
        msgspec.structs.replace(file, hunks=tuple(found[:1000]))
        for file, found in zip(files, hunks, strict=True)
    )
