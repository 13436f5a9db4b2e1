"""Seeded one-line mutants: which there are, which tests come by each, which fail on it."""

from __future__ import annotations

import ast
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from selection_project import Project

SWAPS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
SPARE = 4  # candidates looked at for each mutant wanted: many lines are executed by no test


class Mutant(NamedTuple):
    """``statement`` is the line its statement begins on; line ``at`` becomes ``new`` (both from 1)."""

    path: str
    statement: int
    at: int
    new: str

    @property
    def name(self) -> str:
        """Where and what, in one line."""
        return f"{self.path}:{self.at} {self.new.strip()}"


def mutations(source: str) -> Iterator[tuple[int, int, str]]:
    """(line of the statement, line that changes, its new text) of every mutant inside a function."""
    lines = source.splitlines(keepends=True)
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for statement in _statements(function.body):
            kinds = ast.Assign | ast.AugAssign | ast.Return | ast.Expr | ast.If | ast.While
            if not isinstance(statement, kinds):
                continue
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            if lines[statement.lineno - 1][: statement.col_offset].strip():
                continue  # several on one line
            if lines[statement.lineno - 1].lstrip().startswith("elif"):
                continue
            inner = statement.test if isinstance(statement, ast.If | ast.While) else statement
            for node in ast.walk(inner):
                new = _mutated(node)
                if new is None or not node.lineno == node.end_lineno == statement.lineno:  # type: ignore[attr-defined]
                    continue
                line = lines[node.lineno - 1].encode()  # type: ignore[attr-defined]
                a, b = node.col_offset, node.end_col_offset  # type: ignore[attr-defined]
                yield statement.lineno, node.lineno, (line[:a] + new.encode() + line[b:]).decode()  # type: ignore[attr-defined]


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, name, []))
        for handler in getattr(statement, "handlers", []):
            yield from _statements(handler.body)


def _mutated(node: ast.AST) -> str | None:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPS:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        return f"({left} {SWAPS[type(node.ops[0])]} {right})"
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return str(not node.value)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return str(node.value + 1)
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        return "return None"
    return None


def drawn(project: Project, wanted: int, seed: int) -> list[tuple[Mutant, frozenset[str]]]:
    """The seeded mutants, each with the tests that come by it; "" among them: outside of any test.

    One run tells it for all: a call stands before every candidate's statement.
    """
    candidates: list[Mutant] = []
    for path in sorted((project.repo / project.about.code).rglob("*.py")):
        relative = path.relative_to(project.repo).as_posix()
        found = {Mutant(relative, *mutant) for mutant in mutations(path.read_text())}
        candidates += sorted(m for m in found if _compiles(mutated(path.read_text(), m)))
    random.Random(f"{seed} {project.name}").shuffle(candidates)
    candidates = candidates[: SPARE * wanted]
    for relative in {mutant.path for mutant in candidates}:
        target = project.repo / relative
        lines = target.read_text().splitlines(keepends=True)
        at = {(m.statement, n) for n, m in enumerate(candidates) if m.path == relative}
        for line, number in sorted(at, reverse=True):
            indent = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())]
            lines.insert(line - 1, f'{indent}__import__("_floor").hit({number})\n')
        target.write_text("".join(lines))
    told = project.folder / "floor.txt"
    told.unlink(missing_ok=True)
    project.pytest(FLOOR_OUT=str(told))
    project.back()
    tests: dict[int, set[str]] = {}
    for line in told.read_text().splitlines():
        number, _, test = line.partition(" ")
        tests.setdefault(int(number), set()).add(ast.literal_eval(test))
    return [(m, frozenset(tests[n])) for n, m in enumerate(candidates) if n in tests][:wanted]


def mutated(text: str, mutant: Mutant) -> str:
    """The file with the mutant in it."""
    lines = text.splitlines(keepends=True)
    lines[mutant.at - 1] = mutant.new
    return "".join(lines)


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def commit_mutant(project: Project, mutant: Mutant) -> None:
    """Check the mutant out as a commit of its own on the release."""
    project.back()
    project.git("checkout", "-q", "-B", "mutant")
    target = project.repo / mutant.path
    target.write_text(mutated(target.read_text(), mutant))
    project.commit(f"mutant of {mutant.path}")


def failing(project: Project, store: Path, steady: frozenset[str]) -> dict[str, Any] | None:
    """What fails on the commit checked out, remembered in ``store``; ``None``: the run does not end.

    ``steady`` are the tests that fail without the mutant or cannot be told.
    """
    if store.exists():
        found: dict[str, Any] | None = json.loads(store.read_text())
        return found
    store.parent.mkdir(parents=True, exist_ok=True)
    try:
        run = project.pytest(limit=240, FAILED_LIMIT="6")
    except subprocess.TimeoutExpired:
        store.write_text("null")
        return None
    found = {"failed": sorted(run.failed - steady), "cpu": run.cpu, "seconds": run.seconds}
    store.write_text(json.dumps(found))
    return found
