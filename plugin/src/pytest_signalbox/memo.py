"""Caches of the standard library: what fills them belongs to every test that reads them.

``functools.lru_cache`` (and ``cache``) build their wrapper from a name in ``functools``; putting another
maker there reaches every use, however it was imported. Caches of code outside the project stay as they were.
"""

from __future__ import annotations

import functools
from _weakrefset import WeakSet

from .loader import hidden
from .recorder import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional


def _owner(recorder: Recorder, function: Any) -> Optional[str]:
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    relative = recorder.place(code.co_filename)
    if relative is None:
        return None
    return "%s:%d:%s" % (relative, code.co_firstlineno, getattr(function, "__qualname__", ""))


def install(recorder: Recorder) -> Any:
    """Put the noting wrappers in place; returns a function that takes them away again."""
    standard: Any = functools
    plain = getattr(standard, "_lru_cache_wrapper", None)
    if not isinstance(plain, type):
        recorder.trouble("caches-not-seen", "functools has no class of cached functions in this Python")
        return lambda: None
    base: Any = plain

    def cached(function: Any, *args: Any) -> Any:
        name = _owner(recorder, function) if recorder.active else None
        if name is None:
            return base(function, *args)
        context = recorder.shared("cache", name)

        def fill(*a: Any, **k: Any) -> Any:
            if not recorder.active:
                return function(*a, **k)
            before = recorder.enter(context)
            try:
                return function(*a, **k)
            finally:
                recorder.leave(before)

        inner = base(hidden(fill), *args)

        # A plain function, as functools makes it where it has no C code: binds, copies and pickles alike.
        def cached_function(*a: Any, **k: Any) -> Any:
            recorder.current.uses.add(context.id)
            return inner(*a, **k)

        cached_function.cache_info = inner.cache_info  # type: ignore[attr-defined]
        cached_function.cache_clear = inner.cache_clear  # type: ignore[attr-defined]
        noted.add(cached_function)
        return hidden(cached_function)

    noted: Any = WeakSet()

    class Stand(type):
        """Makes the stand-in answer as the class it stands for: called, and asked for instances."""

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return cached(*args, **kwargs)

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, base) or instance in noted

    class CachedFunction(metaclass=Stand):
        """In the place of ``functools._lru_cache_wrapper`` while recording."""

    standard._lru_cache_wrapper = CachedFunction
    restore_property = _watch_cached_property(recorder)

    def remove() -> None:
        restore_property()
        if standard._lru_cache_wrapper is CachedFunction:
            standard._lru_cache_wrapper = plain

    return remove


def _watch_cached_property(recorder: Recorder) -> Any:
    """A cached property's hits cannot be seen; the reader finds who reads the attribute by its name."""
    kind = functools.cached_property
    original = kind.__get__

    def __get__(self: Any, instance: Any, owner: Any = None) -> Any:
        name = _owner(recorder, self.func) if recorder.active and instance is not None else None
        if name is None:
            return original(self, instance, owner)
        context = recorder.shared("attribute", "%s#%s" % (self.attrname, name))
        recorder.current.uses.add(context.id)
        before = recorder.enter(context)
        try:
            return original(self, instance, owner)
        finally:
            recorder.leave(before)

    kind.__get__ = hidden(__get__)  # type: ignore[method-assign]

    def remove() -> None:
        if kind.__get__ is __get__:
            kind.__get__ = original  # type: ignore[method-assign]

    return remove
