"""From an open index and a head's tree to the facts that a plan is decided from."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from signalbox.config import Settings
from signalbox.config.globs import first_match
from signalbox.decision import parse_time

from .build import value_digest
from .facts import IndexFacts, SuiteFact, TestFact
from .impact import Compare, Impact, Touched, difference


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What the index says: about itself, about the tests that are touched, and about each suite."""

    index: IndexFacts
    touched: tuple[Touched, ...]
    tests: tuple[TestFact, ...]
    suites: dict[str, SuiteFact]


def gather(
    connection: sqlite3.Connection,
    sha256: str,
    head: Mapping[str, str],
    compare: Compare,
    settings: Settings,
    environ: Mapping[str, str],
) -> Gathered:
    """Ask the index everything. Tests are renumbered by position, only those touched are kept.

    ``sqlite3.Error``, ``KeyError``, ``ValueError`` or ``TypeError`` for an index that is nonsense.
    """
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    parse_time(meta["recorded_at"])
    found = difference(connection, head)
    policy = settings.selection
    touched: list[Touched] = []
    if len(found.changed) + len(found.deleted) + len(found.added) <= policy.max_changed_files:
        impact = Impact(connection, head, compare)
        touched += impact.of(found)
        touched += impact.always(
            policy.trusted_programs,
            environ,
            lambda name: name == "*" or bool(first_match(name, policy.ignored_variables)),
            lambda value: value_digest(meta.get("salt", ""), value),
        )
        troubles = _pairs(connection)
    else:
        count = len(found.changed) + len(found.deleted) + len(found.added)
        troubles = (("far-away", f"{count} files differ from the indexed commit"), *_pairs(connection))
    rows = {
        number: TestFact(nodeid, file, seconds)
        for number, nodeid, file, seconds in connection.execute("SELECT id, nodeid, file, seconds FROM test")
    }
    present = {file for file in {fact.file for fact in rows.values()} if file in head}
    wanted = sorted({test for item in touched for test in item.tests if rows[test].file in present})
    position = {number: place for place, number in enumerate(wanted)}
    total, seconds, flaky = connection.execute(
        "SELECT count(*), coalesce(sum(seconds), 0), coalesce(sum(reruns > 0), 0) FROM test"
    ).fetchone()
    return Gathered(
        index=IndexFacts(
            sha256=sha256,
            commit=meta["commit"],
            recorded_at=meta["recorded_at"],
            python=meta["python"],
            tests=total,
            seconds=round(seconds, 3),
            troubles=troubles,
            extensions=tuple(
                row[0] for row in connection.execute("SELECT name FROM extension ORDER BY name")
            ),
            changed=found.changed[: policy.max_changed_files],
            deleted=found.deleted[: policy.max_changed_files],
            added=found.added[: policy.max_changed_files],
            flaky=flaky,
        ),
        touched=tuple(
            msgspec.structs.replace(item, tests=tuple(position[t] for t in item.tests if t in position))
            for item in touched
        ),
        tests=tuple(rows[number] for number in wanted),
        suites=suite_facts(settings, head, rows.values()),
    )


def _pairs(connection: sqlite3.Connection) -> tuple[tuple[str, str], ...]:
    rows: list[Any] = connection.execute(
        "SELECT code, text FROM trouble ORDER BY code, text LIMIT 20"
    ).fetchall()
    return tuple((str(code), str(text)) for code, text in rows)


def suite_facts(
    settings: Settings, head: Mapping[str, str], tests: Iterable[TestFact]
) -> dict[str, SuiteFact]:
    """Per suite: which of its test paths the head has, and the tests and seconds recorded below them."""
    folders = {path.rsplit("/", i + 1)[0] for path in head for i in range(path.count("/"))}
    exists: Callable[[str], bool] = lambda path: path in head or path.rstrip("/") in folders or path == "."  # noqa: E731
    by_file: dict[str, tuple[int, float]] = {}
    for test in tests:
        number, seconds = by_file.get(test.file, (0, 0.0))
        by_file[test.file] = (number + 1, seconds + test.seconds)
    found = {}
    for name, suite in settings.suites.items():
        paths = tuple(path for path in suite.tests if exists(path))
        roots = tuple(path.rstrip("/") + "/" for path in paths)
        below = [v for f, v in by_file.items() if f in paths or f.startswith(roots) or "." in paths]
        found[name] = SuiteFact(
            paths=paths,
            tests=sum(number for number, _ in below),
            seconds=round(sum(seconds for _, seconds in below), 3),
        )
    return found
