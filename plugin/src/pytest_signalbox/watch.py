"""Note what is read besides code: files, folders, environment variables, and which processes are started.

Files and folders come from audit events. ``os.stat``, ``os.access`` and ``os.readlink`` raise none and are
wrapped; ``exists``, ``isfile`` and their like rest on them. What C code opens by itself is invisible: loaded
extension modules are therefore listed, and the reader decides what they mean.
"""

from __future__ import annotations

import functools
import os
import sys

from .loader import hidden
from .recorder import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

# What is done with which audit event. All others are let through at once: there are thousands a second.
_KINDS = {
    "open": "read",
    "sqlite3.connect": "read",
    "cpython.run_file": "read",
    "os.listdir": "listed",
    "os.scandir": "listed",
    "os.symlink": "linked",
    "os.link": "linked",
    "subprocess.Popen": "started",
    "os.system": "started",
    "os.exec": "started",
    "os.posix_spawn": "started",
    "os.spawn": "started",
    "os.startfile": "started",
    "pty.spawn": "started",
}
# Callers whose own looking at files is theirs and not the test's.
_MACHINERY = (
    "_frozen_importlib_external",
    "importlib._bootstrap_external",
    "importlib.metadata",  # looks for installed distributions wherever modules come from
    "importlib_metadata",
    "_pytest.",
    "pytest_signalbox",
    "pluggy.",
)
_PASSES = frozenset(
    ["os", "pathlib", "pathlib._local", "glob", "genericpath", "posixpath", "fnmatch", "io", "shutil"]
    + ["linecache", "tokenize", "inspect", "traceback", "contextlib", "functools"]
)


# Set and read by pytest for every test; its value is the test's own name.
_CURRENT_TEST = "PYTEST_CURRENT_TEST"


