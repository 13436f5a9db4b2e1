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
its file of tests in SIGNALBOX_TESTS and leaves its reports (JUnit XML, coverage, SARIF) in the folder that
SIGNALBOX_RESULTS names. Commands that leave none count as one test each, passed or failed by exit code. The
exit code is 1 when anything failed, in every mode: these are the caller's tests, not a decision of ours.
"""


def run(context: Context) -> Result:
    """Check the plan's file, run everything, say what failed."""
    import subprocess

    shard = _shard(context.args.shard)
    tests = _tests(Path(context.args.plan), shard)
    results = Path(context.args.results).absolute() / shard["artifact"]
    results.mkdir(parents=True, exist_ok=True)
    environ = _environ(context.environ) | {
        "SIGNALBOX_TESTS": str(tests),
        "SIGNALBOX_RESULTS": str(results),
    }
    outcome: list[tuple[str, int]] = []

    def start(name: str, command: list[str]) -> None:
        context.say(f"running {name}")
        try:
            code = subprocess.run(command, cwd=context.repo, env=environ, check=False).returncode
        except OSError as error:
            raise InputError("this cannot be started", where=command[0], why=str(error)) from None
        outcome.append((name, code))

    if shard["tests"]:
        pytest = [context.args.python, "-m", "pytest", f"@{tests}", f"--junitxml={results / 'junit.xml'}"]
        start("pytest", pytest)
    before = set(results.iterdir())
    for number, command in enumerate(shard["commands"], 1):
        start(f"command {number}: {command}", ["bash", "-euo", "pipefail", "-c", command])
    if shard["commands"] and set(results.iterdir()) == before:
        _report(results, [code for name, code in outcome if name != "pytest"])
    failed = [f"{name} ended with {code}" for name, code in outcome if code]
    text = "; ".join(failed) or f"{len(outcome)} passed"
    outputs = {"results": str(results), "failed": str(len(failed))}
    return Result(text=text, outputs=outputs, exit=DENIES if failed else PERMITS)


def _shard(text: str) -> dict[str, Any]:
    """One entry of the matrix; its names become paths, so they are held to their form."""
    import re

    forms = {"artifact": r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", "file": r"shard-[0-9]{1,4}\.txt"}
    forms["sha256"] = r"[0-9a-f]{64}"
    try:
        shard = json.loads(text)
        good = all(re.fullmatch(form, shard[key]) for key, form in forms.items())
        good = good and isinstance(shard["tests"], int) and all(isinstance(c, str) for c in shard["commands"])
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise InputError("this is no entry of plan_concurrency.py's matrix", where="--shard", why=text[:200])
    return dict(shard)


def _tests(plan: Path, shard: Mapping[str, Any]) -> Path:
    """The shard's file of tests, whose digest must be the planned one."""
    from signalbox.decision import sha256_hex
    from signalbox.files import read_limited

    path = (plan / str(shard["file"])).absolute()
    if sha256_hex(read_limited(path, 1 << 26, "file of tests")) != shard["sha256"]:
        raise InputError("this is not the file of tests that was planned", where=str(path))
    return path


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
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
