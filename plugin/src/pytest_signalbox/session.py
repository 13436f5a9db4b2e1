"""Starting and ending the recording of this process."""

from __future__ import annotations

import atexit
import os
import sys

from . import memo
from .children import TOKEN, Children
from .loader import Finder, Imports, ProbeLoader
from .recorder import Recorder
from .watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional

DIRECTORY = "PYTEST_SIGNALBOX_DIR"
ROOT = "PYTEST_SIGNALBOX_ROOT"
CACHE = "PYTEST_SIGNALBOX_CACHE"

active: Optional[Recorder] = None
_ends: List[Callable[[], None]] = []


def start() -> Optional[Recorder]:
    """Begin to record when the environment asks for it. Never raises; returns the recorder or None."""
    global active
    directory = os.environ.get(DIRECTORY)
    if not directory or active is not None:
        return active
    try:
        active = _start(directory, os.environ.get(ROOT) or os.getcwd(), os.environ.get(TOKEN, ""))
        atexit.register(finish, "exit")
    except Exception as error:
        print("pytest-signalbox: cannot record: %r" % (error,), file=sys.stderr)
    return active


def _start(directory: str, root: str, parent: str) -> Recorder:
    recorder = Recorder(directory, root, parent)
    ProbeLoader.recorder = recorder
    ProbeLoader.cache = os.environ.get(CACHE, "")
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        relative = recorder.place(path) if isinstance(path, str) else None
        if relative is not None:
            # Imported before there were probes: everything depends on the whole file.
            recorder.root_context.read.add(relative)
            recorder.writer.write({"early": relative, "module": name})
    children = Children(recorder)
    watch = Watch(recorder)
    watch.on_start = children.started
    imports = Imports(recorder)
    finder: Any = Finder(recorder)
    children.install()
    _ends.append(memo.install(recorder))
    imports.install()
    _ends.append(imports.remove)
    sys.meta_path.insert(0, finder)
    _ends.append(lambda: sys.meta_path.remove(finder) if finder in sys.meta_path else None)
    watch.install()
    _ends.append(watch.remove)
    if not os.environ.get(TOKEN):
        os.environ[TOKEN] = "none"  # so that a copied environment is known to come from here
    return recorder


def finish(status: str) -> None:
    """Write what is left and take every hook away."""
    if active is None or not active.active:
        return
    active.writer.write({"extensions": _extensions()})
    active.finish(status)
    while _ends:
        try:
            _ends.pop()()
        except Exception as error:
            print("pytest-signalbox: cannot take a hook away: %r" % (error,), file=sys.stderr)


def _extensions() -> List[str]:
    """Loaded extension modules that are not the standard library's: C code reads files unseen."""
    from importlib.machinery import ExtensionFileLoader

    standard = getattr(sys, "stdlib_module_names", ()) or sys.builtin_module_names
    found = set()
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec is None or not isinstance(spec.loader, ExtensionFileLoader):
            continue
        path = spec.origin or ""
        if name.split(".")[0] in standard or "lib-dynload" in path:
            continue
        found.add(name)
    return sorted(found)
