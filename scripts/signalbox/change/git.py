"""Asking git. Arguments are lists, answers are bytes, refs that look like options are refused."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from signalbox.errors import InputError

_SECONDS = 120
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class GitFailed(Exception):
    """git ended with an error; the message is its last line."""


def git(repo: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Run git in ``repo`` and return what it printed; `GitFailed` when it failed or took too long."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    settings = ("-c", "core.quotePath=false", "-c", "core.fsmonitor=false", "-c", "diff.external=")
    try:
        done = subprocess.run(
            ["git", "--no-pager", *settings, *arguments],
            cwd=repo,
            input=given,
            capture_output=True,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise InputError("git is not installed", fix="Install git and try again.") from None
    except subprocess.TimeoutExpired:
        raise GitFailed(f"git {arguments[0]} took longer than {_SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitFailed(lines[-1] if lines else f"git {arguments[0]} ended with {done.returncode}")
    return done.stdout


def path_text(raw: bytes) -> str:
    """A path as text: UTF-8, other bytes as escapes, so that it can be written to JSON."""
    return raw.decode("utf-8", "backslashreplace")


def top(repo: Path) -> Path:
    """The root of the working tree; `InputError` when ``repo`` is in none."""
    try:
        return Path(os.fsdecode(git(repo, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
    except GitFailed as error:
        raise InputError(
            "this is not a git working tree",
            where=str(repo),
            why=str(error),
            fix="Run it in a checkout, or name one with --repo.",
        ) from None


def commit(repo: Path, ref: str, what: str) -> str:
    """The full id of the commit that ``ref`` names; `InputError` for one that git does not know."""
    if not ref or ref.startswith("-") or any(ord(c) < 33 for c in ref):
        raise InputError(f"{ref!r} is not a ref", where=what, fix="Give a branch, a tag or a commit id.")
    try:
        found = git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}")
    except GitFailed:
        raise InputError(
            f"git knows no commit {ref!r} here",
            where=what,
            fix="In a shallow clone fetch it first (actions/checkout with fetch-depth: 0).",
        ) from None
    return found.decode("ascii").strip()


def is_shallow(repo: Path) -> bool:
    """Whether part of the history is missing."""
    return git(repo, "rev-parse", "--is-shallow-repository").strip() == b"true"


def tree(repo: Path, commit_id: str) -> dict[str, str]:
    """Path → blob id of every file of a commit (for a submodule, the id of its commit)."""
    found = {}
    for entry in git(repo, "ls-tree", "-r", "-z", commit_id).split(b"\0"):
        if entry:
            about, path = entry.split(b"\t", 1)
            found[path_text(path)] = about.split(b" ")[2].decode("ascii")
    return found


def blobs(repo: Path, ids: Iterable[str]) -> Mapping[str, bytes]:
    """Contents by blob id, of those that are there, in one call."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    answer = git(repo, "cat-file", "--batch", given="".join(f"{i}\n" for i in wanted).encode("ascii"))
    found: dict[str, bytes] = {}
    at = 0
    for _ in wanted:
        end = answer.index(b"\n", at)
        about = answer[at:end].split(b" ")
        at = end + 1
        if len(about) != 3:  # "<id> missing"
            continue
        size = int(about[2])
        found[about[0].decode("ascii")] = answer[at : at + size]
        at += size + 1
    return found
