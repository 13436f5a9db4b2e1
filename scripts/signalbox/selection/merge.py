"""Several indexes of one commit, recorded by the shards of one run, made one."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from signalbox.errors import InputError

from .recording import SHARED
from .schema import APPLICATION_ID, LOOKUPS, TABLES, VERSION, open_index

_SAME = ("commit", "rootdir", "invocation", "salt")
_WORST = ("passed", "skipped", "xfailed", "xpassed", "failed", "error")
DIFFERS = "differs"
"""A variable's digest when the shards saw different values: it matches none, so its readers always run."""


def merge_indexes(paths: Sequence[Path], target: Path) -> int:
    """Write the union of ``paths`` to ``target`` and return its number of tests.

    `InputError` for what is no index, and for indexes of different commits, trees or versions of Python:
    those do not know of one another's changes. The age is that of the oldest.
    """
    if not paths:
        raise InputError("there is nothing to merge", where="--merge", fix="Name the indexes of the shards.")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    connection = sqlite3.connect(temporary)
    try:
        merged = _Merged(connection)
        for path in paths:
            with closing(open_index(path)) as shard:
                try:
                    merged.add(shard, str(path))
                except (sqlite3.Error, KeyError, ValueError, TypeError) as error:
                    raise InputError(
                        "this index is damaged", where=str(path), why=str(error), fix="Record it anew."
                    ) from None
        merged.finish()
        connection.close()
        os.replace(temporary, target)  # noqa: PTH105  the same call for both kinds of path
    except (sqlite3.Error, OSError) as error:
        raise InputError("the index cannot be written", where=str(target), why=str(error)) from None
    finally:
        connection.close()
        temporary.unlink(missing_ok=True)
    return len(merged.tests)


