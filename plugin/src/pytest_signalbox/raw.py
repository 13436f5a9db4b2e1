"""The raw recording: one file of JSON lines per process, named so that no two processes share one.

The format is described in the plugin's README. Version 2. A file without its last line (``end``) was cut
short, and its reader must not trust what it does not say.
"""

from __future__ import annotations

import _thread
import os
import sys

# Every Python process that a test starts loads this: what hashlib and json bring with them takes longer.
try:
    from _sha1 import sha1 as sha1  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from hashlib import sha1 as sha1
try:
    from _json import encode_basestring_ascii as _quote
except ImportError:
    from json.encoder import encode_basestring_ascii as _quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

VERSION = 2


def blob(data: bytes) -> str:
    """The name git gives to a file with these bytes (SHA-1 object format)."""
    return str(sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest())


def bits(marked: bytes) -> str:
    """Bytes of 0 and 1 as hexadecimal, block 0 the lowest bit."""
    return "%x" % int(bytes(marked[::-1]).translate(_DIGITS), 2)


_DIGITS = bytes([48, 49]) + bytes([49]) * 254
_NAMES = ("read", "listed", "looked", "missing", "env")


def _encode(value: Any) -> str:
    """JSON of what is written here: dictionaries, lists, text, whole numbers, truth."""
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, dict):
        return "{%s}" % ",".join(["%s:%s" % (_quote(key), _encode(inner)) for key, inner in value.items()])
    if isinstance(value, (list, tuple)):
        return "[%s]" % ",".join([_encode(inner) for inner in value])
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else "%d" % value


class Writer:
    """Appends lines to this process's own file."""

    def __init__(self, directory: str, root: str, parent: str) -> None:
        os.makedirs(directory, exist_ok=True)
        self.path = os.path.join(directory, "raw-%d-%s.jsonl" % (os.getpid(), os.urandom(16).hex()))
        self._file = open(self.path, "w", encoding="utf-8", errors="surrogateescape", newline="\n")
        self._lock = _thread.allocate_lock()
        self._tests = 0
        self._known: Dict[Tuple[int, bytes], int] = {}
        self.write(
            {
                "signalbox_raw": VERSION,
                "python": "%d.%d.%d" % sys.version_info[:3],
                "implementation": sys.implementation.name,
                "platform": sys.platform,
                "root": root,
                "pid": os.getpid(),
                "parent": parent,
            }
        )

    def write(self, line: Dict[str, Any]) -> None:
        """Write one line. Names are written with ASCII escapes, so that no name can break a line."""
        self._write(_encode(line) + "\n")

    def _write(self, text: str) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.write(text)

    def write_context(self, context: Any) -> None:
        """Write one context; the reader unites several lines of the same number."""
        self._write(
            '{"ctx":%d,"kind":"%s","name":%s%s}\n'
            % (context.id, context.kind, _quote(context.name), self._held(context))
        )

    def write_test(self, context: Any, outcome: str, seconds: float, reruns: int) -> None:
        """Write one finished test with all it depends on, in one line."""
        self._tests += 1
        self._write(
            '{"test":%s,"ctx":%d,"outcome":"%s","seconds":%.4f,"reruns":%d%s}\n'
            % (_quote(context.name), context.id, outcome, seconds, reruns, self._held(context))
        )

    def _held(self, context: Any) -> str:
        """The rest of a context's line. Each distinct set of a file's blocks is written once, before it."""
        parts: List[str] = []
        if context.seen:
            numbers = []
            for key in context.seen.items():
                number = self._known.get(key)
                if number is None:
                    number = self._known[key] = len(self._known)
                    self._write('{"set":%d,"of":%d,"bits":"%s"}\n' % (number, key[0], bits(key[1])))
                numbers.append(number)
            parts.append(',"seen":%s' % numbers)
        if context.uses:
            parts.append(',"uses":%s' % sorted(context.uses))
        for field in _NAMES:
            value = getattr(context, field)
            if value:
                parts.append(',"%s":%s' % (field, _encode(sorted(value))))
        if context.spawned:
            parts.append(',"spawned":%s' % _encode(context.spawned))
        return "".join(parts)

    def flush(self) -> None:
        """Hand over to the operating system what is buffered."""
        with self._lock:
            if not self._file.closed:
                self._file.flush()

    def close(self, status: str) -> None:
        """Write the last line and close."""
        self.write({"end": {"tests": self._tests, "status": status}})
        with self._lock:
            self._file.close()
