"""The impact index: one SQLite file that says what each test depends on.

Nodes are whatever was recorded by itself: tests, imports, collections, fixtures, fills of caches, child
processes. ``uses(used, node)`` says that ``node`` depends on ``used``. A *footprint* is one distinct set of
executed blocks of one file, kept once however many nodes share it. Readers open the file read-only with
``trusted_schema`` off: it comes out of a cache, and a cache is only as trusted as who may write to it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

from signalbox.errors import InputError

VERSION = 1
APPLICATION_ID = 0x5349474E  # "SIGN"

TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE file(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, blob TEXT NOT NULL, starts BLOB);
CREATE TABLE node(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,
                  file INTEGER, block INTEGER);
CREATE TABLE test(id INTEGER PRIMARY KEY, nodeid TEXT NOT NULL UNIQUE, file TEXT NOT NULL,
                  outcome TEXT NOT NULL, seconds REAL NOT NULL, reruns INTEGER NOT NULL);
CREATE TABLE footprint(id INTEGER PRIMARY KEY, file INTEGER NOT NULL, bits BLOB NOT NULL);
CREATE TABLE seen(footprint INTEGER NOT NULL, node INTEGER NOT NULL,
                  PRIMARY KEY(footprint, node)) WITHOUT ROWID;
CREATE TABLE uses(used INTEGER NOT NULL, node INTEGER NOT NULL, PRIMARY KEY(used, node)) WITHOUT ROWID;
CREATE TABLE access(path TEXT NOT NULL, how TEXT NOT NULL, node INTEGER NOT NULL,
                    PRIMARY KEY(path, how, node)) WITHOUT ROWID;
CREATE TABLE variable(name TEXT NOT NULL, node INTEGER NOT NULL, PRIMARY KEY(name, node)) WITHOUT ROWID;
CREATE TABLE variable_value(name TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE missing_import(name TEXT NOT NULL, node INTEGER NOT NULL, PRIMARY KEY(name, node)) WITHOUT ROWID;
CREATE TABLE process(node INTEGER NOT NULL, program TEXT NOT NULL, inside INTEGER NOT NULL,
                     PRIMARY KEY(node, program, inside)) WITHOUT ROWID;
CREATE TABLE attribute_use(name TEXT NOT NULL, file INTEGER NOT NULL, PRIMARY KEY(name, file))
                           WITHOUT ROWID;
CREATE TABLE used_test(id INTEGER PRIMARY KEY);
CREATE TABLE extension(name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE trouble(code TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY(code, text)) WITHOUT ROWID;
"""

LOOKUPS = """
CREATE INDEX footprint_by_file ON footprint(file);
CREATE INDEX node_by_kind ON node(kind, file);
CREATE INDEX test_by_file ON test(file);
"""


def open_index(path: Path) -> sqlite3.Connection:
    """Open an index for reading; `InputError` when it is none, damaged or of another version."""
    if not path.is_file():
        raise InputError(
            "there is no impact index here",
            where=str(path),
            fix="Record one with index_tests.py, or leave --index out.",
        )
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error as error:
        raise InputError("the impact index cannot be opened", where=str(path), why=str(error)) from None
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        kinds = {row[0] for row in connection.execute("SELECT DISTINCT type FROM sqlite_schema")}
        complete = connection.execute("SELECT value FROM meta WHERE key = 'complete'").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise InputError(
            "this is not an impact index, or it is damaged",
            where=str(path),
            why=str(error),
            fix="Record it anew.",
        ) from None
    wrong = ""
    if application != APPLICATION_ID:
        wrong = "it was not written by index_tests.py"
    elif version != VERSION:
        wrong = f"it has version {version}, and this Signalbox reads version {VERSION}"
    elif kinds - {"table", "index"}:
        wrong = "it holds views or triggers, which an index never does"
    elif complete is None:
        wrong = "it was not written to its end"
    if wrong:
        connection.close()
        raise InputError("the impact index cannot be used", where=str(path), why=wrong, fix="Record it anew.")
    return connection


def usable_index(path: Path) -> tuple[sqlite3.Connection | None, str, str]:
    """The open index and the SHA-256 of its file; or neither, and why it cannot be used."""
    try:
        connection = open_index(path)
        if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            connection.close()
            return None, "", f"the index {path.name} is damaged; record it anew"
    except InputError as error:
        return None, "", str(error)
    except Exception as error:
        return None, "", f"the index {path.name} cannot be read: {error}"
    with path.open("rb") as file:
        return connection, hashlib.file_digest(file, "sha256").hexdigest(), ""


def pack_starts(starts: list[tuple[int, int]]) -> bytes:
    """Positions of blocks as bytes: pairs of decimal numbers."""
    return ";".join(f"{line},{column}" for line, column in starts).encode("ascii")


def unpack_starts(packed: bytes) -> list[tuple[int, int]]:
    """The positions that `pack_starts` wrote; `ValueError` for anything else."""
    if not packed:
        return []
    pairs = (pair.split(",") for pair in packed.decode("ascii").split(";"))
    return [(int(line), int(column)) for line, column in pairs]
