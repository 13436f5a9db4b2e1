"""From a file, at a commit that the change under judgement cannot touch, to typed settings."""

from __future__ import annotations

import difflib
import os
import posixpath
import re
import subprocess
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from signalbox.config import environments_check
from signalbox.config.settings import Settings
from signalbox.config.yaml_lines import MAX_BYTES, Lines, load_with_lines
from signalbox.decision import PolicyRef, digest_of
from signalbox.errors import InputError
from signalbox.files import read_limited

DEFAULT_FILE = ".github/signalbox.yml"
_GIT_SECONDS = 120
_REDIRECTS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
_PLACE = re.compile(r" - at (?:`key` in )?`\$([^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")


class Policy(msgspec.Struct, frozen=True):
    """Effective settings and the reference that every decision made under them carries."""

    settings: Settings
    ref: PolicyRef


def load(repo: Path, file: str = "", ref: str = "") -> Policy:
    """The policy of ``repo``: ``file`` in its working tree, or as it was at the commit ``ref``.

    A missing default file is the shipped policy; a missing file that was asked for is an error.
    Raises ``InputError`` with the line for anything that cannot be applied as written.
    """
    name = file or DEFAULT_FILE
    data, commit = _read_at(repo, name, ref) if ref else (_read(repo / name), "")
    if data is None and file:
        place = f"{name} at {ref}" if ref else str(repo / name)
        raise InputError("there is no such policy file", where=place, fix="Check --config.")
    settings = parse(data, name) if data is not None else Settings()
    source = name if data is not None else "shipped defaults"
    return Policy(settings, PolicyRef(sha256=digest_of(settings), source=source, commit=commit))


def parse(data: bytes, where: str) -> Settings:
    """Settings from the bytes of a policy file; ``InputError`` names the line of what is wrong."""
    plain, lines = load_with_lines(data, where)
    if plain is None:
        return Settings()
    try:
        settings = msgspec.convert(plain, Settings)
    except msgspec.ValidationError as error:
        raise _explain(str(error), plain, lines, where) from None
    if "environments" in plain:
        environments_check.refuse(settings.environments, lines, where)
    return settings


def _explain(message: str, plain: Any, lines: Lines, where: str) -> InputError:
    found = _PLACE.search(message)
    path = _resolve(found.group(1), plain) if found else ()
    what = _PLACE.sub("", message)
    fix = ""
    unknown = _UNKNOWN.search(what)
    if unknown:
        key = unknown.group(1)
        path = (*path, key)
        parent = ".".join(str(step) for step in path[:-1])
        what = f"unknown key {key!r}" + (f" in {parent}" if parent else "")
        close = difflib.get_close_matches(key, _known_keys(path[:-1]), n=1)
        fix = f"Did you mean {close[0]!r}?" if close else "See docs/schema/signalbox.schema.json."
    elif path:
        if "at `key` in" in message:
            path = (*path, _culprit(plain, list(path)) or "")
        what = f"{'.'.join(str(step) for step in path)}: {what}"
    while path not in lines:
        path = path[:-1]
    return InputError(what, where=f"{where}:{lines[path]}", fix=fix)


def _resolve(text: str, plain: Any) -> tuple[str | int, ...]:
    """msgspec's ``$.a[...].b`` as keys and indexes; ``[...]`` stands for some key of a mapping."""
    path: list[str | int] = []
    for name, index, some_key in _STEP.findall(text):
        if some_key:
            culprit = _culprit(plain, path)
            if culprit is None:
                break
            path.append(culprit)
        else:
            path.append(int(index) if index else name)
    return tuple(path)


def _culprit(plain: Any, path: list[str | int]) -> str | None:
    """The key of the mapping at ``path`` that fails on its own: the parser does not name it."""
    mapping = plain
    for step in path:
        mapping = mapping[step]
    for key, value in mapping.items():
        alone: Any = {key: value}
        for step in reversed(path):
            alone = {step: alone}
        try:
            msgspec.convert(alone, Settings)
        except msgspec.ValidationError:
            return str(key)
    return None


def _known_keys(path: tuple[str | int, ...]) -> list[str]:
    kind: Any = Settings
    for step in path:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            kind = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}.get(str(step))
        if get_origin(kind) is not dict and not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
            return []
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def _read(path: Path) -> bytes | None:
    try:
        there = os.path.lexists(path)
    except ValueError:
        raise InputError("this is not the name of a file", where=str(path)) from None
    # A link that leads nowhere is a policy somebody meant to have, not the shipped one.
    return read_limited(path, MAX_BYTES, "policy file") if there else None


def _read_at(repo: Path, name: str, ref: str) -> tuple[bytes | None, str]:
    commit = _git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if commit.returncode:
        raise InputError(
            "the commit to read the policy from is not here",
            where=ref,
            why=commit.stderr.decode(errors="replace").strip(),
            fix="Fetch it (actions/checkout with fetch-depth: 0), or check --policy-ref.",
        )
    sha = commit.stdout.decode().strip()
    # The name counts from ``repo``, as it does in the working tree, and git's trees from the root.
    below = _git(repo, "rev-parse", "--show-prefix")
    _require(below, name, sha)
    name = posixpath.normpath(os.fsdecode(below.stdout.removesuffix(b"\n")) + name)
    listing = _git(repo, "ls-tree", "-z", "--full-tree", sha, "--", name)
    _require(listing, name, sha)
    if not listing.stdout:
        return None, sha
    # "<mode> <kind> <object>\t<path>"; a link's content would be the name of another file.
    mode, kind, blob = listing.stdout.split(b"\t", 1)[0].decode().split()
    if kind != "blob" or mode == "120000":
        raise InputError(
            "the policy file cannot be read", where=f"{name} at {sha}", why="it is not a plain file"
        )
    shown = _git(repo, "cat-file", "blob", blob)
    _require(shown, name, sha)
    return shown.stdout, sha


def _require(done: subprocess.CompletedProcess[bytes], name: str, sha: str) -> None:
    """A git that failed has not said that there is no policy: only silence with success says so."""
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip()
        raise InputError("the policy file cannot be read", where=f"{name} at {sha}", why=why)


def _git(repo: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    # GIT_DIR and its kin would point at another repository; replacements would show another policy.
    kept = {name: value for name, value in os.environ.items() if name not in _REDIRECTS}
    try:
        return subprocess.run(
            ["git", "-C", str(repo), *arguments],
            capture_output=True,
            check=False,
            timeout=_GIT_SECONDS,
            env={**kept, "GIT_NO_REPLACE_OBJECTS": "1", "GIT_TERMINAL_PROMPT": "0"},
        )
    except FileNotFoundError:
        raise InputError("git is not installed", where="PATH", fix="Install git.") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"git took more than {_GIT_SECONDS} s", where=str(repo)) from None
