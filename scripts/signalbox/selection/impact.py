"""Which tests a difference between the indexed and the new files can reach.

Compared are the blob ids of every file as indexed with those of the head: so the answer is right for an
index of any commit, and only wider the older it is. From each changed file the nodes that depend on the
changed part are found, and from those, along what uses what, the tests.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

Blocks = frozenset[int]
Resumed = tuple[tuple[int, Blocks], ...]
Compare = Callable[[str, str, str, bytes], tuple[Blocks, tuple[str, ...], bool, Resumed] | None]
"""(path, old blob, new blob, packed starts) → (changed blocks, symbols, import time, resumed), or None: all.

``resumed``: (first block, other blocks) of changed generators; who executed others without the first went on
with one that was begun elsewhere, and counts as changed.
"""


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """One reason to select tests: a code, the path, a sentence, and the numbers of the tests."""

    code: str
    path: str
    text: str
    tests: tuple[int, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How the head's tree differs from the indexed one."""

    changed: tuple[str, ...]
    deleted: tuple[str, ...]
    added: tuple[str, ...]


def difference(connection: sqlite3.Connection, head: Mapping[str, str]) -> Difference:
    """Compare blob ids. Files that git did not track when the index was recorded are not compared."""
    indexed = {
        path: blob for path, blob in connection.execute("SELECT path, blob FROM file") if blob != "untracked"
    }
    return Difference(
        changed=tuple(sorted(p for p, blob in indexed.items() if p in head and head[p] != blob)),
        deleted=tuple(sorted(p for p in indexed if p not in head)),
        added=tuple(sorted(p for p in head if p not in indexed)),
    )


