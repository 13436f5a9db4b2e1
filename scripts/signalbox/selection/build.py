"""From raw recordings to the impact index, written beside its place and moved there when complete."""

from __future__ import annotations

import ast
import hashlib
import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from signalbox.errors import InputError

from .programs import reads
from .recording import Node, Recording, printable
from .schema import APPLICATION_ID, LOOKUPS, TABLES, VERSION, pack_starts

if TYPE_CHECKING:
    from .risk_model import RiskModel


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: counts, bytes and the troubles that will widen selections."""

    tests: int
    files: int
    nodes: int
    bytes: int
    python: str
    troubles: tuple[tuple[str, str], ...]


def build_index(
    recording: Recording,
    target: Path,
    *,
    commit: str,
    tracked: Mapping[str, str],
    root: Path,
    environ: Mapping[str, str],
    recorded_at: str,
    exit_code: int,
    collect_seconds: float | None = None,
    risk_model: RiskModel | None = None,
) -> Built:
    """Write the index of ``recording``. ``tracked`` is path → blob id of the commit's files, as they lie
    on disk below ``root``. Replaces ``target`` only at the end.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    target.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(temporary)
    try:
        writer = _Writer(connection, recording, tracked, root)
        # Public and the same for all shards of a commit, so that their indexes can be merged.
        salt = hashlib.sha256(f"signalbox {commit}".encode()).hexdigest()[:16]
        writer.write(environ, salt)
        meta = {
            "commit": commit,
            "recorded_at": recorded_at,
            "python": recording.python,
            "pytest": recording.pytest,
            "rootdir": recording.rootdir,
            "invocation": recording.invocation,
            "exit_code": str(exit_code),
            "processes": str(recording.processes),
            "complete": "yes",
        }
        if collect_seconds is not None:
            meta["collect_seconds"] = f"{collect_seconds:.3f}"
        if risk_model is not None:
            meta["risk_model"] = msgspec.json.encode(risk_model).decode("ascii")
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
        connection.commit()
        connection.executescript(LOOKUPS)
        connection.execute("VACUUM")
        connection.close()
        os.replace(temporary, target)  # noqa: PTH105  the same call for both kinds of path
    except (sqlite3.Error, OSError) as error:
        raise InputError("the impact index cannot be written", where=str(target), why=str(error)) from None
    finally:
        connection.close()
        temporary.unlink(missing_ok=True)
    return Built(
        tests=len(recording.tests),
        files=len(recording.sources),
        nodes=len(recording.nodes),
        bytes=target.stat().st_size,
        python=recording.python,
        troubles=tuple(sorted(recording.troubles)),
    )


