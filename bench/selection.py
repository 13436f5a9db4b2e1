"""Test selection against one-line mutants of published projects, beside pytest-testmon.

For each project a pinned source distribution is fetched, committed, and its suite recorded once. Then seeded
mutants of lines that tests execute are committed one by one; for each the whole suite runs (which tests fail,
which execute the mutated statement) and the plan is made (which tests are selected).

    python bench/selection.py [--projects sqlparse,boltons] [--mutants 20] [--seed 1] [--no-peers]
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parent / "scripts"
CACHE = HERE.parent / ".cache" / "bench"
PROJECTS: dict[str, dict[str, Any]] = {
    "sqlparse": {"release": "sqlparse==0.5.3", "code": "sqlparse", "tests": ["tests"], "needs": []},
    "boltons": {"release": "boltons==25.0.0", "code": "boltons", "tests": ["tests"], "needs": []},
    "marshmallow": {
        "release": "marshmallow==4.0.0",
        "code": "src",
        "tests": ["tests"],
        "needs": ["simplejson"],
    },
    "click": {"release": "click==8.2.1", "code": "src", "tests": ["tests"], "needs": []},
    "jinja": {"release": "jinja2==3.1.6", "code": "src", "tests": ["tests"], "needs": ["markupsafe", "trio"]},
}
FLOOR = """
import atexit, json, os
tests = set()
def hit():
    name = os.environ.get("PYTEST_CURRENT_TEST")
    tests.add(name.rpartition(" (")[0] if name else "")
def write():
    with open(os.environ["FLOOR_OUT"], "w") as file:
        json.dump(sorted(tests), file)
atexit.register(write)
"""
REPORT = """
import json, os, pytest
bad = set()
def pytest_runtest_logreport(report):
    if report.failed:
        bad.add(report.nodeid)
def pytest_collectreport(report):
    if report.failed:
        bad.add("collection:" + report.nodeid)
def pytest_unconfigure(config):
    with open(os.environ["FAILED_OUT"], "w") as file:
        json.dump(sorted(bad), file)
