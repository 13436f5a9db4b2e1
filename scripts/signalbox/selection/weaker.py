"""An index from weaker evidence than a recording: one file depends on another as a whole, or does not.

The database has the shape of a recorded one, so that everything that widens a plan widens these plans too. It
names its evidence, and a plan made from it is never called targeted.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from .schema import APPLICATION_ID, LOOKUPS, TABLES, VERSION


class WeakTest(msgspec.Struct, frozen=True, kw_only=True):
    """One test, mostly a whole file: ``needs`` are the files that it is known to depend on."""

    __test__ = False

    id: str
    file: str
    needs: tuple[str, ...] = ()
    seconds: float = 0.0
    outcome: str = "unknown"


class Weak(msgspec.Struct, frozen=True, kw_only=True):
    """What is known. ``files``: path → blob id; ``uses``: file → files it depends on; ``unknown``: file →
    why whatever depends on it always runs; ``everywhere``: files that every test depends on; ``troubles``:
    (code, sentence), each of which runs everything."""

    evidence: str
    commit: str
    recorded_at: str
    files: Mapping[str, str]
    tests: Sequence[WeakTest]
    uses: Mapping[str, Iterable[str]] = {}
    unknown: Mapping[str, str] = {}
    everywhere: Iterable[str] = ()
    troubles: Sequence[tuple[str, str]] = ()


def write_weak(connection: sqlite3.Connection, weak: Weak, python: str) -> str:
    """Write it into an empty database; the SHA-256 of what was written, told from its content."""
    sql = connection
    sql.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    sql.execute(f"PRAGMA user_version = {VERSION}")
    sql.executescript(TABLES)
    number = {path: place for place, path in enumerate(sorted(weak.files))}
    _many(sql, "file", [(place, path, weak.files[path], None) for path, place in number.items()])
    _many(sql, "node", [(place, "import", path, place, None) for path, place in number.items()])
    used = [
        (number[other], number[path])
        for path, others in weak.uses.items()
        if path in number
        for other in others
        if other in number
    ]
    first = len(number)
    tests = {test.id: first + place for place, test in enumerate(weak.tests)}
    everywhere = [number[path] for path in weak.everywhere if path in number]
    for test in weak.tests:
        node = tests[test.id]
        used += [(number[path], node) for path in (test.file, *test.needs) if path in number]
        used += [(place, node) for place in everywhere]
    _many(sql, "node", [(node, "test", "", None, None) for node in tests.values()])
    _many(
        sql,
        "test",
        [
            (tests[t.id], t.id, t.file, t.outcome, t.seconds, 0)
            for t in {t.id: t for t in weak.tests}.values()
        ],
    )
    place = first + len(tests)
    for path, why in sorted(weak.unknown.items()):
        if path in number:
            _many(sql, "node", [(place, "unknown", f"{path}: {why}", None, None)])
            used.append((place, number[path]))
            place += 1
    _many(sql, "uses", used)
    _many(sql, "trouble", weak.troubles)
    meta = {
        "commit": weak.commit,
        "recorded_at": weak.recorded_at,
        "python": python,
        "rootdir": ".",
        "invocation": ".",
        "evidence": weak.evidence,
        "salt": "",
        "complete": "yes",
    }
    _many(sql, "meta", list(meta.items()))
    sql.commit()
    sql.executescript(LOOKUPS)
    digest = hashlib.sha256()
    for table in ("file", "node", "test", "uses", "trouble"):
        for row in sql.execute(f"SELECT * FROM {table} ORDER BY 1, 2"):  # noqa: S608  a name from above
            digest.update(repr(row).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _many(sql: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        sql.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608
