"""How many small faults in the deciding rooms do the tests notice? A sampled score with its interval.

usage: mutation.py [--rooms decision stats promotion gates judge] [--sample N] [--seed N] [--survivors]

A mutant is one change of the code: a comparison, a boolean operator, a condition negated, an operator of
arithmetic, a number, a truth value. For each, exactly those unit tests run that execute its line; a mutant
that no test reaches counts as survived. It runs in a process of its own that is ended after four minutes,
which counts as noticed. Printed are the share noticed, by room, and its 95 % interval (Clopper-Pearson).
Nothing on disk is changed: the mutated module is compiled in memory.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import dataclasses
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "scripts" / "signalbox"
LIMIT_SECONDS = 240
ROOMS = {
    "decision": ["decision"],
    "stats": ["stats"],
    "promotion": ["promotion"],
    "gates": ["gates"],
    "judge": ["rollout/judge.py", "rollout/assess.py", "rollout/decide.py", "rollout/forecast.py"],
}
# Tests of the integration lane that ask a room in this process, and are quick.
BESIDE = {"gates": ["tests/integration/test_gates_rows.py"]}
# Tables, pages and transport beside the decisions: a different number there is no wrong decision.
SHOWN = {"gates/page.py", "gates/show.py", "gates/options.py", "gates/tell.py", "promotion/report.py"}

COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Add,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: in which file, at which node of its tree, counted in walking order."""

    room: str
    path: Path
    node: int
    line: int
    what: str


def modules(room: str) -> list[Path]:
    """The files of a room."""
    found: list[Path] = []
    for name in ROOMS[room]:
        place = LIBRARY / name
        found += sorted(place.glob("*.py")) if place.is_dir() else [place]
    return [path for path in found if str(path.relative_to(LIBRARY)) not in SHOWN]


def change(node: ast.AST) -> str:
    """Mutate ``node`` in place and say how; empty where nothing of it is mutated."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARE:
        before = type(node.ops[0])
        node.ops[0] = COMPARE[before]()
        return f"{before.__name__} to {COMPARE[before].__name__}"
    if isinstance(node, ast.BoolOp):
        before_op = type(node.op).__name__
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return f"{before_op} to {type(node.op).__name__}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node.op = ast.UAdd()
        node.operand = ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])
        return "not dropped"
    if isinstance(node, (ast.If, ast.IfExp, ast.While)) and not isinstance(
        node.test, (ast.Compare, ast.BoolOp)
    ):
        node.test = ast.UnaryOp(ast.Not(), node.test)
        return "condition negated"
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in ARITHMETIC:
        text = isinstance(node, ast.BinOp) and any(
            isinstance(side, (ast.Constant, ast.JoinedStr))
            and not isinstance(getattr(side, "value", 0), (int, float))
            for side in (node.left, node.right)
        )
        if text:
            return ""
        name = type(node.op).__name__
        node.op = ARITHMETIC[type(node.op)]()
        return f"{name} to {type(node.op).__name__}"
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            node.value = not node.value
            return f"{not node.value} to {node.value}"
        if isinstance(node.value, (int, float)):
            before_number = node.value
            node.value = node.value + 1
            return f"{before_number} to {node.value}"
    return ""


def _left_alone(tree: ast.AST) -> set[int]:
    """Nodes whose change means nothing at run time: annotations, what is only typed, keyword-only flags."""
    skipped: set[int] = set()

    def drop(node: ast.AST | None) -> None:
        if node is not None:
            skipped.update(id(inner) for inner in ast.walk(node))

    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            drop(node.returns)
            for one in (*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs):
                drop(one.annotation)
        elif isinstance(node, ast.AnnAssign):
            drop(node.annotation)
        elif isinstance(node, ast.ClassDef):
            for keyword in node.keywords:
                drop(keyword)
        elif isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            drop(node)
        elif isinstance(node, ast.Call):
            # Lengths and shapes of what people read are no decision.
            if any(
                getattr(node.func, name, "") in ("InputError", "Gap", "Text", "Table")
                for name in ("id", "attr")
            ):
                drop(node)
        elif isinstance(node, ast.FormattedValue):
            drop(node)
    return skipped


def mutants(room: str) -> list[Mutant]:
    """Every mutant of a room, in a fixed order."""
    found = []
    for path in modules(room):
        tree = ast.parse(path.read_text("utf-8"))
        skipped = _left_alone(tree)
        for number, node in enumerate(ast.walk(tree)):
            if id(node) in skipped:
                continue
            what = change(copy.copy(node)) if not isinstance(node, ast.Compare) else _tried(node)
            if what:
                found.append(Mutant(room, path, number, getattr(node, "lineno", 0), what))
    return found


def _tried(node: ast.Compare) -> str:
    tried = copy.copy(node)
    tried.ops = list(node.ops)
    return change(tried)


def mutated(mutant: Mutant) -> Any:
    """The code object of the mutated module; of the module as it is where ``what`` is empty."""
    if not mutant.what:
        return compile(mutant.path.read_text("utf-8"), str(mutant.path), "exec")
    tree = ast.parse(mutant.path.read_text("utf-8"))
    for number, node in enumerate(ast.walk(tree)):
        if number == mutant.node:
            change(node)
            break
    return compile(ast.fix_missing_locations(tree), str(mutant.path), "exec")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module its mutated code, and leaves all others alone."""

    def __init__(self, name: str, path: Path, code: Any) -> None:
        self.name, self.path, self.code = name, path, code

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self.name:
            return None
        package = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        spec = importlib.util.spec_from_file_location(
            name, self.path, loader=self, submodule_search_locations=package
        )
        return spec

    def exec_module(self, module: Any) -> None:
        exec(self.code, module.__dict__)