class Impact:
    """The questions put to one index."""

    def __init__(self, connection: sqlite3.Connection, head: Mapping[str, str], compare: Compare) -> None:
        self._sql = connection
        self._head = head
        self._compare = compare
        rows = connection.execute("SELECT id, path, blob, starts FROM file").fetchall()
        self._file = {path: (number, blob, starts) for number, path, blob, starts in rows}
        self._folders = {
            path.rsplit("/", i + 1)[0] for path in self._file for i in range(path.count("/"))
        } | {"."}
        self._tests = {row[0] for row in connection.execute("SELECT id FROM test")}
        self._used_tests = {row[0] for row in connection.execute("SELECT id FROM used_test")}

    def of(self, found: Difference) -> Iterator[Touched]:
        """What each changed, deleted and added file touches, in the order of paths."""
        for path in found.changed:
            yield from self._changed(path)
        for path in found.deleted:
            yield from self._whole(path, "deleted", f"{path} is deleted")
        for path in found.added:
            yield from self._added(path)

    # seeds

    def _changed(self, path: str) -> Iterator[Touched]:
        file, blob, starts = self._file[path]
        edit = self._compare(path, blob, self._head[path], starts) if starts is not None else None
        if edit is None:
            yield from self._whole(path, "changed", f"{path} is changed")
            return
        yield from self._readers(path, "changed")
        blocks, symbols, import_time, resumed = edit
        if not blocks:
            yield Touched(code="no-code", path=path, text=f"{path}: no statement is changed", tests=())
            return
        nodes = self._executed(file, sum(1 << block for block in blocks))
        for entry, others in resumed:
            nodes |= self._executed(file, sum(1 << block for block in others)) - self._executed(
                file, 1 << entry
            )
        tests = self._closure(nodes)
        where = ", ".join(symbols[:4]) + (" …" if len(symbols) > 4 else "")
        if import_time:
            text = f"{path}: code that runs at import is changed ({where})"
        else:
            text = f"{path}: {where} is changed"
        yield Touched(code="executes", path=path, text=text, tests=tests)

    def _whole(self, path: str, verb: str, text: str) -> Iterator[Touched]:
        yield from self._readers(path, verb)
        file = self._file[path][0]
        nodes = set(self._executed(file, -1))
        nodes |= {
            row[0]
            for row in self._sql.execute("SELECT id FROM node WHERE kind = 'import' AND file = ?", (file,))
        }
        if nodes:
            yield Touched(code="executes", path=path, text=text, tests=self._closure(nodes))
        if verb == "deleted":
            yield from self._listings(path, "deleted")

    def _readers(self, path: str, verb: str) -> Iterator[Touched]:
        own = self._rows("SELECT id FROM test WHERE file = ?", path)
        if own:
            yield Touched(
                code="test-file", path=path, text=f"{path} holds the test", tests=tuple(sorted(own))
            )
        nodes = self._rows("SELECT node FROM access WHERE path = ? AND how IN ('read', 'looked')", path)
        if nodes:
            text = f"{path} is {verb}, and the test reads it"
            yield Touched(code="reads", path=path, text=text, tests=self._closure(nodes))

    def _added(self, path: str) -> Iterator[Touched]:
        nodes = self._rows("SELECT node FROM access WHERE path = ?", path)
        if nodes:
            text = f"{path} is new, and the test looked for it"
            yield Touched(code="reads", path=path, text=text, tests=self._closure(nodes))
        yield from self._listings(path, "added")

    def _listings(self, path: str, verb: str) -> Iterator[Touched]:
        folder = path
        while "/" in folder:
            folder = folder.rsplit("/", 1)[0]
            nodes = self._rows("SELECT node FROM access WHERE path = ?", folder)
            if nodes:
                text = f"{path} is {verb}, and the test lists {folder}"
                yield Touched(code="lists", path=path, text=text, tests=self._closure(nodes))
            if folder in self._folders:
                return
        nodes = self._rows("SELECT node FROM access WHERE path = '.' AND how = 'listed'")
        if nodes:
            text = f"{path} is {verb}, and the test lists the root"
            yield Touched(code="lists", path=path, text=text, tests=self._closure(nodes))

    # always

    def always(
        self,
        trusted_programs: Iterable[str],
        environ: Mapping[str, str],
        ignored: Callable[[str], bool],
        digest: Callable[[str | None], str],
    ) -> Iterator[Touched]:
        """Tests that no recording can clear: failed last time, started what could not be followed, read a
        variable that has another value now."""
        failed = self._rows("SELECT id FROM test WHERE outcome IN ('failed', 'error')")
        if failed:
            yield Touched(
                code="failed", path="", text="it failed when it was recorded", tests=tuple(sorted(failed))
            )
        for node, name in self._sql.execute("SELECT id, name FROM node WHERE kind = 'unknown'").fetchall():
            text = f"what it depends on is not all known: {name}"
            yield Touched(code="unknown", path="", text=text, tests=self._closure([node]))
        trusted = frozenset(trusted_programs)
        programs: dict[str, set[int]] = {}
        for node, program, inside in self._sql.execute("SELECT node, program, inside FROM process"):
            if program not in trusted and not (program == "git" and not inside):
                programs.setdefault(program, set()).add(node)
        for program, nodes in sorted(programs.items()):
            text = f"it starts {program!r}, which could not be followed"
            yield Touched(code="process", path="", text=text, tests=self._closure(nodes))
        for name, recorded in self._sql.execute(
            "SELECT name, digest FROM variable_value ORDER BY name"
        ).fetchall():
            if not ignored(name) and digest(environ.get(name)) != recorded:
                nodes = self._rows("SELECT node FROM variable WHERE name = ?", name)
                text = f"it reads the environment variable {name}, which has another value"
                yield Touched(code="environment", path="", text=text, tests=self._closure(nodes))

    # edges

    def _rows(self, query: str, *values: object) -> set[int]:
        return {row[0] for row in self._sql.execute(query, values)}

    def _executed(self, file: int, mask: int) -> set[int]:
        """Nodes that executed any block of ``mask`` (-1 = any block at all) in the file."""
        found = [
            (number,)
            for number, bits in self._sql.execute("SELECT id, bits FROM footprint WHERE file = ?", (file,))
            if int.from_bytes(bits, "little") & mask
        ]
        nodes: set[int] = set()
        for footprint in found:
            nodes.update(
                row[0] for row in self._sql.execute("SELECT node FROM seen WHERE footprint = ?", footprint)
            )
        return nodes

    def _closure(self, seeds: Iterable[int]) -> tuple[int, ...]:
        """The tests among ``seeds`` and all that depends on them."""
        todo = list(seeds)
        seen = set(todo)
        while todo:
            node = todo.pop()
            if node in self._tests and node not in self._used_tests:
                continue
            more = self._rows("SELECT node FROM uses WHERE used = ?", node) | self._implied(node)
            more -= seen
            seen |= more
            todo.extend(more)
        return tuple(sorted(seen & self._tests))

    def _implied(self, node: int) -> set[int]:
        row = self._sql.execute("SELECT kind, name, file, block FROM node WHERE id = ?", (node,)).fetchone()
        if row is None:
            return set()
        kind, name, file, block = row
        if kind == "import" and file is not None:
            return self._executed(file, -1)  # whoever runs a module's code depends on its import
        if kind == "memo" and file is not None and block is not None:
            return self._executed(file, 1 << block)  # whoever enters the function may read its cache
        if kind == "attribute":
            nodes: set[int] = set()
            for number, path in self._sql.execute(
                "SELECT f.id, f.path FROM attribute_use a JOIN file f ON f.id = a.file WHERE a.name = ?",
                (name.split("#")[0],),
            ).fetchall():
                nodes |= self._executed(number, -1)
                nodes |= self._rows("SELECT id FROM test WHERE file = ?", path)
                nodes |= self._rows("SELECT node FROM access WHERE path = ? AND how = 'read'", path)
            return nodes
        return set()