class Watch:
    """The hooks; `install` once, `remove` at the end (an audit hook can only fall silent)."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._undo: List[Tuple[Any, str, Any, Any]] = []
        self._busy = False
        self._links: Dict[str, str] = {}
        self.on_start: Optional[Callable[[str, Any], None]] = None

    def install(self) -> None:
        """Start watching."""
        for name in ("stat", "access", "readlink", "lstat"):
            self._wrap_path(os, name)
        if sys.version_info < (3, 11):
            import pathlib

            accessor = pathlib._NormalAccessor  # type: ignore[attr-defined]  # the functions are bound here
            for name in ("stat", "lstat", "readlink"):
                if hasattr(accessor, name) and getattr(os, name, None) is not None:
                    self._set(accessor, name, staticmethod(getattr(os, name)))
        self._wrap_environ()
        sys.addaudithook(self._audit)

    def remove(self) -> None:
        """Stop watching; a name that somebody else has replaced since is left to them."""
        for owner, name, wrapper, original in reversed(self._undo):
            if owner.__dict__.get(name) is not wrapper:
                continue
            if original is None:
                delattr(owner, name)
            else:
                setattr(owner, name, original)

    def _set(self, owner: Any, name: str, wrapper: Any) -> None:
        self._undo.append((owner, name, wrapper, owner.__dict__.get(name)))
        setattr(owner, name, wrapper)

    # files

    def _wrap_path(self, owner: Any, name: str) -> None:
        original = getattr(owner, name)
        noted = self._looked_at

        @functools.wraps(original)
        def wrapper(path: Any, *args: Any, **kwargs: Any) -> Any:
            if path.__class__ is not int:
                noted(path)
            return original(path, *args, **kwargs)

        self._set(owner, name, hidden(wrapper))
        # shutil asks whether a function is in these sets before it uses its features.
        for supports in (
            os.supports_fd,
            os.supports_dir_fd,
            os.supports_follow_symlinks,
            os.supports_effective_ids,
        ):
            if original in supports:
                supports.add(wrapper)

    def _inside(self, path: Any) -> Tuple[str, ...]:
        """``path`` below the root, under the name it was given and under its real one; empty for others'."""
        try:
            text = os.fsdecode(path)
            if not os.path.isabs(text):
                text = os.path.join(os.getcwd(), text)
        except (TypeError, ValueError, OSError):
            return ()
        text = os.path.normpath(text)
        real = self._real(text)
        named = self._below(text)
        if real == text:
            return named
        return tuple(dict.fromkeys(named + self._below(real)))

    def _below(self, text: str) -> Tuple[str, ...]:
        if text == self._recorder.root:
            return (".",)
        found = self._recorder.relative(text)
        return () if found is None else (found,)

    def _real(self, text: str) -> str:
        """``text`` with its links followed; asked again when a link is made."""
        linked = self._links.get(text)
        if linked is None:
            linked = self._recorder.real(text)
            if linked.startswith(self._recorder.root):
                self._links[text] = linked
        return linked

    def _link_made(self, target: Any, link: Any) -> None:
        """What a new link leads to counts as read; through a link to a folder others could read unseen."""
        self._links.clear()
        self._recorder.link_made()
        text = os.fsdecode(target)
        if not os.path.isabs(text):
            text = os.path.join(os.path.dirname(os.path.abspath(os.fsdecode(link))), text)
        inside = self._inside(text)
        self._recorder.current.read.update(inside)
        if inside and os.path.isdir(text):
            entry = {"what": "a link to %s" % inside[0], "token": "", "inside": True}
            self._recorder.current.spawned.append(entry)

    def _looked_at(self, path: Any) -> None:
        recorder = self._recorder
        if not recorder.active or self._busy:
            return
        self._busy = True
        try:
            if not _by_machinery(sys._getframe(2)):
                recorder.current.looked.update(self._inside(path))
        except Exception as error:
            recorder.trouble("file-not-seen", repr(error))
        finally:
            self._busy = False

    def _audit(self, event: str, args: Tuple[Any, ...]) -> None:
        kind = _KINDS.get(event)
        if kind is None:
            return
        recorder = self._recorder
        if not recorder.active or self._busy:
            return
        self._busy = True
        try:
            if kind == "started":
                if self.on_start is not None:
                    self.on_start(event, args)
                return
            path = args[0]
            if path.__class__ is int:
                return
            # Without a caller it is the interpreter itself, which opens the program it is to run.
            if _by_machinery(sys._getframe().f_back):
                return
            if kind == "linked":
                self._link_made(path, args[1])
                return
            inside = self._inside("." if path is None else path)
            if kind == "read":
                recorder.current.read.update(inside)
            else:
                recorder.current.listed.update(inside)
        except Exception as error:
            recorder.trouble("file-not-seen", repr(error))
        finally:
            self._busy = False

    # environment

    def _wrap_environ(self) -> None:
        kind = type(os.environ)
        recorder = self._recorder
        decode: Callable[[Any], Any] = os.environ.decodekey

        def note(key: Any) -> None:
            if recorder.active and key != _CURRENT_TEST:
                if key.__class__ is str:
                    recorder.current.env.add(key)
                elif isinstance(key, bytes):
                    recorder.current.env.add(decode(key))

        original: Dict[str, Any] = {
            name: getattr(kind, name) for name in ("__getitem__", "__contains__", "__iter__")
        }

        def __getitem__(self: Any, key: Any) -> Any:
            note(key)
            return original["__getitem__"](self, key)

        def __contains__(self: Any, key: Any) -> bool:
            note(key)
            return bool(original["__contains__"](self, key))

        def __iter__(self: Any) -> Any:
            if recorder.active and not _by_machinery(sys._getframe(1)):
                recorder.current.env.add("*")
            return original["__iter__"](self)

        def copy(self: Any) -> Dict[str, str]:
            # Made to be handed to a child, which is recorded by itself or selected always.
            return {name: original["__getitem__"](self, name) for name in original["__iter__"](self)}

        wrappers = {
            "__getitem__": __getitem__,
            "__contains__": __contains__,
            "__iter__": __iter__,
            "copy": copy,
        }
        for name, wrapper in wrappers.items():
            self._set(kind, name, wrapper)


def _by_machinery(frame: Any) -> bool:
    """Whether the first caller that is not a thin layer of the standard library is machinery."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        kind = _kinds.get(module)
        if kind is None:
            kind = 0 if module in _PASSES else 1 if module.startswith(_MACHINERY) else 2
            if len(_kinds) < 10_000:
                _kinds[module] = kind
        if kind:
            return kind == 1
        frame = frame.f_back
    return False


_kinds: Dict[str, int] = {}
