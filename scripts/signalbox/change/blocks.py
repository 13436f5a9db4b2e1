"""Which recorded blocks of a Python file does an edit change?

A recording knows a file by the positions at which its blocks begin. Here the old and the new source
are parsed and compared statement by statement; every difference is given to the block that must have
been executed for the difference to matter. The rule that makes this safe: a test that executed no
changed block runs through the new file exactly as it ran through the old one. Where a difference
reaches further than the place it stands at (a name that becomes local, a signature, a docstring), the blocks
it reaches are taken as well, and whoever goes on with a generator or coroutine that somebody else began.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef, ast.Lambda)
_RESUMES = (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)
_SUITES = ("body", "orelse", "finalbody")
_MANY = 1500  # statements in one suite beyond which only the common head and tail are aligned

Position = tuple[int, int]


class Edit(msgspec.Struct, frozen=True):
    """What changed in a file: numbers of recorded blocks, the names of functions and classes, and
    whether code is touched that runs when the module is imported.

    ``resumed``: for each changed generator or coroutine its first block, and all others. Who executed some
    of the others and not the first went on with one begun elsewhere, and is reached by any change of it.
    """

    blocks: frozenset[int]
    symbols: tuple[str, ...]
    import_time: bool
    resumed: tuple[tuple[int, frozenset[int]], ...] = ()


def compare(old: bytes, new: bytes, starts: Sequence[Position]) -> Edit | None:
    """Compare two versions of a file; ``starts`` are (line, column) of the old version's blocks.

    ``None`` when that is impossible (not Python for this interpreter, or a recording that does not
    fit): the whole file then counts as changed.
    """
    try:
        before, after = ast.parse(old), ast.parse(new)
        comparison = _Comparison(before, starts)
        fits = comparison.fits and comparison.module(before, after)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not fits:
        return None
    return Edit(
        frozenset(comparison.changed),
        tuple(sorted(comparison.symbols))[:200],
        comparison.import_time,
        tuple(comparison.resumed),
    )


class _Comparison:
    def __init__(self, tree: ast.Module, starts: Sequence[Position]) -> None:
        self._start = {tuple(position): number for number, position in enumerate(starts)}
        self._block: dict[int, int] = {}
        self._dumps: dict[int, str] = {}
        self.changed: set[int] = set()
        self.symbols: set[str] = set()
        self.import_time = False
        self.resumed: list[tuple[int, frozenset[int]]] = []
        self.fits = True
        self._names: list[str] = []
        self._in_function = 0
        self._number(tree.body)

    def _number(self, suite: list[ast.stmt]) -> None:
        current: int | None = None
        ahead = []  # a docstring, future imports: the first probe of the suite stands behind them
        for statement in suite:
            current = self._start.get((statement.lineno, statement.col_offset), current)
            if current is None:
                ahead.append(statement)
                continue
            for earlier in ahead:
                self._block[id(earlier)] = current
            ahead.clear()
            self._block[id(statement)] = current
            for inner in _suites(statement):
                self._number(inner)
        self.fits = self.fits and not ahead

    # marking

    def _mark(self, statement: ast.stmt, *, below: bool = True) -> None:
        self.changed.add(self._block[id(statement)])
        if not self._in_function:
            self.import_time = True
        self.symbols.add(".".join(self._names) or "<module>")
        if below:
            self._mark_below(statement)

    def _mark_below(self, statement: ast.stmt) -> None:
        for suite in _suites(statement):
            for inner in suite:
                self.changed.add(self._block[id(inner)])
                self._mark_below(inner)

    def _blocks_of(self, suite: list[ast.stmt]) -> Iterator[int]:
        """The blocks of statements that run in one frame."""
        for statement in suite:
            yield self._block[id(statement)]
            if not isinstance(statement, _SCOPES):
                for inner in _suites(statement):
                    yield from self._blocks_of(inner)

    # comparing

    def _dump(self, node: ast.AST) -> str:
        found = self._dumps.get(id(node))
        if found is None:
            found = self._dumps[id(node)] = ast.dump(node)
        return found

    def module(self, old: ast.Module, new: ast.Module) -> bool:
        """Compare from the top; whether that was possible (an empty file has no block to give)."""
        if old.body:
            self._suite(old.body, new.body)
        return bool(old.body) or not new.body

    def _suite(self, old: list[ast.stmt], new: list[ast.stmt]) -> None:
        for left, right, at in self._regions(old, new):
            pairs = self._pairs(left, right)
            if pairs is not None:
                for before, after in pairs:
                    self._statement(before, after)
                continue
            matched: set[int] = set()
            named = {_name(statement): statement for statement in right if _name(statement)}
            for before in left:
                other = named.get(_name(before))
                if other is not None and type(other) is type(before):
                    matched.add(id(other))
                    self._statement(before, other)
                else:
                    self._mark(before)
            if any(id(statement) not in matched for statement in right):
                # Something new: it is reached by whoever reached the statement now behind it.
                self._mark(old[min(at, len(old) - 1)], below=False)

    def _regions(
        self, old: list[ast.stmt], new: list[ast.stmt]
    ) -> Iterator[tuple[list[ast.stmt], list[ast.stmt], int]]:
        a, b = [self._dump(s) for s in old], [self._dump(s) for s in new]
        head = 0
        while head < min(len(a), len(b)) and a[head] == b[head]:
            head += 1
        tail = 0
        while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
            tail += 1
        a_mid, b_mid = a[head : len(a) - tail], b[head : len(b) - tail]
        if not a_mid and not b_mid:
            return
        if len(a_mid) > _MANY or len(b_mid) > _MANY:
            yield old[head : len(a) - tail], new[head : len(b) - tail], head
            return
        for tag, i, j, k, m in difflib.SequenceMatcher(None, a_mid, b_mid, autojunk=False).get_opcodes():
            if tag != "equal":
                yield old[head + i : head + j], new[head + k : head + m], head + i

    def _pairs(self, left: list[ast.stmt], right: list[ast.stmt]) -> list[tuple[ast.stmt, ast.stmt]] | None:
        if len(left) != len(right):
            return None
        same = all(type(a) is type(b) and _name(a) == _name(b) for a, b in zip(left, right, strict=True))
        return list(zip(left, right, strict=True)) if same else None

    def _statement(self, old: ast.stmt, new: ast.stmt) -> None:
        if self._dump(old) == self._dump(new):
            return
        if isinstance(old, _FUNCTIONS) and isinstance(new, _FUNCTIONS):
            self._function(old, new)
        elif isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef):
            self._class(old, new)
        elif _suites(old) and _header(old) == _header(new):
            for before, after in zip(_suites(old), _suites(new), strict=True):
                self._suite(before, after)
        else:
            self._mark(old)

    def _function(
        self, old: ast.FunctionDef | ast.AsyncFunctionDef, new: ast.FunctionDef | ast.AsyncFunctionDef
    ) -> None:
        self._names.append(old.name)
        try:
            if type(old) is not type(new) or _header(old) != _header(new):
                self._mark(old)  # evaluated where the function is defined
                return
            self._in_function += 1
            try:
                resumable = isinstance(old, ast.AsyncFunctionDef) or any(
                    isinstance(n, _RESUMES) for n in (*_own(old), *_own(new))
                )
                before, after = _code(old.body), _code(new.body)
                if resumable and before:
                    entry = self._block[id(before[0])]
                    later = frozenset(self._blocks_of(before)) - {entry}
                    if later:
                        self.resumed.append((entry, later))
                if _locals(old) != _locals(new):
                    self.symbols.add(".".join(self._names))
                    self._mark_below(old)
                    return
                if before and after:
                    self._suite(before, after)
                else:
                    self.symbols.add(".".join(self._names))
                    self._mark_below(old)
            finally:
                self._in_function -= 1
        finally:
            self._names.pop()

    def _class(self, old: ast.ClassDef, new: ast.ClassDef) -> None:
        self._names.append(old.name)
        try:
            before, after = _code(old.body), _code(new.body)
            if _header(old) != _header(new) or not before or not after:
                self._mark(old)
            else:
                self._suite(before, after)
        finally:
            self._names.pop()


def _suites(statement: ast.stmt) -> list[list[ast.stmt]]:
    found = []
    for name in _SUITES:
        inner: Any = getattr(statement, name, None)
        if isinstance(inner, list) and inner:
            found.append(inner)
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        found.append(part.body)
    return found


def _code(body: list[ast.stmt]) -> list[ast.stmt]:
    return body[1:] if body and _is_docstring(body[0]) else body


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _name(statement: ast.stmt) -> str:
    return statement.name if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)) else ""


def _header(statement: ast.stmt) -> tuple[str, ...]:
    """All of a compound statement but its suites, and which suites there are."""
    parts = [type(statement).__name__]
    for name, value in ast.iter_fields(statement):
        if name in _SUITES and isinstance(value, list):
            parts.append(f"{name}:{bool(value)}")
            if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)) and value and _is_docstring(value[0]):
                parts.append(ast.dump(value[0]))
        elif name == "handlers":
            parts += [f"{ast.dump(h.type) if h.type else ''} as {h.name}" for h in value]
        elif name == "cases":
            parts += [f"{ast.dump(c.pattern)} if {ast.dump(c.guard) if c.guard else ''}" for c in value]
        elif isinstance(value, list):
            parts += [name, *(ast.dump(v) if isinstance(v, ast.AST) else repr(v) for v in value)]
        else:
            parts.append(f"{name}={ast.dump(value) if isinstance(value, ast.AST) else repr(value)}")
    return tuple(parts)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    todo = list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, _SCOPES):
            todo.extend(ast.iter_child_nodes(node))


def _locals(function: ast.AST) -> frozenset[str]:
    """Names that the function binds or declares: one more makes a global local in every branch."""
    names = set()
    for node in _own(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            names.update(f"{type(node).__name__} {name}" for name in node.names)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.split(".")[0])
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            names.add(node.name or "")
        elif isinstance(node, ast.MatchMapping):
            names.add(node.rest or "")
    return frozenset(names)