class _Writer:
    def __init__(
        self,
        connection: sqlite3.Connection,
        recording: Recording,
        tracked: Mapping[str, str],
        root: Path,
    ) -> None:
        self._sql = connection
        self._all = recording
        self._tracked = tracked
        self._root = root
        self._files: dict[str, int] = {}
        self._footprints: dict[tuple[int, int], int] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._folders = {path.rsplit("/", i + 1)[0] for path in tracked for i in range(path.count("/"))} | {
            "."
        }

    def write(self, environ: Mapping[str, str], salt: str) -> None:
        self._sql.execute("PRAGMA journal_mode = OFF")
        self._sql.execute("PRAGMA synchronous = OFF")
        self._sql.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._sql.execute(f"PRAGMA user_version = {VERSION}")
        self._sql.executescript(TABLES)
        self._write_files()
        tests = {test.node for test in self._all.tests.values()}
        for number, node in enumerate(self._all.nodes):
            self._write_node(number, node, number in tests)
        self._sql.executemany(
            "INSERT INTO test VALUES (?, ?, ?, ?, ?, ?)",
            (
                (t.node, t.nodeid, self._test_file(t.nodeid), t.outcome, t.seconds, t.reruns)
                for t in self._all.tests.values()
            ),
        )
        self._sql.executemany(
            "INSERT INTO footprint VALUES (?, ?, ?)",
            (
                (number, file, bits.to_bytes((bits.bit_length() + 7) // 8, "little"))
                for (file, bits), number in self._footprints.items()
            ),
        )
        self._sql.executemany("INSERT INTO extension VALUES (?)", ((name,) for name in self._all.extensions))
        self._sql.executemany("INSERT INTO trouble VALUES (?, ?)", sorted(self._all.troubles))
        self._write_attributes()
        self._write_rows()
        self._sql.execute(
            "INSERT INTO used_test SELECT DISTINCT used FROM uses WHERE used IN (SELECT id FROM test)"
        )
        self._write_environment(environ, salt)

    def _test_file(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        return os.path.normpath(f"{self._all.rootdir}/{path}").replace(os.sep, "/")

    def _write_files(self) -> None:
        paths = sorted({*self._tracked, *self._all.sources})
        rows = []
        for number, path in enumerate(paths):
            self._files[path] = number
            source = self._all.sources.get(path)
            blob = self._tracked.get(path, "untracked")
            # A source that is not the file git knows (line ends, filters, edits) counts as a whole.
            fits = source is not None and source.consistent and blob in (source.blob, "untracked")
            rows.append((number, path, blob, pack_starts(source.starts) if source and fits else None))
        self._sql.executemany("INSERT INTO file VALUES (?, ?, ?, ?)", rows)

    def _write_node(self, number: int, node: Node, is_test: bool) -> None:
        path, _, rest = node.name.partition("#")
        file = self._files.get(path) if node.kind in ("import", "memo") else None
        block = int(rest) if node.kind == "memo" and rest.isdecimal() else None
        name = "" if is_test else node.name
        self._many("node", [(number, node.kind, name, file, block)])
        for path, bits in node.seen.items():
            key = (self._files[path], bits)
            footprint = self._footprints.setdefault(key, len(self._footprints))
            self._many("seen", [(footprint, number)])
        self._many("uses", ((used, number) for used in node.uses if used != number))
        access = {(path, "read", number) for path in node.read if self._matters(path)}
        access |= {(path, "listed", number) for path in node.listed if path in self._folders}
        access |= {(path, "looked", number) for path in node.looked - node.read if self._matters(path)}
        self._many("variable", ((name, number) for name in node.env))
        self._many("missing_import", ((name, number) for name in node.missing))
        holes = set()
        for start in node.spawned:
            if (start.get("token") or "-") in self._all.child_roots:
                continue
            told = self._told(start)
            if told is None:
                holes.add((number, str(start["what"]), int(bool(start["inside"]))))
            else:
                access |= {(path, "read", number) for path in told}
        self._many("process", sorted(holes))
        self._many("access", sorted(access))

    def _told(self, start: Mapping[str, Any]) -> set[str] | None:
        """Files of the project that a process which nobody followed may have read; None: it may be any."""
        argv, cwd, path = start.get("argv"), start.get("cwd"), start.get("path")
        if not isinstance(argv, list) or not isinstance(cwd, str) or not isinstance(path, str):
            return None
        found = reads([str(word) for word in argv], cwd, path)
        if found is None:
            return None
        inside: set[str] = set()
        for place in found:
            for name in {place, os.path.realpath(place)}:
                relative = os.path.relpath(name, self._all.root or "/").replace(os.sep, "/")
                if relative == "." or relative in self._folders:
                    return None
                if not relative.startswith("../") and self._matters(relative):
                    inside.add(printable(relative))
        return inside

    def _many(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._rows.setdefault(table, []).extend(rows)

    def _write_rows(self) -> None:
        """Everything that nodes brought, in the order of the keys: that is how SQLite writes it fastest."""
        for table, rows in self._rows.items():
            marks = ", ".join("?" * len(rows[0])) if rows else ""
            if table != "node":
                rows.sort()
            if rows:
                self._sql.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608

    def _matters(self, path: str) -> bool:
        """Tracked files can change; a name that was not there can come to be."""
        return path in self._tracked or path not in self._folders

    def _write_attributes(self) -> None:
        """Who reads a cached property: hits leave no trace, so every mention of the name counts."""
        names = {node.name.split("#")[0] for node in self._all.nodes if node.kind == "attribute"}
        if not names:
            return
        wanted = {*self._all.sources, *(self._test_file(nodeid) for nodeid in self._all.tests)}
        wanted |= {path for path in self._tracked if path.endswith("conftest.py")}
        for path in sorted(wanted & set(self._files)):
            try:
                mentioned = _mentions((self._root / path).read_bytes(), names)
            except OSError:
                mentioned = names
            self._many("attribute_use", ((name, self._files[path]) for name in sorted(mentioned)))

    def _write_environment(self, environ: Mapping[str, str], salt: str) -> None:
        self._sql.execute("INSERT INTO meta VALUES ('salt', ?)", (salt,))
        names = {name for node in self._all.nodes for name in node.env if name != "*"}
        self._sql.executemany(
            "INSERT INTO variable_value VALUES (?, ?)",
            ((name, value_digest(salt, environ.get(name))) for name in sorted(names)),
        )


def value_digest(salt: str, value: str | None) -> str:
    """16 bits of a salted digest: enough to see a change, too little to find a secret's value by."""
    if value is None:
        return "unset"
    return hashlib.sha256(f"{salt}\0{value}".encode("utf-8", "surrogateescape")).hexdigest()[:4]


def _mentions(source: bytes, names: set[str]) -> set[str]:
    """Which of ``names`` the file mentions as an attribute or in a string; all, when it cannot be read."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return names
    found = set()
    for node in ast.walk(tree):
        mentioned = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
        if isinstance(mentioned, str) and mentioned in names:
            found.add(mentioned)
    return found
