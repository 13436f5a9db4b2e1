"""Run one shard of a plan: pytest on its file of tests, and its suites' commands, keeping their reports."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalbox.cli import DENIES, PERMITS, Command, Context, Result
from signalbox.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLES = """
examples:
  run_shard.py --shard "$(jq -c '.include[0]' shards/shards.json)" --plan shards --results results

Pytest is the caller's own (python -m pytest, found on PATH; --python names another). A suite's command finds
its tests, one a line, in the file that SIGNALBOX_TESTS names, and leaves its reports (JUnit XML, coverage,
SARIF) in the folder that SIGNALBOX_RESULTS names. Commands that leave none count as one test each, passed or
failed by exit code. The exit code is 1 when anything failed, in every mode: these are the caller's tests, not
a decision of ours. With --index the run of pytest is recorded as index_tests.py does it.
"""
# What pytest loads in a shard that takes whole paths, parts of which run on other shards.
_ELSEWHERE = """\
import json
import os

with open(os.environ["SIGNALBOX_ELSEWHERE"], encoding="utf-8") as file:
    _other = json.load(file)
_files = {os.path.abspath(name) for name in _other["files"]}
_functions = set(_other["functions"])


def pytest_ignore_collect(collection_path):
    if str(collection_path) in _files:
        return True


def pytest_collection_modifyitems(config, items):
    kept, gone = [], []
    for item in items:
        elsewhere = item.nodeid in _functions or item.nodeid.partition("[")[0] in _functions
        (gone if elsewhere else kept).append(item)
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = kept
"""


def run(context: Context) -> Result:
    """Check the plan's files, run everything, say what failed."""
    import subprocess
    import tempfile

    shard = _shard(context.args.shard)
    plan = Path(context.args.plan)
    tests = _planned(plan, shard["file"], shard["sha256"])
    more = _more(_planned(plan, shard["more"], shard["more-sha256"]))
    results = Path(context.args.results).absolute() / shard["artifact"]
    results.mkdir(parents=True, exist_ok=True)
    outcome: list[tuple[str, int]] = []
    environ = _environ(context.environ) | {"SIGNALBOX_RESULTS": str(results)}
    with tempfile.TemporaryDirectory(prefix="signalbox-shard-") as place:
        folder = Path(place)
        if shard["tests"]:
            context.say("running pytest")
            command = [
                context.args.python,
                "-m",
                "pytest",
                f"@{tests}",
                f"--junitxml={results / 'junit.xml'}",
            ]
            given = environ | {"SIGNALBOX_TESTS": str(tests)}
            if more["files"] or more["functions"]:
                command += ["-p", "signalbox_elsewhere"]
                given |= _elsewhere(folder, more, given)
            outcome.append(("pytest", _pytest(context, command, given)))
        before = set(results.iterdir())
        for number, each in enumerate(more["commands"], 1):
            name = f"command {number}: {each['command']}"
            context.say(f"running {name}")
            listed = folder / f"tests-{number}.txt"
            listed.write_text("".join(f"{test}\n" for test in each["tests"]), "utf-8", "backslashreplace")
            given = environ | {"SIGNALBOX_TESTS": str(listed)}
            command = ["bash", "-euo", "pipefail", "-c", each["command"]]
            code = subprocess.run(command, cwd=context.repo, env=given, check=False).returncode
            outcome.append((name, code))
        if more["commands"] and set(results.iterdir()) == before:
            _report(results, [code for name, code in outcome if name != "pytest"])
    failed = [f"{name} ended with {code}" for name, code in outcome if code]
    text = "; ".join(failed) or f"{len(outcome)} passed"
    outputs = {"results": str(results), "failed": str(len(failed))}
    return Result(text=text, outputs=outputs, exit=DENIES if failed else PERMITS)


