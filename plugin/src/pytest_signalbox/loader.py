"""Import the project's modules with probes, and note who imports what.

The finder asks every other finder first and only changes specs that the standard source loader would load;
whatever another hook claims (pytest's assertion rewriting, a type checker's) is left to it, and whoever
imports such a module depends on its whole file.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import marshal
import os
import sys
import types

from . import probes, raw
from .recorder import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

# Frames of files named like this are skipped when `warnings` counts a stack level.
_INTERNAL = "<pytest_signalbox within importlib._bootstrap>"


def hidden(function: Any) -> Any:
    """Make the frames of ``function`` count as the import system's own, as those of a builtin would."""
    function.__code__ = function.__code__.replace(co_filename=_INTERNAL)
    return function


_known_rewriting = ""


def _rewriting() -> str:
    """The name of this version of the rewriting: cached code of another must not be taken for it."""
    global _known_rewriting
    if not _known_rewriting:
        digest = raw.sha1()
        for name in ("probes.py", "rewrite.py", "caches.py"):
            with open(os.path.join(os.path.dirname(__file__), name), "rb") as file:
                digest.update(file.read())
        _known_rewriting = digest.hexdigest()
    return _known_rewriting


def _instrument(source: bytes, path: str) -> Tuple[types.CodeType, List[probes.Position]]:
    from .rewrite import instrument  # loads ast, which a process with a full cache never needs

    return instrument(source, path)


class ProbeLoader(importlib.machinery.SourceFileLoader):
    """The standard source loader, with probes in the code and its own cache of compiled code."""

    recorder: Recorder
    cache: str = ""

    def get_code(self, fullname: str) -> Optional[types.CodeType]:
        """The module's code with probes; the plain code, and a note, when that cannot be had."""
        recorder = self.recorder
        path = self.get_filename(fullname)
        relative = recorder.place(path)
        if relative is None or not recorder.active:
            return super().get_code(fullname)
        try:
            source = self.get_data(path)
            code, starts = self._compiled(source, path)
            row = recorder.row(path, relative, source, starts)
            return probes.bind(code, row, Memo(recorder, relative))
        except SyntaxError:
            return super().get_code(fullname)
        except Exception as error:
            recorder.trouble("not-probed", "%s: %r" % (relative, error))
            recorder.current.read.add(relative)
            return super().get_code(fullname)

    def _compiled(self, source: bytes, path: str) -> Tuple[types.CodeType, List[probes.Position]]:
        if not self.cache:
            return _instrument(source, path)
        about = "%s %s %d %s\0" % (_rewriting(), sys.implementation.cache_tag, sys.flags.optimize, path)
        key = raw.sha1(about.encode("utf-8", "surrogateescape") + source).hexdigest()
        stored = os.path.join(self.cache, key + ".code")
        try:
            with open(stored, "rb") as file:
                code, starts = marshal.load(file)
            return code, starts
        except (OSError, ValueError, EOFError, TypeError):
            pass
        code, starts = _instrument(source, path)
        temporary = "%s.%d" % (stored, os.getpid())
        try:
            os.makedirs(self.cache, exist_ok=True)
            with open(temporary, "wb") as file:
                marshal.dump((code, starts), file)
            os.replace(temporary, stored)
        except OSError:
            pass  # a cache that cannot be written costs time and nothing else
        return code, starts

    def exec_module(self, module: types.ModuleType) -> None:
        """Execute the module in the context of its import, which its importers then use."""
        recorder = self.recorder
        relative = recorder.place(self.path)
        if relative is None or not recorder.active:
            super().exec_module(module)
            return
        context = recorder.shared("import", relative)
        recorder.current.uses.add(context.id)
        before = recorder.enter(context)
        try:
            super().exec_module(module)
        finally:
            recorder.leave(before)


hidden(ProbeLoader.exec_module)


class Memo:
    """Stands in compiled code where a hand-written cache is filled: ``memo[entry] = 1`` opens, ``0`` closes.

    Everything executed between belongs to every test that enters the function whose first block is ``entry``.
    """

    def __init__(self, recorder: Recorder, relative: str) -> None:
        self._recorder = recorder
        self._relative = relative
        self._open: List[Any] = []

    __hash__ = object.__hash__

    def __reduce__(self) -> Any:
        return (dict, ())

    def __setitem__(self, entry: int, step: int) -> None:
        recorder = self._recorder
        if not recorder.active:
            return
        context = recorder.shared("memo", "%s#%d" % (self._relative, entry))
        if step == 1:
            recorder.current.uses.add(context.id)
            self._open.append(recorder.enter(context))
        elif step == 0:
            if self._open:
                recorder.leave(self._open.pop())
        else:
            recorder.current.uses.add(context.id)
            context.uses.add(recorder.current.id)


