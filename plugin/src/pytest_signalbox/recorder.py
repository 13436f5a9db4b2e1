"""What is being recorded, and for whom: contexts, and the one that is current.

A *context* is something whose execution a test may depend on: the test itself, the import of a module, the
collection of a file, a fixture wider than one test, the filling of a cache, or everything before collection
(``root``). Contexts use one another; the reader follows those edges from a test.
"""

from __future__ import annotations

import _thread
import os
import stat
import sys

from . import raw
from .probes import Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set

    from .probes import Position


class Context:
    """One owner of executed blocks and of things read. Sets hold paths relative to the root, or names."""

    __slots__ = (
        "env",
        "id",
        "kind",
        "listed",
        "looked",
        "missing",
        "name",
        "read",
        "seen",
        "spawned",
        "uses",
    )

    def __init__(self, id: int, kind: str, name: str) -> None:
        self.id = id
        self.kind = kind
        self.name = name
        self.seen: Dict[int, bytes] = {}
        self.read: Set[str] = set()
        self.listed: Set[str] = set()
        self.looked: Set[str] = set()
        self.missing: Set[str] = set()
        self.env: Set[str] = set()
        self.uses: Set[int] = set()
        self.spawned: List[Dict[str, Any]] = []

    def forget(self) -> None:
        """Drop what is written. The number stays: others may come to use it later."""
        self.seen = {}
        self.read, self.listed, self.looked, self.missing = set(), set(), set(), set()
        self.env, self.uses, self.spawned = set(), set(), []