def _pytest(context: Context, command: list[str], environ: dict[str, str]) -> int:
    """Run pytest, recording the index where one is wanted; its exit code."""
    import subprocess

    if not context.args.index:
        try:
            return subprocess.run(command, cwd=context.repo, env=environ, check=False).returncode
        except OSError as error:
            raise InputError("this cannot be started", where=command[0], why=str(error)) from None
    from signalbox.change import worktree
    from signalbox.selection.build import build_index
    from signalbox.selection.suite import plugin_folder, record_suite

    target = Path(context.args.index).absolute()
    root, commit, tracked = worktree(context.repo)
    with_plugin = {"plugin": plugin_folder(Path(__file__).parent), "probes": target.with_name("probes")}
    code, recording, beside = record_suite(
        command, cwd=context.repo, root=root, environ=environ, **with_plugin
    )
    if not recording.tests:
        # The shard's own result stands; a shard without an index is missed when they are united.
        context.say("the run recorded no test, so this shard has no index")
        return code
    build_index(
        recording,
        target,
        commit=commit,
        tracked=tracked,
        root=root,
        environ=environ,
        recorded_at=context.stamp.at,
        exit_code=code,
        collect_seconds=beside,
    )
    return code


def _shard(text: str) -> dict[str, Any]:
    """One entry of the matrix; its names become paths, so they are held to their form."""
    import re

    forms = {"artifact": r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", "file": r"shard-[0-9]{1,4}\.txt"}
    forms |= {"sha256": r"[0-9a-f]{64}", "more": r"shard-[0-9]{1,4}\.json", "more-sha256": r"[0-9a-f]{64}"}
    try:
        shard = json.loads(text)
        good = all(re.fullmatch(form, shard[key]) for key, form in forms.items())
        good = good and isinstance(shard["tests"], int)
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise InputError("this is no entry of plan_concurrency.py's matrix", where="--shard", why=text[:200])
    return dict(shard)


def _planned(plan: Path, name: str, sha256: str) -> Path:
    """A file of the plan, whose digest must be the planned one."""
    from signalbox.decision import sha256_hex
    from signalbox.files import read_limited

    path = (plan / name).absolute()
    if sha256_hex(read_limited(path, 1 << 26, "file of tests")) != sha256:
        raise InputError("this is not the file of tests that was planned", where=str(path))
    return path


def _more(path: Path) -> dict[str, Any]:
    """What the shard runs beside its file of tests; its digest was checked, so it is in form."""
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def _elsewhere(folder: Path, more: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which pytest leaves out what other shards run."""
    (folder / "signalbox_elsewhere.py").write_text(_ELSEWHERE)
    listed = folder / "elsewhere.json"
    listed.write_text(json.dumps({"files": more["files"], "functions": more["functions"]}))
    path = [*filter(None, [environ.get("PYTHONPATH")]), str(folder)]
    return {"PYTHONPATH": os.pathsep.join(path), "SIGNALBOX_ELSEWHERE": str(listed)}


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The job's environment without our own options and without the token, which tests have no use for."""
    dropped = ("SIGNALBOX_", "GITHUB_TOKEN", "ACTIONS_")
    return {name: value for name, value in environ.items() if not name.startswith(dropped)}


def _report(results: Path, codes: list[int]) -> None:
    from signalbox.files import write_atomic

    failed = sum(bool(code) for code in codes)
    counts = {"total": len(codes), "passed": len(codes) - failed, "failed": failed, "skipped": 0}
    write_atomic(results / "commands.json", json.dumps(counts).encode())


def main() -> int:
    """Entry point."""
    # The caller's failing tests fail the job in every mode: nothing of ours is being tried out here.
    environ = {**os.environ, "SIGNALBOX_MODE": "enforce", "SIGNALBOX_FAIL_ON": "block"}
    command = Command("run_shard", __doc__ or "", epilog=EXAMPLES, environ=environ)
    command.option("--shard", metavar="JSON", help="the shard's entry of the matrix")
    command.option("--plan", metavar="DIR", help="the folder with its file of tests")
    command.option("--results", metavar="DIR", help="where reports go, in a folder named by the artifact")
    command.option("--python", default="python", metavar="PROGRAM", help="the interpreter that has pytest")
    command.option("--index", metavar="FILE", help="record the run of pytest and write its impact index here")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
