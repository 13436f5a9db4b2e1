"""Rewrite a module so that each straight run of statements marks one byte when it is executed.

A *block* is a run of statements that execution enters only at its top. A probe, ``row[n] = 1``, stands at the
top of every block; ``row`` is a constant of the compiled code and not a global name, so nothing new shows up
in the module's namespace. Only the positions of the blocks are recorded: whoever reads the recording
parses the same source and finds the statements by line and column.
"""

from __future__ import annotations

import ast
import types
from typing import Any, Iterator, List, Optional, Set, Tuple

# Stand-ins in the compiled (and cached) code; `bind` puts the living objects in their place.
ROW = "\0pytest-signalbox row\0"
MEMO = "\0pytest-signalbox memo\0"

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef, ast.Lambda)
_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_RESUMES = (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)
_SETS = (ast.Assign, ast.AnnAssign)
_NESTED = ("body", "orelse", "finalbody")

Position = Tuple[int, int]


class Row(bytearray):
    """The bytes of one module, one per block. Hashable, because code objects hash their constants."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Code that is pickled by value may be unpickled where this plugin does not exist.
        return (bytearray, (len(self),))


def instrument(source: bytes, path: str) -> Tuple[types.CodeType, List[Position]]:
    """Compile ``source`` with probes; return the code and the (line, column) of each block, in order.

    Raises whatever the compiler raises; the caller then falls back to the plain import.
    """
    tree = ast.parse(source, path)
    prober = _Prober()
    tree.body = prober.scope_body(tree.body, tree)
    return compile(tree, path, "exec", dont_inherit=True), prober.starts


def bind(code: types.CodeType, row: Row, memo: Any) -> types.CodeType:
    """Put the living ``row`` and ``memo`` in the place of their stand-ins, all the way down."""
    constants = []
    for value in code.co_consts:
        if isinstance(value, types.CodeType):
            constants.append(bind(value, row, memo))
        elif isinstance(value, str) and value == ROW:
            constants.append(row)
        elif isinstance(value, str) and value == MEMO:
            constants.append(memo)
        else:
            constants.append(value)
    return code.replace(co_consts=tuple(constants))


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below ``node`` that runs in the same frame: bodies of functions and classes are left out."""
    todo = list(ast.iter_child_nodes(node))
    while todo:
        inner = todo.pop()
        yield inner
        if not isinstance(inner, _SCOPES):
            todo.extend(ast.iter_child_nodes(inner))


def _ends_block(statement: ast.stmt) -> bool:
    """Whether what follows ``statement`` may be reached less often than it, or in another test."""
    if isinstance(statement, _SCOPES):
        return False
    compound = hasattr(statement, "body")
    return isinstance(statement, _RESUMES) or any(
        isinstance(inner, _RESUMES) or (compound and isinstance(inner, _LEAVES)) for inner in _own(statement)
    )