def covering(rooms: Sequence[str]) -> dict[str, dict[int, list[str]]]:
    """File → line → tests (file::function) that execute it, from one run of the unit tests of these rooms."""
    kept = ROOT / ".cache" / "mutation"
    kept.mkdir(parents=True, exist_ok=True)
    places = sorted({f"tests/unit/{name.split('/')[0]}" for room in rooms for name in ROOMS[room]})
    places += ["tests/unit/cli/test_replay.py"]
    places += [place for room in rooms for place in BESIDE.get(room, [])]
    settings = kept / "coverage.ini"
    settings.write_text("[run]\nsource = signalbox\ndynamic_context = test_function\n")
    data = kept / "data"
    data.unlink(missing_ok=True)
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", f"--data-file={data}"]
    command += ["-m", "pytest", "-q", "-p", "no:cacheprovider", *places]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"the tests do not pass without a mutant:\n{done.stdout[-2000:]}")
    from coverage import CoverageData

    read = CoverageData(str(data))
    read.read()
    found: dict[str, dict[int, list[str]]] = {}
    for file in read.measured_files():
        lines = read.contexts_by_lineno(file)
        found[file] = {
            line: sorted({_node(name) for name in names if name} - {""}) for line, names in lines.items()
        }
    return found


def reaching(lines: dict[int, list[str]], line: int) -> list[str]:
    """The tests that execute a line; for one that runs at import, those that execute most of its file."""
    if line not in lines or lines[line]:
        return lines.get(line, [])
    counted = Counter(test for tests in lines.values() for test in tests)
    return [test for test, _ in counted.most_common(8)]


def _node(context: str) -> str:
    """``unit.stats.test_x.test_y`` or ``test_x.test_y`` → the function's place as pytest names it."""
    module, _, function = context.rpartition(".")
    name = module.rpartition(".")[2]
    if name.startswith("Test"):
        module, function = module.rpartition(".")[0], f"{name}::{function}"
        name = module.rpartition(".")[2]
    paths = sorted(
        [*(ROOT / "tests" / "unit").rglob(f"{name}.py"), *(ROOT / "tests" / "integration").glob(f"{name}.py")]
    )
    return f"{paths[0].relative_to(ROOT)}::{function}" if paths else ""