class Recorder:
    """All that this process records. Nothing here raises into a test."""

    def __init__(self, directory: str, root: str, parent: str = "") -> None:
        self.root = os.path.realpath(root)
        self.directory = os.path.realpath(directory)
        self.writer = raw.Writer(self.directory, self.root, parent)
        self.rows: List[Row] = []
        self._files: List[Dict[str, Any]] = []
        self.paths: Dict[str, int] = {}
        self._zeros: List[bytes] = []
        self._contexts: Dict[int, Context] = {}
        self._made = 0
        self._by_key: Dict[Any, Context] = {}
        self._troubles: Set[str] = set()
        self._places: Dict[str, Optional[str]] = {}
        self._folders: Dict[str, str] = {}
        self.active = True
        self._pid = os.getpid()
        self.root_context = self.context("root", "")
        self.current = self.root_context
        self._main = _thread.get_ident()  # recording begins on the main thread
        outside = [os.path.realpath(p) for p in (os.path.dirname(os.__file__), sys.prefix, sys.base_prefix)]
        # A prefix that holds the project (/usr and /usr/src/project) says nothing about it.
        self._outside = tuple(p + os.sep for p in outside if not (self.root + os.sep).startswith(p + os.sep))

    # paths

    def relative(self, path: str) -> Optional[str]:
        """``path`` below the root, with forward slashes, or None when it is not the project's own."""
        if not path.startswith(self.root + os.sep):
            return None
        inside = path[len(self.root) + 1 :]
        if path.startswith(self._outside) or path.startswith(self.directory):
            return None
        parts = inside.split(os.sep)
        if any(part in _NOT_PROJECT for part in parts):
            return None
        return "/".join(parts)

    def place(self, path: str) -> Optional[str]:
        """`relative` of what ``path`` really is, its links followed; remembered until a link is made."""
        try:
            return self._places[path]
        except KeyError:
            found = self.relative(self.real(path))
            if os.path.isabs(path):
                self._places[path] = found
            return found

    def real(self, path: str) -> str:
        """``path`` with its links followed. A folder is looked up once: most of a path is its folder."""
        folder, name = os.path.split(path)
        real = self._folders.get(folder)
        if real is None:
            real = os.path.realpath(folder)
            if os.path.isabs(folder):
                self._folders[folder] = real
        found = os.path.join(real, name)
        try:
            link = name in _DOTS or stat.S_ISLNK(_lstat(found).st_mode)
        except (OSError, ValueError):
            return found  # it is not there
        return os.path.realpath(found) if link else found

    def outside(self, folder: str) -> bool:
        """Whether nothing below ``folder`` is the project's."""
        if not os.path.isabs(folder):
            return False
        return self.place(os.path.join(folder, "x")) is None and not (self.root + os.sep).startswith(folder)

    def link_made(self) -> None:
        """Names may lead elsewhere from now on."""
        self._places.clear()
        self._folders.clear()

    # contexts

    def context(self, kind: str, name: str) -> Context:
        """A new context."""
        made = self._contexts[self._made] = Context(self._made, kind, name)
        self._made += 1
        return made

    def shared(self, kind: str, name: str) -> Context:
        """The one context of this kind and name."""
        found = self._by_key.get((kind, name))
        if found is None:
            found = self._by_key[(kind, name)] = self.context(kind, name)
        return found

    def enter(self, context: Context) -> Context:
        """Make ``context`` current and return the one that was, for `leave`."""
        before = self.current
        if _thread.get_ident() == self._main:
            self.flush()
            self.current = context
        elif context.kind in ("import", "memo"):
            # Another thread cannot be told apart from the test it runs beside: take all of that test.
            context.uses.add(before.id)
        return before

    def leave(self, before: Context) -> None:
        """Go back to ``before``, as returned by `enter`."""
        if _thread.get_ident() == self._main:
            self.flush()
            self.current = before

    def flush(self) -> None:
        """Move what the rows hold into the current context."""
        seen = self.current.seen
        for index, row in enumerate(self.rows):
            if 1 in row:
                now = bytes(row)
                row[:] = self._zeros[index]
                past = seen.get(index)
                if past is not None and past != now:
                    both = int.from_bytes(past, "little") | int.from_bytes(now, "little")
                    now = both.to_bytes(len(now), "little")
                seen[index] = now

    # modules

    def row(self, path: str, relative: str, source: bytes, starts: List[Position]) -> Row:
        """The row of bytes of one source file; the same one when a file is imported again unchanged."""
        known = self.paths.get(relative)
        if known is not None and len(self.rows[known]) == max(1, len(starts)):
            return self.rows[known]
        index = len(self.rows)
        row = Row(max(1, len(starts)))
        self._zeros.append(bytes(len(row)))
        self.rows.append(row)
        if known is not None:
            self.trouble("changed-source", relative + " was imported twice with different contents")
        self.paths[relative] = index
        self._files.append({"file": index, "path": relative, "blob": raw.blob(source), "starts": starts})
        self.writer.write(self._files[-1])
        return row

    # ends

    def reborn(self, parent: str) -> None:
        """Go on in a forked child: a file of its own, and nothing that the parent will write."""
        for index, row in enumerate(self.rows):
            row[:] = self._zeros[index]
        for context in self._contexts.values():
            context.forget()
        self._pid = os.getpid()
        self._main = _thread.get_ident()
        self._troubles = set()
        self.active = True
        self.writer = raw.Writer(self.directory, self.root, parent)
        for line in self._files:
            self.writer.write(line)
        self.current = self.root_context

    def trouble(self, code: str, text: str) -> None:
        """Note something that could not be recorded. The reader widens for it; the suite goes on."""
        line = code + ": " + text
        if line not in self._troubles and len(self._troubles) < 1000:
            self._troubles.add(line)
            self.writer.write({"trouble": {"code": code, "text": text[:2000]}})

    def write_test(self, context: Context, outcome: str, seconds: float, reruns: int) -> None:
        """Write one finished test at once: what is written stays when the run is killed."""
        self.writer.write_test(context, outcome, seconds, reruns)
        del self._contexts[context.id]

    def finish(self, status: str) -> None:
        """Write all contexts that are shared between tests, and the line that says nothing is missing."""
        if not self.active or os.getpid() != self._pid:
            return
        self.flush()
        self.active = False
        for context in self._contexts.values():
            if context.kind != "test" or context.seen or context.read or context.uses or context.spawned:
                self.writer.write_context(context)
        self.writer.close(status)


_DOTS = ("", ".", "..")
_lstat = os.lstat  # before it is watched

# Folders that hold other people's code, or what tools leave behind.
_NOT_PROJECT = frozenset(
    [".git", ".hg", ".tox", ".nox", ".venv", "site-packages", "dist-packages", "node_modules", "__pycache__"]
    + [".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"]
)
