"""Say how many runners are worth their price, and which tests and builds run on each."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalbox.cli import Command, Context, Result
from signalbox.errors import InputError

if TYPE_CHECKING:
    from signalbox.concurrency.decide import QueueFact

EXAMPLES = """
examples:
  select_tests.py --index index.sqlite --out plan.json
  plan_concurrency.py --plan plan.json --history index.sqlite --shards-out shards
  plan_concurrency.py --plan plan.json --queue github:owner/name
  plan_concurrency.py                       only the build, from modules: in the policy
"""
_LIMIT = 200_000_000


def run(context: Context) -> Result:
    """Read the plan, the durations and the queue, decide, and write one file of arguments per shard."""
    from signalbox.concurrency.decide import Inputs, ModuleWork, decide, shards_of
    from signalbox.concurrency.learned import durations as timed
    from signalbox.concurrency.learned import history, learn
    from signalbox.concurrency.shards import shards
    from signalbox.concurrency.show import blocks
    from signalbox.concurrency.work import work_of
    from signalbox.decision import canonical, sha256_hex
    from signalbox.files import write_atomic

    settings = context.policy.settings
    max_runners = _runners(context.args.max_runners)
    problems: list[tuple[str, str]] = []
    durations, collect = _history(context.args.history, problems)
    plan = _plan(context.args.plan)
    minutes = {name: suite.minutes for name, suite in settings.suites.items()}
    told = _told(context)
    learned = learn(history(told))
    durations = timed(durations, told, learned.factor)
    asked = work_of(plan, durations, max_runners or settings.concurrency.max_runners, minutes)
    if len(settings.modules) > 256:
        raise InputError(
            "a matrix holds at most 256 modules", where="modules", fix="Build some of them together."
        )
    inputs = Inputs(
        subject=context.subject(commit=_commit(context.args.sha or context.environ.get("GITHUB_SHA", ""))),
        work=asked.work,
        rest=asked.rest,
        full=bool(plan.get("full_suite")),
        collect_seconds=collect,
        modules=tuple(
            ModuleWork(
                name=name, command=module.command or f"make build MODULE={name}", minutes=module.minutes
            )
            for name, module in settings.modules.items()
        ),
        queue=_queue(context),
        learned=learned,
        max_runners=max_runners,
        plan=Path(context.args.plan).name if context.args.plan else "",
        history=Path(context.args.history).name if context.args.history else "",
        problems=tuple(problems),
    )
    decision = decide(inputs, settings, context.policy.ref, context.stamp)
    matrix, build = decision.outputs["matrix"], decision.outputs["concurrency_matrix"]
    outputs = {}
    if context.args.shards_out:
        files = {}
        for number, shard in enumerate(shards(shards_of(inputs, settings, decision), inputs.rest), 1):
            lines = "".join(f"{line}\n" for line in shard.tests)
            files[f"shard-{number}.txt"] = lines.encode("utf-8", "backslashreplace")
            files[f"shard-{number}.json"] = canonical(shard)
        matrix = named(matrix, files, inputs.subject.commit)
        files["shards.json"] = canonical(matrix)
        for name, data in files.items():
            write_atomic(Path(context.args.shards_out) / name, data)
        outputs["shards-sha256"] = sha256_hex(files["shards.json"])
    if context.args.metrics_out:
        from signalbox.concurrency.metrics import exposition

        write_atomic(Path(context.args.metrics_out), exposition(decision).encode())
    outputs |= {
        "runner": settings.concurrency.runner,
        "matrix": json.dumps(matrix, separators=(",", ":")),
        "concurrency_matrix": json.dumps(build, separators=(",", ":")),
        "runners": str(decision.outputs["runners"]),
        "builds": str(len(build["include"])),
        "pytest": str(any(entry["tests"] for entry in matrix["include"])).lower(),
    }
    return Result(decision=decision, inputs=inputs, blocks=blocks(inputs, decision), outputs=outputs)


def _told(context: Context) -> list[dict[str, Any]]:
    """What the ledger holds of what came of runs; nothing of what a fork's run wrote."""
    from signalbox.ledger import open_ledger

    url = context.args.ledger or context.policy.settings.ledger.url
    ledger = open_ledger(url, repo=context.repo) if url else None
    if ledger is None or not ledger.exists():
        return []
    return [entry.data for entry in ledger.outcomes().entries if entry.trusted]


