"""Run a pytest suite once and record, per test, what it depends on: the impact index for select_tests.py."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import Command, Context, Result
from signalbox.errors import InputError

if TYPE_CHECKING:
    from signalbox.selection.recording import Recording

EXAMPLES = """
examples:
  index_tests.py --index .signalbox/index.sqlite -- pytest
  index_tests.py --index index.sqlite -- python3.12 -m pytest -n 4 tests/unit
  index_tests.py --index index.sqlite --coverage coverage --junit junit      coverage/unit.info, junit/*.xml
  index_tests.py --index index.sqlite --graph graph.json      {"depends": {"a": ["b"]}, "tests": ["a"]}
  index_tests.py --merge shard-1.sqlite shard-2.sqlite --index index.sqlite

Reports and graphs are weaker than a recording, and each plan that rests on them says so (docs/selection.md).
The suite runs in its own interpreter, which needs pytest 7 to 9 on Python 3.9 or later and nothing else:
the plugin is put on its path for this run. The exit code is the suite's, and 2 when there is no index.
"""

_LIMIT, _MOST_REPORTS = 128_000_000, 5000


def run(context: Context) -> Result:
    """Run the command with the plugin, read what it recorded, write the index."""
    from signalbox.change import worktree
    from signalbox.selection.suite import plugin_folder, record_suite

    command = context.args.command
    if context.args.merge:
        return _merged(context)
    if context.args.coverage or context.args.graph:
        return _weaker(context)
    if not command:
        raise InputError("there is no command to record", where="--", fix="Give one: -- pytest tests")
    target = _target(context)
    probes = Path(context.args.cache).absolute() if context.args.cache else None
    root, commit, tracked = worktree(context.repo)
    code, recording, beside = record_suite(
        command,
        cwd=context.repo,
        root=root,
        environ=context.environ,
        plugin=plugin_folder(Path(__file__).parent),
        probes=probes or target.with_name(target.name + ".probes"),
    )
    if not recording.tests:
        raise InputError(
            "the run recorded no test, so no index is written",
            why=f"the command ended with {code}",
            fix="Run it without index_tests.py first; it must be pytest, and must not clear PYTHONPATH.",
        )
    return _written(context, recording, target, root, commit, tracked, code, beside)


def _target(context: Context) -> Path:
    if not context.args.index:
        raise InputError("there is no file to write the index to", where="--index", fix="Give one.")
    return Path(context.args.index).absolute()


def _merged(context: Context) -> Result:
    """One index from those of a run's shards."""
    from signalbox.selection.merge import merge_indexes

    given = context.args.merge
    names = given.split("\n") if isinstance(given, str) else given
    if context.args.command:
        raise InputError(
            "--merge takes indexes and no command", where="--merge", fix="Leave one of them out."
        )
    target = _target(context)
    found = _named([Path(name.strip()) for name in names if name.strip()])
    expected = context.args.expect
    if expected and str(len(found)) != expected:
        # Tests of a shard that is missing would be unknown, and what is unknown here is skipped there.
        raise InputError(
            "not every shard has left its index",
            where="--merge",
            why=f"{len(found)} of {expected} are here",
            fix="Record again; until then selection goes on with the last index.",
        )
    tests = merge_indexes(found, target)
    return Result(
        text=f"{target}: {tests} tests, merged", exit=0, outputs={"index": str(target), "tests": str(tests)}
    )


def _weaker(context: Context) -> Result:
    """An index without a recording, of a project in any language."""
    import os
    import sqlite3

    from signalbox.change import worktree
    from signalbox.files import read_limited
    from signalbox.selection.other import weak_of_graph, weak_of_reports
    from signalbox.selection.weaker import write_weak

    args = context.args
    if args.command or (args.coverage and args.graph):
        raise InputError(
            "one of a command, --coverage and --graph makes an index", fix="Leave the others out."
        )
    target = _target(context)
    _, commit, tracked = worktree(context.repo)
    settings, at = context.policy.settings, context.stamp.at
    if args.graph:
        data = read_limited(Path(args.graph), _LIMIT, "graph")
        weak = weak_of_graph(tracked, data, settings, commit=commit, recorded_at=at)
    else:
        coverage = _reports(args.coverage, "--coverage", (".info", ".lcov", ".xml"))
        junit = _reports(args.junit, "--junit", (".xml",)) if args.junit else {}
        weak = weak_of_reports(tracked, coverage, junit, settings, commit=commit, recorded_at=at)
    temporary = target.with_name(f".{target.name}.{context.stamp.id}.tmp")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = sqlite3.connect(temporary)
        try:
            write_weak(connection, weak, "")
        finally:
            connection.close()
        os.replace(temporary, target)  # noqa: PTH105  the same call for both kinds of path
    finally:
        temporary.unlink(missing_ok=True)
    text = f"{target}: {len(weak.tests)} tests by {weak.evidence}, {len(weak.unknown)} of them always run"
    return Result(text=text, exit=0, outputs={"index": str(target), "tests": str(len(weak.tests))})


def _reports(folder: str, option: str, suffixes: tuple[str, ...]) -> dict[str, bytes]:
    """Name below the folder → content of every report; `InputError` where there is none."""
    from signalbox.files import read_limited

    root = Path(folder)
    paths = (
        sorted(p for p in root.rglob("*") if p.suffix in suffixes and p.is_file()) if root.is_dir() else []
    )
    if not paths or len(paths) > _MOST_REPORTS:
        raise InputError(f"{len(paths) or 'no'} reports are in this folder", where=f"{option} {folder}")
    return {path.relative_to(root).as_posix(): read_limited(path, _LIMIT, "report") for path in paths}


def _named(given: list[Path]) -> list[Path]:
    """The indexes that are named, and all that lie below a named folder."""
    found: list[Path] = []
    for path in given:
        found += sorted(path.rglob("*.sqlite")) if path.is_dir() else [path]
    return found


def _written(
    context: Context,
    recording: Recording,
    target: Path,
    root: Path,
    commit: str,
    tracked: Mapping[str, str],
    code: int,
    beside: float | None,
) -> Result:
    from signalbox.change import read_outcomes
    from signalbox.selection.build import build_index

    outcomes = read_outcomes(root, commit)
    model = None
    if outcomes:
        from signalbox.selection.risk_model import retrained

        model = retrained(outcomes, "this repository's history")
    built = build_index(
        recording,
        target,
        commit=commit,
        tracked=tracked,
        root=root,
        environ=context.environ,
        recorded_at=context.stamp.at,
        exit_code=code,
        collect_seconds=beside,
        risk_model=model,
    )
    lines = [
        f"{target}: {built.tests} tests, {built.files} files with probes, {built.bytes // 1024} KiB "
        f"({built.bytes // max(built.tests, 1)} bytes a test), commit {commit[:12]}, Python {built.python}"
    ]
    if built.troubles:
        lines.append(f"{len(built.troubles)} troubles; selection widens for them:")
        lines += [f"  {name}: {text}" for name, text in built.troubles[:20]]
    if code:
        lines.append(f"the suite ended with {code}; tests that failed are always selected")
    return Result(text="\n".join(lines), exit=code, outputs={"index": str(target), "tests": str(built.tests)})


def main() -> int:
    """Entry point."""
    command = Command("index_tests", __doc__ or "", epilog=EXAMPLES)
    command.option("--index", metavar="FILE", help="the SQLite file to write")
    command.option("--cache", metavar="DIR", help="rewritten code is kept there (default: FILE.probes)")
    command.option(
        "--merge",
        nargs="+",
        metavar="FILE",
        help="instead of recording, unite these indexes of one commit, or all that lie in these folders",
    )
    command.option(
        "--coverage", metavar="DIR", help="instead of recording: reports of covered files, named by suite"
    )
    command.option(
        "--junit", metavar="DIR", help="with --coverage: JUnit reports, for durations and failures"
    )
    command.option("--graph", metavar="FILE", help="instead of recording: JSON, which file depends on which")
    command.option("--expect", metavar="N", help="with --merge: so many indexes must be there")
    command.positional("command", nargs="*", metavar="-- COMMAND", help="the suite, as you run it")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
