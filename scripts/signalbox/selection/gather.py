"""From an open index and a head's tree to the facts that a plan is decided from."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from signalbox.arguments import below
from signalbox.config import Settings
from signalbox.config.globs import first_match
from signalbox.config.selection import Selection
from signalbox.decision import parse_time

from .build import value_digest
from .facts import IndexFacts, SuiteFact, TestFact
from .impact import Compare, Impact, Touched, difference
from .plan import FULL, TEST_MODULES
from .risk_model import RiskModel, kept

_FEW = 20_000
_FACTS = "SELECT id, nodeid, file, seconds FROM test"


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What the index says: about itself, about the tests that are touched, and about each suite."""

    index: IndexFacts
    touched: tuple[Touched, ...]
    tests: tuple[TestFact, ...]
    suites: dict[str, SuiteFact]
    full_paths: tuple[str, ...]
    whole_files: tuple[str, ...]
    gone_test_files: tuple[str, ...]
    new_test_files: tuple[str, ...]
    risk_model: RiskModel | None = None


def gather(
    connection: sqlite3.Connection,
    sha256: str,
    head: Mapping[str, str],
    compare: Compare,
    settings: Settings,
    environ: Mapping[str, str],
    together: Sequence[frozenset[str]] = (),
) -> Gathered:
    """Ask the index everything. Tests are renumbered by position, only those touched are kept. Of an index
    without a recording, tests are touched as well that changed ``together`` with a changed file.

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
    by_file = {
        file: (number, seconds)
        for file, number, seconds in connection.execute(
            "SELECT file, count(*), sum(seconds) FROM test GROUP BY file"
        )
    }
    gone = set(found.deleted) & by_file.keys()
    touched += _untracked(connection)
    if meta.get("evidence", "recorded") != "recorded":
        touched += _together(connection, found.changed, together)
    odd = sorted(by_file.keys() - gone - head.keys() - {item.path for item in touched})
    troubles += tuple(("odd-test", f"tests of {file!r} lie in no file that git knows") for file in odd[:3])
    rows = _facts(connection, {test for item in touched for test in item.tests})
    wanted = sorted(test for test, fact in rows.items() if fact.file not in gone)
    reached: dict[str, int] = {}
    for test in wanted:
        reached[rows[test].file] = reached.get(rows[test].file, 0) + 1
    position = {number: place for place, number in enumerate(wanted)}
    suites = suite_facts(settings, head, by_file)
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
            rootdir=meta.get("rootdir", "."),
            invocation=meta.get("invocation", "."),
            evidence=meta.get("evidence", "recorded"),
            collect_seconds=_seconds(meta.get("collect_seconds")),
        ),
        touched=tuple(
            msgspec.structs.replace(item, tests=tuple(position[t] for t in item.tests if t in position))
            for item in touched
        ),
        tests=tuple(rows[number] for number in wanted),
        suites=suites,
        full_paths=full_paths(settings, suites, by_file.keys() & head.keys(), head),
        whole_files=tuple(sorted(file for file, number in reached.items() if number == by_file[file][0])),
        gone_test_files=tuple(sorted(gone)),
        risk_model=kept(meta.get("risk_model")),
        new_test_files=tuple(
            path
            for path in (*found.added, *found.changed)
            if path not in by_file and is_test_module(path, policy)
        )[: policy.max_changed_files],
    )


def _seconds(text: str | None) -> float | None:
    return None if text is None else min(max(float(text), 0.0), 3600.0)


def _facts(connection: sqlite3.Connection, tests: set[int]) -> dict[int, TestFact]:
    """The facts of some tests, in the order in which they ran."""
    few = sorted(tests) if len(tests) < _FEW else None
    if few is None:
        rows = (r for r in connection.execute(_FACTS + " ORDER BY id") if r[0] in tests)
    else:
        rows = (r for number in few for r in connection.execute(_FACTS + " WHERE id = ?", (number,)))
    return {number: TestFact(nodeid, file, seconds) for number, nodeid, file, seconds in rows}


def _untracked(connection: sqlite3.Connection) -> list[Touched]:
    """Tests in files that git did not track when they were recorded: what changes in them is unseen."""
    found: dict[str, list[int]] = {}
    for number, path in connection.execute(
        "SELECT t.id, t.file FROM file f JOIN test t ON t.file = f.path "
        "WHERE f.blob = 'untracked' ORDER BY t.id"
    ):
        found.setdefault(path, []).append(number)
    return [
        Touched(
            code="untracked",
            path=path,
            text=f"{path} holds the test and was not tracked by git, so its changes are unseen",
            tests=tuple(tests),
        )
        for path, tests in sorted(found.items())
    ]


def _together(
    connection: sqlite3.Connection, changed: Iterable[str], together: Sequence[frozenset[str]]
) -> list[Touched]:
    """Tests whose file changed in two commits or more with a changed file, and in a tenth of its commits."""
    of_file: dict[str, list[int]] = {}
    for number, file in connection.execute("SELECT id, file FROM test"):
        of_file.setdefault(file, []).append(number)
    found = []
    for path in changed:
        commits = [paths for paths in together if path in paths]
        for file in sorted({other for paths in commits for other in paths if other in of_file} - {path}):
            times = sum(file in paths for paths in commits)
            if times >= 2 and times * 10 >= len(commits):
                text = f"{path} changed together with {file} in {times} of its last {len(commits)} commits"
                tests = tuple(sorted(of_file[file]))
                found.append(Touched(code="together", path=path, text=text, tests=tests))
    return found


def is_test_module(path: str, policy: Selection) -> bool:
    """Whether pytest takes the file for a module of tests by its name, and the policy does by its path."""
    return bool(first_match(path, TEST_MODULES) and first_match(path, policy.test_paths))


def full_paths(
    settings: Settings, suites: Mapping[str, SuiteFact], known: Iterable[str], head: Mapping[str, str]
) -> tuple[str, ...]:
    """Paths below which every test lies: those of the suite ``full`` (of all, where there is none), and the
    folders of known test files beside them. Empty where nothing is known."""
    names = [FULL] if FULL in settings.suites else sorted(settings.suites)
    paths = [
        path
        for name in names
        if not settings.suites[name].command
        for path in suites.get(name, SuiteFact()).paths
    ]
    outside = {file for file in known if not below(file, paths)}
    folders = {file.rpartition("/")[0] for file in outside} - {""}
    top = {file for file in outside if "/" not in file}
    if top:
        # The root itself may hold what is no test of this project, so its modules are named one by one.
        top |= {path for path in head if "/" not in path and first_match(path, TEST_MODULES)}
    every = [*dict.fromkeys([*paths, *sorted(folders), *sorted(top)])]
    return tuple(p for p in every if not any(p != other and below(p, [other]) for other in every))


def _pairs(connection: sqlite3.Connection) -> tuple[tuple[str, str], ...]:
    rows: list[Any] = connection.execute(
        "SELECT code, text FROM trouble ORDER BY code, text LIMIT 20"
    ).fetchall()
    return tuple((str(code), str(text)) for code, text in rows)


def suite_facts(
    settings: Settings, head: Mapping[str, str], by_file: Mapping[str, tuple[int, float]]
) -> dict[str, SuiteFact]:
    """Per suite: which of its test paths the head has, and the tests and seconds recorded below them.

    ``by_file`` is path → (tests, their seconds).
    """
    folders = {path.rsplit("/", i + 1)[0] for path in head for i in range(path.count("/"))}
    found = {}
    for name, suite in settings.suites.items():
        paths = tuple(p for p in suite.tests if p in head or p.rstrip("/") in folders or p == ".")
        roots = tuple(path.rstrip("/") + "/" for path in paths)
        inside = [v for f, v in by_file.items() if f in paths or f.startswith(roots) or "." in paths]
        found[name] = SuiteFact(
            paths=paths,
            tests=sum(number for number, _ in inside),
            seconds=round(sum(seconds for _, seconds in inside), 3),
        )
    return found
