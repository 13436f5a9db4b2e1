"""The shapes that hand-written caches have in source code.

What fills a cache is executed by the test that comes first, and what is stored is read by all that follow: so
the code that fills it is bracketed, and belongs to every test that enters the function.
"""

from __future__ import annotations

import ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.ClassDef, ast.Lambda)
RESUMES = (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)
_PLACES = (ast.Name, ast.Attribute, ast.Subscript)
_MUTABLE = (ast.Dict, ast.List, ast.Set, ast.Call)
_FILLERS = ("append", "extend", "update", "add", "insert", "setdefault", "__setitem__")


def own(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below ``node`` that runs in the same frame: bodies of functions and classes are left out."""
    todo = list(ast.iter_child_nodes(node))
    while todo:
        inner = todo.pop()
        yield inner
        if not isinstance(inner, SCOPES):
            todo.extend(ast.iter_child_nodes(inner))


class Frame:
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
        for inner in own(function):
            if isinstance(inner, (ast.Global, ast.Nonlocal)):
                self._declared.update(inner.names)
            elif isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
                stored.add(inner.id)
            elif isinstance(inner, ast.ExceptHandler) and inner.name:
                stored.add(inner.name)  # what is caught was raised just now
            elif isinstance(inner, RESUMES):
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
        # Of objects handed in, a count that goes on from itself, a reset or a switch is state and no cache.
        if _is_reset(value):
            return False
        return busy if isinstance(value, ast.Constant) else key not in self.asks(value)

    def _call_fills(self, call: ast.Call, asked: Set[str]) -> bool:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in ("setattr", "__setattr__"):
            return any(isinstance(a, ast.Constant) and a.value in asked for a in call.args)
        if name in _FILLERS and isinstance(call.func, ast.Attribute):
            place = self._place(call.func.value)
            return place is not None and place[1] in asked and place[0] not in self._parameters
        return False


def _is_reset(value: ast.expr) -> bool:
    """None, False, or an empty container."""
    if isinstance(value, ast.Constant):
        return value.value is None or value.value is False
    return not any(getattr(value, field, None) for field in ("elts", "keys")) and isinstance(
        value, (ast.List, ast.Tuple, ast.Dict)
    )


def _parameters(arguments: ast.arguments) -> Set[str]:
    """Names handed in by the caller: not the class, and not those with a mutable default."""
    names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args]]
    defaults: List[Optional[ast.expr]] = [None] * (len(names) - len(arguments.defaults))
    pairs = list(zip(names, [*defaults, *arguments.defaults]))
    pairs += [(a.arg, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults)]
    pairs += [(extra.arg, None) for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    return {name for name, default in pairs if name != "cls" and not isinstance(default, _MUTABLE)}


def asked_by(statement: ast.stmt, frame: Frame) -> Set[str]:
    """The keys that a statement asks for before it goes into its suites, or away."""
    if isinstance(statement, ast.If):
        return frame.asks(statement.test)
    asked: Set[str] = set()
    for inner in statement.body if isinstance(statement, ast.Try) else []:
        asked |= frame.asks(inner)
    return asked
