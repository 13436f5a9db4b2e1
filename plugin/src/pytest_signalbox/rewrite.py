"""Rewrite a module so that each straight run of statements marks one byte when it is executed.

A *block* is a run of statements that execution enters only at its top. A probe, ``row[n] = 1``, stands at the
top of every block; ``row`` is a constant of the compiled code and not a global name, so nothing new shows up
in the module's namespace. Only the positions of the blocks are recorded: whoever reads the recording
parses the same source and finds the statements by line and column.
"""

from __future__ import annotations

import ast
import types

from .caches import FUNCTIONS, RESUMES, SCOPES, Frame, asked_by, own
from .probes import MEMO, ROW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Set, Tuple

    from .probes import Position

_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_NESTED = ("body", "orelse", "finalbody")


def instrument(source: bytes, path: str) -> Tuple[types.CodeType, List[Position]]:
    """Compile ``source`` with probes; return the code and the (line, column) of each block, in order.

    Raises whatever the compiler raises; the caller then falls back to the plain import.
    """
    tree = ast.parse(source, path)
    prober = _Prober()
    tree.body = prober.scope_body(tree.body, tree)
    return compile(tree, path, "exec", dont_inherit=True), prober.starts


def _ends_block(statement: ast.stmt) -> bool:
    """Whether what follows ``statement`` may be reached less often than it, or in another test."""
    if isinstance(statement, SCOPES):
        return False
    compound = hasattr(statement, "body")
    return isinstance(statement, RESUMES) or any(
        isinstance(inner, RESUMES) or (compound and isinstance(inner, _LEAVES)) for inner in own(statement)
    )


class _Prober:
    def __init__(self) -> None:
        self.starts: List[Position] = []
        self._entry = 0

    def _mark(self, statement: ast.stmt, constant: str, index: int, value: int) -> ast.stmt:
        line = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
        target = ast.Subscript(
            value=ast.Constant(value=constant), slice=ast.Constant(value=index), ctx=ast.Store()
        )
        mark = ast.Assign(targets=[target], value=ast.Constant(value=value))
        for node in ast.walk(mark):
            node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
            node.col_offset = node.end_col_offset = statement.col_offset  # type: ignore[attr-defined]
        return mark

    def _probe(self, statement: ast.stmt) -> ast.stmt:
        self.starts.append((statement.lineno, statement.col_offset))
        return self._mark(statement, ROW, len(self.starts) - 1, 1)

    def scope_body(self, body: List[ast.stmt], owner: ast.AST) -> List[ast.stmt]:
        """The body of a module, class or function: a docstring and future imports must stay first."""
        first = 0
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            first = int(isinstance(body[0].value.value, str))
        while first < len(body):
            statement = body[first]
            if not isinstance(statement, ast.ImportFrom) or statement.module != "__future__":
                break
            first += 1
        frame = Frame(owner) if isinstance(owner, FUNCTIONS) else None
        head, rest = body[:first], body[first:]
        if not rest:
            return [*head, self._probe(head[-1])] if head else []
        outer, self._entry = self._entry, len(self.starts)
        try:
            return head + self.suite(rest, frame, set())
        finally:
            self._entry = outer

    def suite(
        self, statements: List[ast.stmt], frame: Optional[Frame], asked: Set[str], each: bool = False
    ) -> List[ast.stmt]:
        """One list of statements: a probe at its top, and wherever the way on may not be taken.

        ``asked``: attributes that a condition on the way here asked for. ``each``: a probe before every
        statement, for bodies of ``try``, where any of them may be the last.
        """
        done: List[ast.stmt] = []
        segment = 0  # where in `done` the present block begins
        fresh, filling, wrap_from = True, False, 0
        busy = any(isinstance(n, ast.Call) for s in statements for n in own(s)) if frame and asked else False
        for statement in statements:
            if fresh:
                segment = len(done)
                done.append(self._probe(statement))
            fresh = each or _ends_block(statement)
            if frame is not None:
                if not filling and frame.fills(statement, asked, busy):
                    filling, wrap_from = True, segment
                inner_asked = asked | asked_by(statement, frame)
                self._descend(statement, frame, asked, inner_asked)
                # What comes after a question was asked for only if the answer may have led away.
                asked = inner_asked if _ends_block(statement) else asked
            else:
                self._descend(statement, frame, asked, asked)
            done.append(statement)
        if filling and frame is not None:
            done = self._as_fill(done, wrap_from, frame.resumable)
        return done

    def _as_fill(self, done: List[ast.stmt], start: int, resumable: bool) -> List[ast.stmt]:
        """Say that what runs from here to the end of the suite fills a cache that later tests will read."""
        kept, filled = done[:start], done[start:]
        if resumable:  # cannot bracket code that is left and entered again: every test that comes here counts
            return [*kept, self._mark(filled[0], MEMO, self._entry, 2), *filled]
        bracket = ast.Try(
            body=filled, handlers=[], orelse=[], finalbody=[self._mark(filled[-1], MEMO, self._entry, 0)]
        )
        ast.copy_location(bracket, filled[0])
        return [*kept, self._mark(filled[0], MEMO, self._entry, 1), bracket]

    def _descend(
        self, statement: ast.stmt, frame: Optional[Frame], before: Set[str], asked: Set[str]
    ) -> None:
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            statement.body = self.scope_body(statement.body, statement)
            return
        risky = isinstance(statement, ast.Try) or type(statement).__name__ == "TryStar"
        for name in _NESTED:
            inner = getattr(statement, name, None)
            if inner and isinstance(inner, list):
                # What a `try` asks for is answered in its handlers, not in itself nor in the end of it.
                known = before if risky and name in ("body", "finalbody") else asked
                setattr(statement, name, self.suite(inner, frame, known, each=risky and name == "body"))
        for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
            part.body = self.suite(part.body, frame, asked)
