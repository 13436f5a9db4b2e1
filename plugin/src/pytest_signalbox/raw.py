"""The raw recording: one file of JSON lines per process, named so that no two processes share one.

The format is described in the plugin's README. Version 1. A file without its last line (``end``) was cut
short, and its reader must not trust what it does not say.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from typing import Any, Dict

VERSION = 1


def blob(data: bytes) -> str:
    """The name git gives to a file with these bytes (SHA-1 object format)."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def bits(marked: bytes) -> str:
    """Bytes of 0 and 1 as hexadecimal, block 0 the lowest bit."""
    return "%x" % int(bytes(marked[::-1]).translate(_DIGITS), 2)


_DIGITS = bytes([48, 49]) + bytes([49]) * 254


class Writer:
    """Appends lines to this process's own file."""

    def __init__(self, directory: str, root: str, parent: str) -> None:
        os.makedirs(directory, exist_ok=True)
        self.path = os.path.join(directory, "raw-%d-%s.jsonl" % (os.getpid(), os.urandom(16).hex()))
        self._file = open(self.path, "w", encoding="utf-8", errors="surrogateescape", newline="\n")
        self._lock = threading.Lock()
        self._tests = 0
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
        text = json.dumps(line, separators=(",", ":"))
        with self._lock:
            if not self._file.closed:
                self._file.write(text + "\n")
        if "test" in line:
            self._tests += 1

    def write_context(self, context: Any) -> None:
        """Write one context; the reader unites several lines of the same number."""
        line: Dict[str, Any] = {"ctx": context.id, "kind": context.kind, "name": context.name}
        if context.seen:
            line["seen"] = {str(index): bits(marked) for index, marked in context.seen.items()}
        for field in ("read", "listed", "looked", "missing", "env", "uses"):
            value = getattr(context, field)
            if value:
                line[field] = sorted(value)
        if context.spawned:
            line["spawned"] = context.spawned
        self.write(line)

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
