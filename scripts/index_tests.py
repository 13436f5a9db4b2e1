"""Run a pytest suite once and record, per test, what it depends on: the impact index for select_tests.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from signalbox.cli import Command, Context, Result
from signalbox.errors import InputError

EXAMPLES = """
examples:
  index_tests.py --index .signalbox/index.sqlite -- pytest
  index_tests.py --index index.sqlite -- python3.12 -m pytest -n 4 tests/unit
  index_tests.py --merge shard-1.sqlite shard-2.sqlite --index index.sqlite

The suite runs in its own interpreter, which needs pytest 7 to 9 on Python 3.9 or later and nothing else:
the plugin is put on its path for this run. The exit code is the suite's, and 2 when there is no index.
"""


def run(context: Context) -> Result:
    """Run the command with the plugin, read what it recorded, write the index."""
    import subprocess
    import tempfile

    from signalbox.selection.recording import read_recordings

    command = context.args.command
    if context.args.merge:
        return _merged(context)
    if not command:
        raise InputError("there is no command to record", where="--", fix="Give one: -- pytest tests")
    if not context.args.index:
        raise InputError("there is no file to write the index to", where="--index", fix="Give one.")
    target = Path(context.args.index).absolute()
    probes = (
        Path(context.args.cache).absolute()
        if context.args.cache
        else target.with_name(target.name + ".probes")
    )
    root, commit, tracked = _tracked(context.repo)
    plugin = _plugin()
    with tempfile.TemporaryDirectory(prefix="signalbox-") as folder:
        environ = dict(context.environ)
        environ["PYTHONPATH"] = os.pathsep.join(
            [
                str(plugin),
                *filter(None, [environ.get("PYTHONPATH")]),
                str(plugin / "pytest_signalbox" / "boot"),
            ]
        )
        environ["PYTEST_ADDOPTS"] = f"-p pytest_signalbox {environ.get('PYTEST_ADDOPTS', '')}".strip()
        environ |= {
            "PYTEST_SIGNALBOX_DIR": folder,
            "PYTEST_SIGNALBOX_ROOT": str(root),
            "PYTEST_SIGNALBOX_CACHE": str(probes),
        }
        try:
            code = subprocess.run(command, cwd=context.repo, env=environ, check=False).returncode
        except OSError as error:
            raise InputError("the command cannot be started", where=command[0], why=str(error)) from None
        recording = read_recordings(Path(folder))
    if not recording.tests:
        raise InputError(
            "the run recorded no test, so no index is written",
            why=f"the command ended with {code}",
            fix="Run it without index_tests.py first; it must be pytest, and must not clear PYTHONPATH.",
        )
    return _written(context, recording, target, root, commit, tracked, code)


def _merged(context: Context) -> Result:
    """One index from those of a run's shards."""
    from signalbox.selection.merge import merge_indexes

    given = context.args.merge
    names = given.split("\n") if isinstance(given, str) else given
    if context.args.command or not context.args.index:
        raise InputError(
            "--merge takes indexes and writes one",
            where="--merge",
            fix="--merge A B --index FILE, no command.",
        )
    target = Path(context.args.index).absolute()
    tests = merge_indexes([Path(name.strip()) for name in names if name.strip()], target)
    return Result(
        text=f"{target}: {tests} tests, merged", exit=0, outputs={"index": str(target), "tests": str(tests)}
    )


def _written(
    context: Context,
    recording: object,
    target: Path,
    root: Path,
    commit: str,
    tracked: Mapping[str, str],
    code: int,
) -> Result:
    from signalbox.selection.build import build_index

    def read_file(path: str) -> bytes | None:
        try:
            return (root / path).read_bytes()
        except OSError:
            return None

    built = build_index(
        recording,  # type: ignore[arg-type]
        target,
        commit=commit,
        tracked=tracked,
        read_file=read_file,
        environ=context.environ,
        recorded_at=context.stamp.at,
        exit_code=code,
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


def _tracked(repo: Path) -> tuple[Path, str, dict[str, str]]:
    """Root, commit, and path → blob id of the tracked files as they lie on disk."""
    import hashlib

    from signalbox.change import GitFailed, git, path_text, top

    root = top(repo)
    try:
        commit = git(root, "rev-parse", "--verify", "HEAD").decode("ascii").strip()
    except GitFailed:
        raise InputError("the repository has no commit yet", where=str(root), fix="Commit first.") from None
    found = {}
    for entry in git(root, "ls-files", "-s", "-z").split(b"\0"):
        if entry:
            about, path = entry.split(b"\t", 1)
            found[path_text(path)] = about.split(b" ")[1].decode("ascii")
    for name in git(root, "diff-files", "--name-only", "-z").split(b"\0"):
        if name:
            try:
                data = (root / os.fsdecode(name)).read_bytes()
            except OSError:
                found.pop(path_text(name), None)
                continue
            found[path_text(name)] = hashlib.sha1(
                b"blob %d\0" % len(data) + data, usedforsecurity=False
            ).hexdigest()
    return root, commit, found


def _plugin() -> Path:
    """Where the plugin lies: beside these scripts, in the same checkout."""
    place = Path(__file__).resolve().parent.parent / "plugin" / "src"
    if not (place / "pytest_signalbox" / "__init__.py").is_file():
        raise InputError(
            "the pytest plugin is not where it belongs", where=str(place), fix="Use a whole checkout."
        )
    return place


def main() -> int:
    """Entry point."""
    command = Command("index_tests", __doc__ or "", epilog=EXAMPLES)
    command.option("--index", metavar="FILE", help="the SQLite file to write")
    command.option("--cache", metavar="DIR", help="rewritten code is kept there (default: FILE.probes)")
    command.option(
        "--merge", nargs="+", metavar="FILE", help="instead of recording, unite these indexes of one commit"
    )
    command.positional("command", nargs="*", metavar="-- COMMAND", help="the suite, as you run it")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
