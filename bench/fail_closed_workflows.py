"""The workflows' own gates: jobs that run only if an earlier one said so, and steps that look at results.

Conditions are evaluated by GitHub's own expression library, steps by the shell that runs them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fail_closed import Gate

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "tests" / "node_modules" / "@actions" / "expressions" / "dist"
_STATUS = re.compile(r"\b(?:always|failure|cancelled|success)\(")
Needs = dict[str, dict[str, Any]]


class Expressions:
    """One process of GitHub's evaluator."""

    def __init__(self) -> None:
        # Node comes with the environment.
        node = shutil.which("node") or str(Path(sys.executable).with_name("node"))
        command = [node, str(ROOT / "bench" / "expressions.mjs"), str(LIBRARY)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def evaluate(self, text: str, needs: Needs, inputs: dict[str, Any]) -> tuple[str, bool]:
        """The value of one expression as text, and whether it is true."""
        results = [need["result"] for need in needs.values()]
        status = {
            "success": all(result == "success" for result in results),
            "failure": "failure" in results,
            "cancelled": False,
        }
        github = {"event_name": "push", "ref": "refs/heads/main", "sha": "a" * 40, "repository": "acme/shop"}
        contexts = {"needs": needs, "inputs": inputs, "github": github, "vars": {}, "secrets": {}}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        asked = {"expression": text, "contexts": contexts, "status": status}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        found = json.loads(self.process.stdout.readline())
        return found["text"], found["yes"]

    def fill(self, text: str, needs: Needs, inputs: dict[str, Any]) -> str:
        """``text`` with each expression in it replaced by its value."""
        return re.sub(
            r"\$\{\{(.*?)\}\}", lambda match: self.evaluate(match[1].strip(), needs, inputs)[0], text
        )

    def runs(self, job: dict[str, Any], needs: Needs, inputs: dict[str, Any]) -> bool:
        """Whether GitHub would start this job."""
        text = str(job.get("if", "success()")).strip()
        text = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", text, flags=re.DOTALL).strip()
        if not _STATUS.search(text):
            text = f"success() && ({text})"
        return self.evaluate(text, needs, inputs)[1]


def gates() -> Iterator[Gate]:
    """Every gate of the workflows."""
    expressions = Expressions()
    try:
        yield from _path(expressions)
        yield from _results(expressions)
        yield _door(expressions)
    finally:
        expressions.close()


def _job(workflow: str, name: str) -> dict[str, Any]:
    from workflow_files import read

    found: dict[str, Any] = read(ROOT / ".github" / "workflows" / workflow)["jobs"][name]
    return found


def _need(result: str = "success", **outputs: str) -> dict[str, Any]:
    return {"result": result, "outputs": outputs}


def _broken(good: Needs, which: list[str], permits: Callable[[Needs], bool]) -> dict[str, list[Any]]:
    """Each of ``which`` in turn: its outputs masked; itself skipped, cancelled, failed, out of time."""
    ways: dict[str, list[Any]] = {}
    for name in which:
        if good[name]["outputs"]:
            for value in ("", "***"):
                masked = dict.fromkeys(good[name]["outputs"], value)
                given = good | {name: _need(**masked)}
                ways.setdefault("masked", []).append(partial(permits, given))
            for key in good[name]["outputs"]:
                one = good | {name: _need(**(good[name]["outputs"] | {key: "nonsense"}))}
                ways.setdefault("malformed", []).append(partial(permits, one))
                gone = {k: v for k, v in good[name]["outputs"].items() if k != key}
                ways.setdefault("empty", []).append(partial(permits, good | {name: _need(**gone)}))
        for column, result in (("skipped", "skipped"), ("cancelled", "cancelled"), ("timeout", "failure")):
            ways.setdefault(column, []).append(partial(permits, good | {name: _need(result)}))
    return ways


def _path(expressions: Expressions) -> Iterator[Gate]:
    """path-to-production: review, gate 6 and deployment behind the chosen way, and the choice itself."""
    from fail_closed import Gate

    inputs = {"environment": "production", "traffic": "proxy:http://x", "gate-6-environments": "[]",
              "review-environment": "promotion-review", "mode": "", "gates": ""}  # fmt: skip
    skipped = _need("skipped")
    directly = {"artifact": _need(digest="sha256:x"), "promotion": _need(way="deploy"), "review": skipped,
                "gate-6": _need()}  # fmt: skip
    reviewed = directly | {"promotion": _need(way="review"), "review": _need()}
    for name, good, which in (
        ("deploy", directly, ["promotion", "gate-6"]),
        ("deploy after a review", reviewed, ["promotion", "review", "gate-6"]),
    ):
        job = _job("path-to-production.yml", "deploy")

        def runs(needs: Needs, job: dict[str, Any] = job) -> bool:
            return expressions.runs(job, needs, inputs)

        yield Gate(f"path-to-production: {name}", partial(runs, good), _broken(good, which, runs))

    def reviews(needs: Needs) -> bool:
        return expressions.runs(_job("path-to-production.yml", "review"), needs, inputs)

    asked = {"promotion": _need(way="review")}
    yield Gate("path-to-production: review", partial(reviews, asked), _broken(asked, ["promotion"], reviews))

    decided = {"select": _need(runners="1", builds="1"), "check": _need(), "artifact": _need(),
               "gate-3": _need(), "score": _need(verdict="auto-promote", mode="enforce"),
               "gate-5": _need()}  # fmt: skip
    [step] = [one for one in _job("path-to-production.yml", "promotion")["steps"] if one.get("id") == "way"]

    def chooses(needs: Needs) -> bool:
        code, outputs = _shell(expressions, step, needs, inputs)
        return code == 0 and "way=deploy\n" in outputs

    ways = _broken(decided, ["check", "gate-3", "score", "gate-5"], chooses)
    yield Gate("path-to-production: choose the way", partial(chooses, decided), ways)


def _results(expressions: Expressions) -> Iterator[Gate]:
    """The checks that a ruleset requires: they look at every job's result themselves."""
    from fail_closed import Gate

    for workflow, name, good in (
        (
            "change.yml",
            "result",
            {"select": _need(verdict="full", runners="1", builds="1"), "check": _need()},
        ),
        ("ci.yml", "all-passed", {}),
    ):
        job = _job(workflow, name)
        needs = {one: good.get(one, _need()) for one in job["needs"]}
        [step] = [one for one in job["steps"] if "run" in one]

        def passes(given: Needs, step: dict[str, Any] = step) -> bool:
            return _shell(expressions, step, given, {})[0] == 0

        ways = _broken(needs, list(needs), passes)
        # How many runners there are is no verdict: without it the checks must all the same have passed.
        ways.pop("malformed", None)
        if workflow == "change.yml":
            ways["masked"] = [partial(passes, needs | {"select": _need(verdict="", runners="", builds="")})]
            ways["empty"] = [partial(passes, needs | {"select": _need()})]
        yield Gate(f"{workflow}: {name}", partial(passes, needs), ways)


def _door(expressions: Expressions) -> Gate:
    """dispatch: no capability is called unless the door has named exactly it."""
    from fail_closed import Gate
    from workflow_files import read

    every = read(ROOT / ".github" / "workflows" / "dispatch.yml")["jobs"]
    behind = {name: job for name, job in every.items() if name != "door"}

    def opens(needs: Needs) -> bool:
        return any(expressions.runs(job, needs, {}) for job in behind.values())

    good = {"door": _need(capability="deploy", payload="{}")}
    ways = _broken(good, ["door"], opens)
    # The payload is read by the called workflow, whose inputs check it; here only the name opens anything.
    for column in ("malformed", "empty"):
        ways[column] = [
            partial(opens, {"door": _need(payload="{}", capability=value)}) for value in ("", "x")
        ]
    return Gate("dispatch", partial(opens, good), ways)


def _shell(
    expressions: Expressions, step: dict[str, Any], needs: Needs, inputs: dict[str, Any]
) -> tuple[int, str]:
    """Run one step as GitHub does: bash -e with pipefail, its environment filled in; code and outputs."""
    import os

    given = {name: expressions.fill(str(value), needs, inputs) for name, value in step["env"].items()}
    with tempfile.NamedTemporaryFile("r", suffix=".txt") as outputs:
        environ = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": outputs.name} | given
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        return done.returncode, outputs.read()