def named(matrix: dict[str, Any], files: Mapping[str, bytes], commit: str) -> dict[str, Any]:
    """The matrix with, for each shard, the artifact that it will leave and the sha256 of its files.

    The names say which shard of how many for which commit, so that score_artifact.py misses none.
    """
    from signalbox.decision import sha256_hex

    rows = []
    for entry in matrix["include"]:
        artifact = f"signalbox-results-tests-{entry['shard']}-of-{entry['shards']}-{commit}".rstrip("-")
        digests = {
            "sha256": sha256_hex(files[entry["file"]]),
            "more-sha256": sha256_hex(files[entry["more"]]),
        }
        rows.append({**entry, "artifact": artifact, **digests})
    return {"include": rows}


def _runners(given: str) -> int | None:
    if not given:
        return None
    if not given.isdecimal() or not 1 <= int(given) <= 256:
        raise InputError(f"{given!r} is not a number of runners", where="--max-runners", fix="Give 1 to 256.")
    return int(given)


def _commit(given: str) -> str:
    if given and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", given):
        raise InputError("this is not a full commit id", where="--sha", why=repr(given[:80]))
    return given


def _plan(name: str) -> dict[str, Any]:
    """The test plan inside a decision that select_tests.py wrote with --out; empty without one."""
    from signalbox.files import read_limited

    if not name:
        return {}
    try:
        decision = json.loads(read_limited(Path(name), _LIMIT, "test plan"))
        plan = decision["outputs"]["test_plan"]
        if decision["kind"] != "test-plan" or not isinstance(plan, dict):
            raise ValueError("it is a decision of another kind")
        return plan
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "this is not a test plan", where=name, why=str(error), fix="Write one with select_tests.py --out."
        ) from None


def _history(name: str, problems: list[tuple[str, str]]) -> tuple[dict[str, float], float | None]:
    """Node id → seconds, from an impact index or a JSON object; without it, every duration is unknown.

    With them the seconds that pytest took beside its tests, where the index knows.
    """
    if not name:
        return {}, None
    path = Path(name)
    if not path.exists():
        problems.append(("no-history-file", f"there is no history at {path.name} yet"))
        return {}, None
    try:
        with path.open("rb") as file:
            sqlite = file.read(16).startswith(b"SQLite format 3")
        if sqlite:
            from signalbox.selection.schema import open_index

            connection = open_index(path)
            try:
                rows = connection.execute("SELECT nodeid, seconds FROM test").fetchall()
                collect = connection.execute(
                    "SELECT value FROM meta WHERE key = 'collect_seconds'"
                ).fetchone()
                known = {str(k): float(v) for k, v in rows if 0 <= float(v) < 1e6}
                return known, min(max(float(collect[0]), 0.0), 3600.0) if collect else None
            finally:
                connection.close()
        from signalbox.files import read_limited

        found = json.loads(read_limited(path, _LIMIT, "history"))
        return {str(k): float(v) for k, v in found.items() if 0 <= float(v) < 1e6}, None
    except (OSError, ValueError, TypeError, AttributeError, InputError) as error:
        problems.append(("history-unusable", f"the history {path.name} cannot be used: {error}"))
        return {}, None


def _queue(context: Context) -> QueueFact:
    """Jobs that wait, from GitHub or from a URL that answers JSON; not knowing is an answer too."""
    from signalbox.concurrency.decide import QueueFact

    source = context.args.queue
    if not source:
        return QueueFact(problem="no --queue is given")
    if source.startswith("github:"):
        from signalbox.github import GitHub, GitHubError, Unavailable

        try:
            with GitHub.from_environ(context.environ, source.removeprefix("github:")) as client:
                depth = client.queue_depth()
        except GitHubError as error:
            return QueueFact(source=source, problem=str(error))
        if isinstance(depth, Unavailable):
            return QueueFact(source=source, problem=depth.reason)
        return QueueFact(jobs=depth.jobs, source=source)
    from signalbox.concurrency.queue import read_queue

    return read_queue(source)


def main() -> int:
    """Entry point."""
    command = Command("plan_concurrency", __doc__ or "", epilog=EXAMPLES)
    command.option("--plan", metavar="FILE", help="the decision of select_tests.py (its --out)")
    command.option("--history", metavar="FILE", help="durations: an impact index, or JSON {node id: seconds}")
    command.option(
        "--queue", metavar="URL", help="jobs waiting: github:owner/name, or a URL that answers JSON"
    )
    command.option("--max-runners", metavar="N", help="at most so many runners (default: the policy's)")
    command.option(
        "--shards-out", metavar="DIR", help="write one file of pytest arguments per shard, and shards.json"
    )
    command.option(
        "--metrics-out", metavar="FILE", help="write the demand as Prometheus metrics, for KEDA and its like"
    )
    command.option("--sha", metavar="COMMIT", help="the commit the tests will run on (default: the run's)")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