def _root(node: ast.AST) -> Optional[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


class _Frame:
    """What one function does with state that outlives it: the signs of a hand-written cache.

    Shared between tests is what the function did not make: globals, free variables, the class. Attributes
    of an object handed in (``self``) may be; they count only where they are asked for first, then set.
    """

    def __init__(self, function: ast.AST) -> None:
        self.resumable = isinstance(function, ast.AsyncFunctionDef)
        self._outer: Set[str] = set()
        stored: Set[str] = set()
        self._loaded: Set[str] = set()
        arguments = function.args  # type: ignore[attr-defined]
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
        for inner in _own(function):
            if isinstance(inner, (ast.Global, ast.Nonlocal)):
                self._outer.update(inner.names)
            elif isinstance(inner, ast.Name):
                (self._loaded if isinstance(inner.ctx, ast.Load) else stored).add(inner.id)
            elif isinstance(inner, _RESUMES):
                self.resumable = True
        self._parameters = {argument.arg for argument in every} - {"cls"}
        self._made_here = stored - self._outer - self._parameters
        self._read = {
            place[:2] for place in map(self._place, _own(function)) if place is not None and place[2]
        }

    def _place(self, node: ast.AST) -> Optional[Tuple[str, str, bool]]:
        """(root, first attribute, read) of an access to a place that may outlive the call."""
        if isinstance(node, ast.Name) and node.id in self._outer:
            return node.id, "", isinstance(node.ctx, ast.Load)
        if not isinstance(node, (ast.Attribute, ast.Subscript)):
            return None
        attribute, inner = "", node
        while isinstance(inner, (ast.Attribute, ast.Subscript)):
            attribute = inner.attr if isinstance(inner, ast.Attribute) else attribute
            inner = inner.value  # type: ignore[assignment]
        if not isinstance(inner, ast.Name) or inner.id in self._made_here:
            return None
        return inner.id, attribute, isinstance(node.ctx, ast.Load)

    def asks(self, node: ast.AST) -> Set[str]:
        """The attributes that a condition, or the body of a ``try``, asks for."""
        asked = {place[1] for place in map(self._place, ast.walk(node)) if place is not None and place[2]}
        strings = {
            n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)
        }
        return {name for name in asked | strings if name}

    def fills(self, statement: ast.stmt, asked: Set[str]) -> bool:
        """Whether the statement itself (not its nested suites) fills a cache."""
        value = getattr(statement, "value", None)
        # A flag that is set, or a count that goes on from itself, is state and no cache.
        computed = value is not None and not isinstance(value, ast.Constant)
        mentioned = self.asks(value) if computed and value is not None else set()
        for node in _shallow(statement):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "setdefault"
            ):
                root = _root(node.func.value)
                if root is not None and root not in self._made_here | self._parameters:
                    return True
            place = self._place(node)
            if place is None or place[2]:
                continue
            root, attribute, _ = place
            if root in self._parameters:
                if attribute in asked - mentioned and computed and isinstance(statement, _SETS):
                    return True
            elif (root, attribute) in self._read or (not attribute and root in self._loaded - self._outer):
                return True
        return False


def _shallow(statement: ast.stmt) -> Iterator[ast.AST]:
    todo: List[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        yield node
        for name, value in ast.iter_fields(node):
            if isinstance(node, ast.stmt) and (name in _NESTED or name in ("handlers", "cases")):
                continue
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, ast.AST) and not isinstance(inner, _SCOPES):
                    todo.append(inner)


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
        while (
            first < len(body)
            and isinstance(body[first], ast.ImportFrom)
            and body[first].module == "__future__"
        ):  # type: ignore[attr-defined]
            first += 1
        frame = _Frame(owner) if isinstance(owner, _FUNCTIONS) else None
        head, rest = body[:first], body[first:]
        if not rest:
            return [*head, self._probe(head[-1])] if head else []
        outer, self._entry = self._entry, len(self.starts)
        try:
            return head + self.suite(rest, frame, set())
        finally:
            self._entry = outer

    def suite(
        self, statements: List[ast.stmt], frame: Optional[_Frame], asked: Set[str], each: bool = False
    ) -> List[ast.stmt]:
        """One list of statements: a probe at its top, and wherever the way on may not be taken.

        ``asked``: attributes that a condition on the way here asked for. ``each``: a probe before every
        statement, for bodies of ``try``, where any of them may be the last.
        """
        done: List[ast.stmt] = []
        segment = 0  # where in `done` the present block begins
        fresh, filling, wrap_from = True, False, 0
        for statement in statements:
            if fresh:
                segment = len(done)
                done.append(self._probe(statement))
            fresh = each or _ends_block(statement)
            if frame is not None:
                if not filling and frame.fills(statement, asked):
                    filling, wrap_from = True, segment
                inner_asked = asked | _asked_by(statement, frame)
                self._descend(statement, frame, inner_asked)
                # What comes after a question was asked for only if the answer may have led away.
                asked = inner_asked if _ends_block(statement) else asked
            else:
                self._descend(statement, frame, asked)
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

    def _descend(self, statement: ast.stmt, frame: Optional[_Frame], asked: Set[str]) -> None:
        if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            statement.body = self.scope_body(statement.body, statement)
            return
        risky = isinstance(statement, ast.Try) or type(statement).__name__ == "TryStar"
        for name in _NESTED:
            inner = getattr(statement, name, None)
            if inner and isinstance(inner, list):
                setattr(statement, name, self.suite(inner, frame, asked, each=risky and name == "body"))
        for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
            part.body = self.suite(part.body, frame, asked)


def _asked_by(statement: ast.stmt, frame: _Frame) -> Set[str]:
    if isinstance(statement, ast.If):
        return frame.asks(statement.test)
    asked: Set[str] = set()
    for inner in statement.body if isinstance(statement, ast.Try) else []:
        asked |= frame.asks(inner)
    return asked
