"""The commits of a change and who wrote them, from git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec

from signalbox.errors import InputError

_SECONDS = 120
MOST_COMMITS = 2000


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """One commit: id, addresses of author and committer, whether it merges, the whole message."""

    id: str
    author: str
    committer: str
    merge: bool
    message: str


def run_git(repo: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git prints; ``InputError`` when it fails. The caller's GIT_* variables do not reach it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            ["git", "-C", str(repo), *arguments],
            input=given,
            capture_output=True,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise InputError("git is not installed", where="PATH", fix="Install git.") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"git took more than {_SECONDS} s", where=str(repo)) from None
    if done.returncode:
        why = done.stderr.decode("utf-8", "replace").strip()
        raise InputError(f"git {arguments[0]} failed", where=str(repo), why=why[-300:])
    return done.stdout


def commit_id(repo: Path, ref: str, where: str) -> str:
    """The full id of ``ref``; ``InputError`` for what is no ref or not here."""
    if not ref or ref.startswith("-") or any(ord(c) < 33 for c in ref):
        raise InputError(f"{ref!r} is not a ref", where=where, fix="Give a branch, a tag or a commit id.")
    try:
        found = run_git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except InputError:
        fix = "In a shallow clone fetch it first (actions/checkout with fetch-depth: 0)."
        raise InputError(f"git knows no commit {ref!r} here", where=where, fix=fix) from None
    return found.decode("ascii").strip()


def commits(repo: Path, base: str, head: str) -> list[Commit]:
    """Every commit of ``head`` that ``base`` does not have, newest first: merges and what they bring in."""
    form = "--format=%H%x00%ae%x00%ce%x00%P%x00%B%x00%x01"
    # Limited on purpose: a change of more commits than that is not one that people review.
    raw = run_git(
        repo, "log", "--no-mailmap", f"--max-count={MOST_COMMITS + 1}", form, head, f"^{base}", "--"
    )
    found = []
    for entry in raw.decode("utf-8", "replace").split("\0\x01"):
        fields = entry.lstrip("\n").split("\0")
        if len(fields) == 5:
            id, author, committer, parents, message = fields
            merge = len(parents.split()) > 1
            found.append(Commit(id=id, author=author, committer=committer, merge=merge, message=message))
    if len(found) > MOST_COMMITS:
        raise InputError(f"the change has more than {MOST_COMMITS} commits", where=f"{base}..{head}")
    return found


def merges_cleanly(repo: Path, commit: str, head: str) -> bool | None:
    """Whether ``commit`` brings in what ``head`` says and nothing else; None where git cannot tell.

    True: it is ``head``, or git merges its two parents, ``head`` the second, to exactly its tree. False:
    something was slipped in. None: no merge (a squash leaves no parent to look at).
    """
    if commit == head:
        return True
    parents = run_git(repo, "rev-list", "--parents", "--max-count=1", commit, "--").decode().split()[1:]
    if len(parents) != 2 or parents[1] != head:
        # A squash has nothing of the head below it; what has, and is no merge of it, is something more.
        return False if _holds(repo, commit, head) else None
    try:
        merged = run_git(repo, "merge-tree", "--write-tree", *parents).decode().split()
    except InputError:
        return False  # it does not merge without a hand, so a hand has been at it
    return merged == run_git(repo, "rev-parse", "--verify", f"{commit}^{{tree}}").decode().split()


def _holds(repo: Path, commit: str, other: str) -> bool:
    try:
        run_git(repo, "merge-base", "--is-ancestor", other, commit)
    except InputError:
        return False
    return True


def changed_paths(repo: Path, base: str, head: str) -> tuple[str, ...]:
    """Paths that differ between the merge base and ``head``, old names of renames included."""
    merge_base = run_git(repo, "merge-base", base, head).decode().strip()
    raw = run_git(repo, "diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", merge_base, head, "--")
    return tuple(path.decode("utf-8", "backslashreplace") for path in raw.split(b"\0") if path)


def file_at(repo: Path, commit: str, name: str) -> bytes | None:
    """A plain file at ``commit`` (empty: in the working tree); None when there is none."""
    if not commit:
        path = repo / name
        return path.read_bytes() if path.is_file() else None
    listing = run_git(repo, "ls-tree", "-z", "--full-tree", commit, "--", name)
    if not listing:
        return None
    mode, kind, blob = listing.split(b"\t", 1)[0].decode().split()
    if kind != "blob" or mode == "120000":
        return None
    return run_git(repo, "cat-file", "blob", blob)