class _Merged:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            f"PRAGMA application_id = {APPLICATION_ID}",
            f"PRAGMA user_version = {VERSION}",
        ):
            connection.execute(statement)
        connection.executescript(TABLES)
        self._meta: dict[str, str] = {}
        self._files: dict[str, tuple[int, str, bytes | None]] = {}
        self._imported: set[str] = set()
        self._shared: dict[tuple[str, str], int] = {}
        self._nodes = 0
        self._footprints: dict[tuple[int, bytes], int] = {}
        self.tests: dict[str, tuple[int, str, str, float, int]] = {}
        self._values: dict[str, str] = {}

    def add(self, shard: sqlite3.Connection, where: str) -> None:
        """Take one index in."""
        self._take_meta(dict(shard.execute("SELECT key, value FROM meta")), where)
        files = self._take_files(shard, where)
        nodes = self._take_nodes(shard, files)
        for nodeid, node, file, outcome, seconds, reruns in shard.execute(
            "SELECT nodeid, id, file, outcome, seconds, reruns FROM test"
        ).fetchall():
            self._take_test(nodeid, (nodes[node], file, outcome, seconds, reruns))
        footprints = {}
        for number, file, bits in shard.execute("SELECT id, file, bits FROM footprint"):
            key = (files[file], bytes(bits))
            footprints[number] = self._footprints.setdefault(key, len(self._footprints))
        self._many(
            "seen",
            ((footprints[a], nodes[b]) for a, b in shard.execute("SELECT footprint, node FROM seen")),
        )
        self._many("uses", ((nodes[a], nodes[b]) for a, b in shard.execute("SELECT used, node FROM uses")))
        self._many(
            "access",
            ((path, how, nodes[n]) for path, how, n in shard.execute("SELECT path, how, node FROM access")),
        )
        for table in ("variable", "missing_import"):
            rows = shard.execute(f"SELECT name, node FROM {table}")  # noqa: S608
            self._many(table, ((name, nodes[node]) for name, node in rows))
        self._many(
            "process",
            (
                (nodes[node], program, inside)
                for node, program, inside in shard.execute("SELECT node, program, inside FROM process")
            ),
        )
        self._many(
            "attribute_use",
            ((name, files[file]) for name, file in shard.execute("SELECT name, file FROM attribute_use")),
        )
        self._many("extension", shard.execute("SELECT name FROM extension"))
        self._many("trouble", shard.execute("SELECT code, text FROM trouble"))
        for name, digest in shard.execute("SELECT name, digest FROM variable_value"):
            self._values[name] = digest if self._values.get(name, digest) == digest else DIFFERS

    def _take_meta(self, meta: dict[str, str], where: str) -> None:
        if not self._meta:
            self._meta = meta | {"shards": "0"}
        for key in _SAME:
            if meta[key] != self._meta[key]:
                why = f"{key} is {meta[key]!r} here and {self._meta[key]!r} in the first"
                raise InputError(
                    "these indexes are not of one run", where=where, why=why, fix="Merge one commit's shards."
                )
        if meta["python"].split(".")[:2] != self._meta["python"].split(".")[:2]:
            raise InputError(
                "these indexes are of different versions of Python",
                where=where,
                why=f"{meta['python']} and {self._meta['python']}",
                fix="Keep one index for each version.",
            )
        mine = self._meta
        mine["recorded_at"] = min(mine["recorded_at"], meta["recorded_at"])
        mine["exit_code"] = str(max(int(mine["exit_code"]), int(meta["exit_code"])))
        if mine["shards"] != "0":
            mine["processes"] = str(int(mine["processes"]) + int(meta["processes"]))
        mine["shards"] = str(int(mine["shards"]) + 1)

    def _take_files(self, shard: sqlite3.Connection, where: str) -> dict[int, int]:
        executed = {row[0] for row in shard.execute("SELECT DISTINCT file FROM footprint")}
        places = {}
        for number, path, blob, starts in shard.execute("SELECT id, path, blob, starts FROM file"):
            seen = number in executed or starts is not None
            known = self._files.get(path)
            if known is None:
                known = (len(self._files), blob, starts)
            elif known[1] != blob:
                raise InputError(
                    "these indexes were recorded on different files",
                    where=where,
                    why=f"{path} is not the same in each",
                    fix="Record all shards from one checkout.",
                )
            elif seen and path not in self._imported:
                known = (known[0], blob, starts)
            elif seen and known[2] != starts:
                known = (known[0], blob, None)  # blocks are numbered differently: the file counts as a whole
            if seen:
                self._imported.add(path)
            self._files[path] = known
            places[number] = known[0]
        return places

    def _take_nodes(self, shard: sqlite3.Connection, files: dict[int, int]) -> dict[int, int]:
        places, rows = {}, []
        for number, kind, name, file, block in shard.execute("SELECT id, kind, name, file, block FROM node"):
            place = self._shared.get((kind, name)) if kind in SHARED else None
            if place is None:
                place, self._nodes = self._nodes, self._nodes + 1
                rows.append((place, kind, name, None if file is None else files[file], block))
                if kind in SHARED:
                    self._shared[(kind, name)] = place
            places[number] = place
        self._many("node", rows)
        return places

    def _take_test(self, nodeid: str, new: tuple[int, str, str, float, int]) -> None:
        known = self.tests.get(nodeid)
        if known is None:
            self.tests[nodeid] = new
            return
        # It ran in several shards: it depends on what either run did, and the worse outcome counts.
        self._many("uses", [(new[0], known[0])])
        outcome = max(
            known[2], new[2], key=lambda name: _WORST.index(name) if name in _WORST else len(_WORST)
        )
        self.tests[nodeid] = (*known[:2], outcome, max(known[3], new[3]), max(known[4], new[4]))

    def _many(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        rows = list(rows)
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._sql.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608

    def finish(self) -> None:
        """Write what was kept back, the lookups, and that it is complete."""
        self._many("file", ((number, path, *rest) for path, (number, *rest) in self._files.items()))
        self._many("test", ((node, nodeid, *rest) for nodeid, (node, *rest) in self.tests.items()))
        self._many("footprint", ((number, *key) for key, number in self._footprints.items()))
        self._many("variable_value", self._values.items())
        self._sql.execute(
            "INSERT INTO used_test SELECT DISTINCT used FROM uses WHERE used IN (SELECT id FROM test)"
        )
        self._many("meta", self._meta.items())
        self._sql.commit()
        self._sql.executescript(LOOKUPS)
        self._sql.execute("VACUUM")
