"""Files written so that a reader, or a killed process, sees the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from signalbox.errors import InputError


def write_atomic(path: Path, data: bytes) -> None:
    """Replace ``path`` with ``data``; makes the folder. ``InputError`` when it cannot be written.

    What is there must be a plain file or nothing: a device or a pipe would be replaced by a file.
    """
    if not path.name or "\0" in str(path):
        raise InputError("this is not the name of a file", where=str(path) or "(empty)")
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            raise InputError("the file cannot be written", where=str(path), why="it is not a plain file")
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InputError("the file cannot be written", where=str(path), why=error.strerror or "") from None


def read_limited(path: Path, limit: int, what: str) -> bytes:
    """The bytes of a plain file of at most ``limit`` bytes; ``InputError`` names ``what`` is wrong.

    A pipe or a device is refused before it can block or never end, and no more than ``limit`` is read
    even of a file that grows meanwhile or does not tell its size.
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"the {what} is not a plain file", where=str(path), fix="Check the path.")
            data = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise InputError(f"there is no {what} here", where=str(path), fix="Check the path.") from None
    except OSError as error:
        raise InputError(f"the {what} cannot be read", where=str(path), why=error.strerror or "") from None
    if len(data) > limit:
        raise InputError(f"the {what} is larger than {limit} bytes", where=str(path))
    return data