def judge(mutant: Mutant, tests: Sequence[str]) -> str:
    """ "killed" or "survived" or "unreached"."""
    if not tests:
        return "unreached"
    pid = os.fork()
    if pid == 0:
        _child(mutant, tests)
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "killed"


def _child(mutant: Mutant, tests: Sequence[str]) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    code = 9
    with contextlib.suppress(BaseException):
        os.chdir(ROOT)
        name = ".".join(["signalbox", *mutant.path.relative_to(LIBRARY).with_suffix("").parts])
        name = name.removesuffix(".__init__")
        sys.meta_path.insert(0, _Finder(name, mutant.path, mutated(mutant)))
        import pytest

        # Warnings are errors, and what was imported before the fork is one to pytest.
        quiet = ["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        code = int(pytest.main([*quiet, *tests]))
    os._exit(code)


def interval(good: int, total: int) -> tuple[float, float]:
    """Clopper-Pearson, 95 %."""
    from scipy.stats import beta

    low = beta.ppf(0.025, good, total - good + 1) if good else 0.0
    high = beta.ppf(0.975, good + 1, total - good) if good < total else 1.0
    return float(low), float(high)


def sample(rooms: Sequence[str], size: int, seed: int) -> Iterator[tuple[str, int, list[Mutant]]]:
    """For each room how many mutants there are, and a share of the sample by its size (at least 30)."""
    every = {room: mutants(room) for room in rooms}
    total = sum(map(len, every.values()))
    for room, all_of_it in every.items():
        wanted = min(len(all_of_it), max(30, round(size * len(all_of_it) / total)))
        yield room, len(all_of_it), random.Random(seed).sample(all_of_it, wanted)


def main() -> int:
    """Sample, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rooms", nargs="+", choices=list(ROOMS), default=list(ROOMS))
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--survivors", action="store_true", help="name each mutant that nobody noticed")
    parser.add_argument("--least", type=float, default=0.0, help="exit 1 when a room's share is below this")
    args = parser.parse_args()
    import hypothesis  # noqa: F401 (imported once, before the forks)
    import pytest  # noqa: F401

    tests = covering(args.rooms)
    results: list[dict[str, Any]] = []
    print(f"{'room':<10} {'mutants':>8} {'tried':>6} {'noticed':>8} {'share':>7}  95 % interval")
    worst = 1.0
    for room, every, chosen in sample(args.rooms, args.sample, args.seed):
        outcomes = []
        # What is noticed where nothing was changed is a fault of this script's.
        for one in chosen[:3]:
            unchanged = dataclasses.replace(one, what="")
            reached = reaching(tests.get(str(one.path), {}), one.line)
            if reached and judge(unchanged, reached) != "survived":
                sys.exit(
                    f"without a mutant the tests of {one.path}:{one.line} fail in a process of their own"
                )
        for mutant in chosen:
            outcome = judge(mutant, reaching(tests.get(str(mutant.path), {}), mutant.line))
            outcomes.append(outcome)
            if outcome != "killed" and args.survivors:
                place = f"{mutant.path.relative_to(LIBRARY)}:{mutant.line}"
                print(f"   {outcome:<10} {place:<34} {mutant.what}", flush=True)
        noticed = outcomes.count("killed")
        low, high = interval(noticed, len(outcomes))
        share = noticed / len(outcomes)
        worst = min(worst, share)
        print(
            f"{room:<10} {every:>8} {len(outcomes):>6} {noticed:>8} {share:>7.1%}  {low:.1%} to {high:.1%}",
            flush=True,
        )
        results.append({"figure": f"mutation score of {room}", "value": round(share, 4), "unit": "share",
                        "low": round(low, 4), "high": round(high, 4), "n": len(outcomes), "peers": {},
                        "seed": args.seed, "command": "make mutation"})  # fmt: skip
    out = ROOT / ".cache" / "mutation" / "result.json"
    out.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if worst < args.least else 0


if __name__ == "__main__":
    sys.exit(main())
