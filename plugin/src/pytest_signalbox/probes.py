"""Rewrite a module so that each straight run of statements marks one byte when it is executed.

A *block* is a run of statements that execution enters only at its top. A probe, ``row[n] = 1``, stands at the
top of every block; ``row`` is a constant of the compiled code and not a global name, so nothing new shows up
in the module's namespace. Only the positions of the blocks are recorded: whoever reads the recording
parses the same source and finds the statements by line and column.
"""

from __future__ import annotations

import ast
import types
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

# Stand-ins in the compiled (and cached) code; `bind` puts the living objects in their place.
ROW = "\0pytest-signalbox row\0"
MEMO = "\0pytest-signalbox memo\0"

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef, ast.Lambda)
_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_RESUMES = (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)
_PLACES = (ast.Name, ast.Attribute, ast.Subscript)
_MUTABLE = (ast.Dict, ast.List, ast.Set, ast.Call)
_FILLERS = ("append", "extend", "update", "add", "insert", "setdefault", "__setitem__")
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


class _Frame:
    """What one function does with state that outlives it: the signs of a hand-written cache.

    Shared between tests is what the function did not make: globals, free variables, the class, mutable
    defaults; attributes of an object handed in (``self``) may be. A cache is such a place that is asked for
    first and then set. A *key* is the place's attribute, or its name where there is none.
    """

    def __init__(self, function: ast.AST) -> None:
        self.resumable = isinstance(function, ast.AsyncFunctionDef)
        self._declared: Set[str] = set()
        self._alias: Dict[str, str] = {}
        self._stands_for: Dict[str, Set[str]] = {}
        arguments = function.args  # type: ignore[attr-defined]
        self._parameters = _parameters(arguments)
        stored: Set[str] = set()
        assignments = []
        for inner in _own(function):
            if isinstance(inner, (ast.Global, ast.Nonlocal)):
                self._declared.update(inner.names)
            elif isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
                stored.add(inner.id)
            elif isinstance(inner, _RESUMES):
                self.resumable = True
            elif isinstance(inner, (ast.Assign, ast.NamedExpr)):
                assignments.append(inner)
        self._made_here = stored - self._declared - self._parameters
        for inner in assignments:
            targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id in self._made_here:
                    # `found = CACHE.get(key)`: asking for `found` asks for the cache.
                    self._stands_for.setdefault(target.id, set()).update(self.asks(inner.value))
                    place = self._place(inner.value)
                    if place is not None:
                        self._alias[target.id] = place[1]

    def _place(self, node: ast.AST) -> Optional[Tuple[str, str]]:
        """(root, key) of an expression that names a place which may outlive the call."""
        attribute = ""
        inner = node
        while isinstance(inner, (ast.Attribute, ast.Subscript)):
            attribute = inner.attr if isinstance(inner, ast.Attribute) else attribute
            inner = inner.value
        if not isinstance(inner, ast.Name):
            return None
        if inner.id in self._alias:
            return "", self._alias[inner.id]
        if inner.id in self._made_here or (inner.id in self._parameters and not attribute):
            return None
        return inner.id, attribute or inner.id

    def asks(self, node: ast.AST) -> Set[str]:
        """The keys that a condition, or the body of a ``try``, asks for."""
        asked: Set[str] = set()
        for inner in ast.walk(node):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                asked.add(inner.value)
            elif isinstance(getattr(inner, "ctx", None), ast.Load):
                place = self._place(inner)
                if place is not None:
                    asked.add(place[1])
                if isinstance(inner, ast.Name):
                    asked |= self._stands_for.get(inner.id, set())
        return asked

    def fills(self, statement: ast.stmt, asked: Set[str], busy: bool) -> bool:
        """Whether the statement fills a cache; ``busy``: calls stand beside it (a flag set after work)."""
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            nodes = [n for target in targets for n in ast.walk(target) if isinstance(n, _PLACES)]
            return any(self._sets(n, statement.value, asked, busy) for n in nodes)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            return self._call_fills(statement.value, asked)
        return False

    def _sets(self, node: Any, value: ast.expr, asked: Set[str], busy: bool) -> bool:
        if isinstance(node.ctx, ast.Load):
            return False
        if isinstance(node, ast.Name) and node.id not in self._declared:
            return False
        place = self._place(node)
        if place is None or place[1] not in asked:
            return False
        root, key = place
        if root not in self._parameters:
            return True
        # Of objects handed in, a count that goes on from itself or a switch is state and no cache.
        return busy if isinstance(value, ast.Constant) else key not in self.asks(value)

    def _call_fills(self, call: ast.Call, asked: Set[str]) -> bool:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in ("setattr", "__setattr__"):
            return any(isinstance(a, ast.Constant) and a.value in asked for a in call.args)
        if name in _FILLERS and isinstance(call.func, ast.Attribute):
            place = self._place(call.func.value)
            return place is not None and place[1] in asked and place[0] not in self._parameters
        return False


def _parameters(arguments: ast.arguments) -> Set[str]:
    """Names handed in by the caller: not the class, and not those with a mutable default."""
    names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args]]
    defaults: List[Optional[ast.expr]] = [None] * (len(names) - len(arguments.defaults))
    pairs = list(zip(names, [*defaults, *arguments.defaults]))
    pairs += [(a.arg, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults)]
    pairs += [(extra.arg, None) for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    return {name for name, default in pairs if name != "cls" and not isinstance(default, _MUTABLE)}


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
        busy = any(isinstance(n, ast.Call) for s in statements for n in _own(s)) if frame and asked else False
        for statement in statements:
            if fresh:
                segment = len(done)
                done.append(self._probe(statement))
            fresh = each or _ends_block(statement)
            if frame is not None:
                if not filling and frame.fills(statement, asked, busy):
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