"""


class Bench:
    """One project in a folder of its own, with an environment of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.about = name, PROJECTS[name]
        self.folder = folder / name
        self.repo = self.folder / "repo"
        self.index = self.folder / "index.sqlite"
        self.folder.mkdir(parents=True)
        (self.folder / "_floor.py").write_text(FLOOR)
        (self.folder / "_failed.py").write_text(REPORT)
        self.python = self._environment()
        self._checkout()

    def _environment(self) -> Path:
        place = CACHE / f"env-{self.name}-{sys.version_info[0]}.{sys.version_info[1]}"
        python = place / "bin" / "python"
        if not (place / "ready").exists():
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", place], check=True)
            wanted = ["pytest>=8.2,<9", "pytest-testmon", *self.about["needs"]]
            subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True)
            (place / "ready").touch()
        return python

    def _checkout(self) -> None:
        store = CACHE / "sdists"
        store.mkdir(parents=True, exist_ok=True)
        wanted, _, version = self.about["release"].partition("==")
        if not list(store.glob(f"{wanted}-{version}.tar.gz")):
            subprocess.run(
                [
                    *(self.python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"),
                    *("-d", store, self.about["release"]),
                ],
                check=False,
            )
        (archive,) = store.glob(f"{wanted}-{version}.tar.gz")
        with tarfile.open(archive) as file:
            file.extractall(self.folder, filter="data")
        next(self.folder.glob(f"{wanted}-{version}")).rename(self.repo)
        self.git("init", "-q", "-b", "main")
        (self.repo / ".git" / "info" / "exclude").write_text("__pycache__/\n.pytest_cache/\n.testmondata*\n")
        self.commit("release")

    def git(self, *arguments: str) -> str:
        """Run git in the project."""
        who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.repo, check=True, capture_output=True, text=True
        )
        return done.stdout

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, "--allow-empty")

    def environ(self, **more: str) -> dict[str, str]:
        """An environment without anybody else's settings for Python."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "PYTHON", "SIGNALBOX_"))}
        paths = [str(self.repo / self.about["code"]) if self.about["code"] == "src" else str(self.repo)]
        return (
            kept
            | {"PYTHONPATH": os.pathsep.join([*paths, str(self.folder)]), "PYTHONDONTWRITEBYTECODE": ""}
            | more
        )

    def pytest(self, *arguments: str, **environ: str) -> tuple[float, int]:
        """Run the suite; CPU seconds of it and its exit code."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [
                self.python,
                "-m",
                "pytest",
                "-q",
                "--tb=no",
                "-p",
                "no:testmon",
                *arguments,
                *self.about["tests"],
            ],
            cwd=self.repo,
            env=self.environ(**environ),
            capture_output=True,
            timeout=120,
            check=False,
        )
        return _cpu(before), done.returncode

    def pytest_of(self, test: str) -> tuple[float, int]:
        """Run one test by itself."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [self.python, "-m", "pytest", "-q", "--tb=no", "-p", "no:testmon", test]
        done = subprocess.run(
            command, cwd=self.repo, env=self.environ(), capture_output=True, timeout=600, check=False
        )
        return _cpu(before), done.returncode

    def record(self) -> float:
        """Record the index; CPU seconds."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    SCRIPTS / "index_tests.py",
                    "--index",
                    self.index,
                    "--repo",
                    self.repo,
                    "--",
                ),
                *(self.python, "-m", "pytest", "-q", "--tb=no", "-p", "no:testmon", *self.about["tests"]),
            ],
            check=False,
            cwd=self.repo,
            env=self.environ(),
            capture_output=True,
            text=True,
        )
        if not self.index.exists():
            raise SystemExit(f"{self.name}: nothing recorded:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return _cpu(before)

    def select(self) -> tuple[dict[str, Any], float]:
        """The plan for HEAD against main, and the wall seconds it took."""
        out = self.folder / "plan.json"
        began = time.perf_counter()
        subprocess.run(
            [
                sys.executable,
                SCRIPTS / "select_tests.py",
                "--base",
                "main",
                "--index",
                self.index,
                "--out",
                out,
                *("--seed", "bench", "--config", self.folder / "policy.yml"),
            ],
            cwd=self.repo,
            env=self.environ(),
            check=True,
            capture_output=True,
        )
        return json.loads(out.read_text()), time.perf_counter() - began


def _cpu(before: Any) -> float:
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


SWAPS = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
}
SWAPS |= {ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in"}


def mutations(source: str) -> list[tuple[int, str, str]]:
    """(line of the statement, old text, new text) of every mutant of a line inside a function."""
    tree = ast.parse(source)
    lines = source.splitlines(keepends=True)
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for statement in _statements(function.body):
            if not isinstance(
                statement, ast.Assign | ast.AugAssign | ast.Return | ast.Expr | ast.If | ast.While
            ):
                continue
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            if lines[statement.lineno - 1][: statement.col_offset].strip():
                continue  # an elif, or several on one line
            if lines[statement.lineno - 1].lstrip().startswith("elif"):
                continue
            test = statement.test if isinstance(statement, ast.If | ast.While) else statement
            for node in ast.walk(test):
                new = _mutated(node)
                if new is not None and node.lineno == node.end_lineno == statement.lineno:  # type: ignore[attr-defined]
                    line = lines[node.lineno - 1].encode()  # type: ignore[attr-defined]
                    a, b = node.col_offset, node.end_col_offset  # type: ignore[attr-defined]
                    changed = (line[:a] + new.encode() + line[b:]).decode()
                    found.append((statement.lineno, lines[node.lineno - 1], changed))  # type: ignore[attr-defined]
    return found


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    found = []
    for statement in body:
        found.append(statement)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for name in ("body", "orelse", "finalbody"):
            found += _statements(getattr(statement, name, []))
        for handler in getattr(statement, "handlers", []):
            found += _statements(handler.body)
    return found


def _mutated(node: ast.AST) -> str | None:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPS:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        return f"({left} {SWAPS[type(node.ops[0])]} {right})"
    if isinstance(node, ast.Constant) and node.value in (True, False) and isinstance(node.value, bool):
        return str(not node.value)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return str(node.value + 1)
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        return "return None"
    return None


def run_project(bench: Bench, mutants: int, seed: int, peers: bool) -> dict[str, Any]:
    (bench.folder / "policy.yml").write_text("selection: {audit-rate: 0}\n")
    bench.pytest()  # warm: compiled files of the plain run
    plain = min(bench.pytest()[0] for _ in range(3))
    bench.record()
    recorded = min(bench.record() for _ in range(3))
    import sqlite3

    known = {
        r[0]
        for r in sqlite3.connect(bench.index).execute("SELECT nodeid FROM test WHERE outcome != 'failed'")
    }
    randomness = random.Random(f"{seed} {bench.name}")
    candidates = []
    for path in sorted((bench.repo / bench.about["code"]).rglob("*.py")):
        candidates += [(path, *m) for m in mutations(path.read_text())]
    randomness.shuffle(candidates)
    rows: list[dict[str, Any]] = []
    for path, line, old, new in candidates:
        if len(rows) >= mutants:
            break
        lines = path.read_text().splitlines(keepends=True)
        indent = old[: len(old) - len(old.lstrip())]
        bench.git("checkout", "-q", "-f", "-B", "mutant", "main")
        mutated = [*lines]
        mutated[line - 1] = new
        path.write_text("".join(mutated))
        try:
            compile(path.read_text(), str(path), "exec")
        except SyntaxError:
            continue
        bench.commit(f"mutant of {path.name}:{line}")
        decision, seconds = bench.select()
        probed = [*mutated]
        probed[line - 1] = f'{indent}__import__("_floor").hit()\n{new}'
        path.write_text("".join(probed))
        floor_out, failed_out = bench.folder / "floor.json", bench.folder / "failed.json"
        floor_out.unlink(missing_ok=True)
        try:
            bench.pytest("-p", "_failed", FLOOR_OUT=str(floor_out), FAILED_OUT=str(failed_out))
        except subprocess.TimeoutExpired:
            continue
        bench.git("checkout", "-q", "-f", "main")
        executed = set(json.loads(floor_out.read_text())) if floor_out.exists() else set()
        floor = executed & known
        if not executed:
            continue
        failed = set(json.loads(failed_out.read_text())) & known
        plan = decision["outputs"]["test_plan"]
        everything = plan["full_suite"]
        selected = known if everything else set(plan["tests"]) & known
        if any(s["how"] == "all" for s in plan["suites"]):
            selected = known
        # A test that passes by itself on the mutant fails in the whole run by what another test left behind.
        bench.git("checkout", "-q", "-f", "mutant")
        alone = {test for test in sorted(failed - selected)[:20] if bench.pytest_of(test)[1] == 0}
        bench.git("checkout", "-q", "-f", "main")
        row = {
            "where": f"{path.relative_to(bench.repo)}:{line}",
            "new": new.strip(),
            "selected": len(selected),
            "floor": len(floor),
            "failed": len(failed),
            "missed": sorted(failed - selected - alone),
            "left_behind": sorted(alone),
            "below_floor": len(floor - selected),
            "seconds": seconds,
            "verdict": decision["verdict"],
            # Executed while modules are imported or tests collected: more tests depend on it than execute it.
            "import_time": "" in executed,
        }
        rows.append(row)
        row["why"] = [r["text"] for r in decision["reasons"]]
        wide = row["selected"] > 1.3 * row["floor"] + 2
        if row["missed"] or row["below_floor"] or wide:
            print("  !", json.dumps(row)[:600], flush=True)
    total = len(known)
    bodies = [r for r in rows if not r["import_time"]]
    result = {
        "project": bench.name,
        "tests": total,
        "mutants": len(rows),
        "killed": sum(1 for r in rows if r["failed"]),
        "detected": sum(1 for r in rows if r["failed"] and len(r["missed"]) < r["failed"]),
        "failing": sum(r["failed"] for r in rows),
        "missed": sum(len(r["missed"]) for r in rows),
        "left_behind": sum(len(r["left_behind"]) for r in rows),
        "bodies": len(bodies),
        "selected_share": sum(r["selected"] for r in bodies) / max(1, len(bodies)) / total,
        "floor_share": sum(r["floor"] for r in bodies) / max(1, len(bodies)) / total,
        "import_share": sum(r["selected"] for r in rows if r["import_time"])
        / max(1, len(rows) - len(bodies))
        / total,
        "overhead": recorded / plain,
        "plain": plain,
        "plan_seconds": sorted(r["seconds"] for r in rows)[len(rows) // 2] if rows else None,
        "bytes_per_test": bench.index.stat().st_size / total,
    }
    if peers:
        result["testmon_overhead"] = _testmon(bench) / plain
    return result


def _testmon(bench: Bench) -> float:
    """CPU seconds of pytest-testmon's own recording of the same suite."""
    bench.git("checkout", "-q", "-f", "main")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [bench.python, "-m", "pytest", "-q", "--tb=no", "--testmon", *bench.about["tests"]],
        cwd=bench.repo,
        env=bench.environ(TESTMON_DATAFILE=str(bench.folder / "testmon")),
        capture_output=True,
        check=False,
    )
    return _cpu(before)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--projects", default=",".join(PROJECTS))
    parser.add_argument("--mutants", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        for name in args.projects.split(","):
            print(f"{name} …", file=sys.stderr, flush=True)
            results.append(run_project(Bench(name, Path(folder)), args.mutants, args.seed, not args.no_peers))
            _print(results[-1:])
    _print(results)
    command = "python bench/selection.py " + " ".join(sys.argv[1:])
    figures = []
    for r in results:
        for figure, value, unit, peer in (
            ("selected ÷ floor", r["selected_share"] / (r["floor_share"] or 1), "ratio", None),
            ("failing tests missed", r["missed"], "tests", None),
            ("recording ÷ plain run, CPU", r["overhead"], "ratio", r.get("testmon_overhead")),
            ("plan", r["plan_seconds"], "s", None),
            ("index", r["bytes_per_test"], "bytes a test", None),
        ):
            figures.append(
                {
                    "figure": f"{r['project']}: {figure}",
                    "value": value,
                    "unit": unit,
                    "peers": {} if peer is None else {"pytest-testmon": peer},
                    "n": r["mutants"],
                    "seed": args.seed,
                    "command": command,
                }
            )
    whole = set(args.projects.split(",")) >= set(PROJECTS) and args.mutants >= 20 and not args.no_peers
    if not whole:
        print("not written: results are kept of whole runs only", file=sys.stderr)
        return 0
    target = HERE / "results" / "selection.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def _print(results: list[dict[str, Any]]) -> None:
    print(
        f"{'project':12} {'tests':>6} {'mutants':>7} {'killed':>6} {'found':>5} {'failing':>7} "
        f"{'missed':>6} {'left':>4} {'selected':>8} {'floor':>6} {'ratio':>6} {'at import':>9} {'record':>6} "
        f"{'testmon':>7} {'plan s':>6} {'B/test':>6}"
    )
    for r in results:
        ratio = r["selected_share"] / r["floor_share"] if r["floor_share"] else float("nan")
        print(
            f"{r['project']:12} {r['tests']:6} {r['mutants']:7} {r['killed']:6} {r['detected']:5} "
            f"{r['failing']:7} {r['missed']:6} {r['left_behind']:4} {r['selected_share']:8.1%} "
            f"{r['floor_share']:6.1%} {ratio:6.2f} {r['import_share']:9.1%} {r['overhead']:6.2f} "
            f"{r.get('testmon_overhead', float('nan')):7.2f} {r['plan_seconds'] or 0:6.2f} "
            f"{r['bytes_per_test']:6.0f}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
