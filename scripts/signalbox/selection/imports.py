"""Who imports whom, read from the sources alone: nothing of the project is imported or run.

What a name may mean is taken widely: every file whose path ends in it, every module that a string names,
every module of a package that is named as a whole. Code that loads or starts what no source says is kept by
itself (``unknown``), and so are modules named by configuration, which any test may load (``everywhere``).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_IN_TEXT = re.compile(rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_LOADS = frozenset(
    {"exec", "eval", "__import__", "import_module", "spec_from_file_location", "run_path", "run_module"}
    | {"walk_packages", "iter_modules", "entry_points", "iter_entry_points", "load_entry_point"}
)
_STARTS = frozenset({"subprocess", "pexpect", "pty"})
_STARTING = re.compile(
    r"(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?|create_subprocess_\w+|fork|posix_spawnp?)"
)
_FIXTURES = frozenset({"pytester", "testdir", "script_runner"})


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """``uses``: file → files that its import loads. ``unknown``: file → what of it no source says."""

    uses: dict[str, frozenset[str]]
    unknown: dict[str, str]
    everywhere: frozenset[str]


def import_graph(
    sources: Mapping[str, bytes], config: Mapping[str, bytes], others: Iterable[str] = ()
) -> Graph:
    """The graph of the Python files ``sources`` (path → content). ``config`` files may name modules;
    ``others`` are all paths, so that a file which a string names is depended on too."""
    names = _Names(sources, others)
    uses, unknown = {}, {}
    for path, source in sources.items():
        try:
            tree = ast.parse(source)
            found, why = _File(path, names).read(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            found, why = set(), "it cannot be read as Python"
        found |= names.ancestors(path)
        found |= {p for p in _conftests(path) if p in sources}
        uses[path] = frozenset(found - {path})
        if why:
            unknown[path] = why
    everywhere: set[str] = set()
    for content in config.values():
        for word in set(_IN_TEXT.findall(content)):
            everywhere |= names.named(word.decode("ascii"))
    return Graph(uses=uses, unknown=unknown, everywhere=frozenset(everywhere))


class _Names:
    """Which files a name may mean."""

    def __init__(self, paths: Iterable[str], others: Iterable[str]) -> None:
        self._by_last: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._by_parts: dict[tuple[str, ...], str] = {}
        self._by_base: dict[str, list[str]] = {}
        self._packages: dict[tuple[str, ...], list[str]] = {}
        for path in {*paths, *others}:
            self._by_base.setdefault(path.rpartition("/")[2], []).append(path)
        for path in paths:
            parts = _parts(path)
            self._by_parts[parts] = path
            if parts:
                self._by_last.setdefault(parts[-1], []).append((parts, path))
            for end in range(len(parts)):
                self._packages.setdefault(parts[:end], []).append(path)

    def ancestors(self, path: str) -> set[str]:
        """The packages around a file, which are loaded before it."""
        parts = _parts(path)
        return {self._by_parts[parts[:n]] for n in range(1, len(parts)) if parts[:n] in self._by_parts} - {
            path
        }

    def exact(self, parts: tuple[str, ...]) -> set[str]:
        """The file of just these parts of a path, with the packages around it."""
        path = self._by_parts.get(parts)
        return {path} | self.ancestors(path) if path else set()

    def module(self, name: tuple[str, ...]) -> set[str]:
        """Every file whose path ends in the name, with the packages around each."""
        found: set[str] = set()
        for parts, path in self._by_last.get(name[-1], ()) if name else ():
            if parts[-len(name) :] == name:
                found |= {path} | self.ancestors(path)
        return found

    def longest(self, name: tuple[str, ...]) -> set[str]:
        """The files of the longest beginning of the name that is a module: the rest may be an attribute."""
        for end in range(len(name), 0, -1):
            found = self.module(name[:end])
            if found:
                return found
        return set()

    def named(self, text: str) -> set[str]:
        """What a string may name: a module, or everything in a package that is named as a whole."""
        base = self._by_base.get(text.rpartition("/")[2])
        if base:
            return set(base)
        if not _DOTTED.fullmatch(text):
            return set()
        name = tuple(text.split("."))
        if len(name) == 1 and not self._is_top(name):
            return set()
        found = self.longest(name)
        for path in tuple(found):
            if path.endswith("/__init__.py") and _parts(path)[-len(name) :] == name:
                found |= set(self._packages.get(_parts(path), ()))
        return found

    def _is_top(self, name: tuple[str, ...]) -> bool:
        """Whether a single word is a package in the root or one folder below it, such as ``src``."""
        return any(
            path.endswith("/__init__.py") and len(parts) <= 2
            for parts, path in self._by_last.get(name[0], ())
        )


class _File:
    def __init__(self, path: str, names: _Names) -> None:
        self._path, self._names = path, names
        self._package = tuple(path.split("/")[:-1])

    def read(self, tree: ast.Module) -> tuple[set[str], str]:
        found: set[str] = set()
        why = ""
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                found |= set().union(*self._imported(node))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 300:
                for word in node.value.split():
                    found |= self._names.named(word.strip("\"'`,;:()[]{}").partition(":")[0])
            why = why or self._unknown(node)
        return found, why

    def _imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[set[str]]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield self._names.longest(tuple(alias.name.split(".")))
            return
        module = tuple(node.module.split(".")) if node.module else ()
        if node.level:
            base = (*self._package[: len(self._package) - node.level + 1], *module)
            yield self._names.exact(base)
            for alias in node.names:
                yield self._names.exact((*base, alias.name))
            return
        yield self._names.longest(module)
        for alias in node.names:
            yield self._names.module((*module, alias.name))

    def _unknown(self, node: ast.AST) -> str:
        if isinstance(node, ast.Call):
            name = _called(node.func)
            constant = bool(node.args) and isinstance(node.args[0], ast.Constant)
            if name in _LOADS and not (name in ("__import__", "import_module") and constant):
                return f"it loads code by {name}()"
            if isinstance(node.func, ast.Attribute) and _STARTING.fullmatch(name):
                return f"it starts programs by {name}()"
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if any(name.split(".")[0] in _STARTS for name in modules):
                return "it starts programs"
        elif isinstance(node, ast.arg) and node.arg in _FIXTURES:
            return f"it runs tests or programs of its own ({node.arg})"
        return ""


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _parts(path: str) -> tuple[str, ...]:
    """``a/b.py`` and ``a/b/__init__.py`` → (a, b)."""
    return tuple(path.removesuffix(".py").removesuffix("/__init__").split("/"))


def _conftests(path: str) -> Iterator[str]:
    """The conftest.py files that pytest loads before a file."""
    folder = path
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        yield f"{folder}/conftest.py"
    yield "conftest.py"
