"""Files written so that a reader, or a killed process, sees the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from signalbox.errors import InputError


def write_atomic(path: Path, data: bytes) -> None:
    """Replace ``path`` with ``data``; makes the folder. ``InputError`` when it cannot be written."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
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
    """The bytes of a regular file of at most ``limit`` bytes; ``InputError`` names ``what`` is wrong."""
    try:
        if not path.is_file():
            raise InputError(f"there is no {what} here", where=str(path), fix="Check the path.")
        if path.stat().st_size > limit:
            raise InputError(f"the {what} is larger than {limit} bytes", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"the {what} cannot be read", where=str(path), why=error.strerror or "") from None