class Finder:
    """First on ``sys.meta_path``; answers with what the others answer, loaded by `ProbeLoader`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec that the import would have had, with our loader where the source is the project's."""
        spec = None
        others = list(sys.meta_path)
        others = others[others.index(self) + 1 :] if self in others else []
        for finder in others:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                break
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return spec
        if self._recorder.active and self._recorder.place(spec.loader.path) is not None:
            spec.loader = ProbeLoader(spec.loader.name, spec.loader.path)
        return spec


class Imports:
    """Wraps ``__import__`` so that who imports an already imported module is known as well."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: Dict[Any, Tuple[Tuple[int, ...], Tuple[str, ...]]] = {}
        self._import = builtins.__import__
        self._import_module = importlib.import_module

    def install(self) -> None:
        """Put the wrappers in place."""
        recorder, note, missing = self._recorder, self._note, self._missing
        original, original_module = self._import, self._import_module
        known = self._known

        def __import__(
            name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
        ) -> Any:
            try:
                module = original(name, globals, locals, fromlist, level)
            except ImportError:
                missing(name, globals, fromlist, level)
                raise
            package = globals.get("__package__") if level and globals else None
            try:
                found = known.get((name, package, level, fromlist))
            except TypeError:  # a list
                fromlist, found = tuple(fromlist), None
            if found is None:
                note(name, package, level, fromlist)
            else:
                uses, files = found
                if uses:
                    recorder.current.uses.update(uses)
                if files:
                    recorder.current.read.update(files)
            return module

        def import_module(name: str, package: Optional[str] = None) -> types.ModuleType:
            try:
                module = original_module(name, package)
            except ImportError:
                missing(name, {"__package__": package}, (), 0)
                raise
            note(getattr(module, "__name__", name), None, 0, ())
            return module

        self.wrapped: Dict[str, Callable[..., Any]] = {
            "__import__": hidden(__import__),
            "import_module": hidden(import_module),
        }
        builtins.__import__ = __import__
        importlib.import_module = import_module

    def remove(self) -> None:
        """Take the wrappers away again, unless somebody has wrapped them since."""
        if builtins.__import__ is self.wrapped["__import__"]:
            builtins.__import__ = self._import
        if importlib.import_module is self.wrapped["import_module"]:
            importlib.import_module = self._import_module

    def _missing(self, name: str, globals: Any, fromlist: Any, level: int) -> None:
        try:
            base = _absolute(name, (globals or {}).get("__package__"), level)
            self._recorder.current.missing.add(base)
            self._recorder.current.missing.update("%s.%s" % (base, part) for part in fromlist or ())
        except Exception as error:
            self._recorder.trouble("import-not-seen", repr(error))

    def _note(self, name: str, package: Optional[str], level: int, fromlist: Any) -> None:
        if not self._recorder.active:
            return
        try:
            base = _absolute(name, package, level)
            parts = base.split(".")
            if self._foreign(parts[0]):
                self._known[(name, package, level, fromlist)] = ((), ())
                return
            names = [".".join(parts[: i + 1]) for i in range(len(parts))]
            for part in fromlist or ():
                if part == "*":
                    module = sys.modules.get(base)
                    every = getattr(module, "__all__", None) or dir(module)
                    names.extend("%s.%s" % (base, inner) for inner in every)
                else:
                    names.append("%s.%s" % (base, part))
            uses, files = [], []
            for module in filter(None, map(sys.modules.get, names)):
                context, file = self._place(module)
                if context is not None:
                    uses.append(context)
                elif file is not None:
                    files.append(file)
            self._recorder.current.uses.update(uses)
            self._recorder.current.read.update(files)
            self._known[(name, package, level, fromlist)] = (tuple(uses), tuple(files))
        except Exception as error:
            self._recorder.trouble("import-not-seen", "%s: %r" % (name, error))

    def _foreign(self, top: str) -> bool:
        """Whether a top-level module, and whatever is below it, lies outside the project."""
        module = sys.modules.get(top)
        if getattr(module, "__spec__", None) is None or self._place(module) != (None, None):
            return False
        inside = getattr(module, "__path__", ())
        # What is spread over several folders, or has no file, may come to have a part in the project.
        if type(inside) is list and len(inside) == 1:
            return self._recorder.outside(inside[0])
        return inside == () and hasattr(module, "__file__")

    def _place(self, module: Any) -> Tuple[Optional[int], Optional[str]]:
        spec = getattr(module, "__spec__", None)
        origin = getattr(spec, "origin", None) or getattr(module, "__file__", None)
        if not isinstance(origin, str) or not os.path.isabs(origin):
            return None, None
        relative = self._recorder.place(origin)
        if relative is None:
            return None, None
        if isinstance(getattr(spec, "loader", None), ProbeLoader):
            return self._recorder.shared("import", relative).id, None
        return None, relative


def _absolute(name: str, package: Optional[str], level: int) -> str:
    if not level:
        return name
    base = (package or "").rsplit(".", level - 1)[0] if level > 1 else package or ""
    return base + "." + name if name else base
