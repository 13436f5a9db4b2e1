"""Open a file that somebody else wrote, and read it once: bounded, hashed, checked to be UTF-8."""

from __future__ import annotations

import codecs
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from signalbox.evidence.reading import Untrusted

CHUNK = 1 << 18
MAX_STREAMED_BYTES = 1 << 30
MAX_DOCUMENT_BYTES = 1 << 27


class Source:
    """A regular file under ``root``. Iterating ``chunks`` hashes and checks every byte on the way."""

    def __init__(self, path: Path, root: Path) -> None:
        self._hash = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.sha256 = ""
        self.descriptor, self.size, self.modified = _open(path, root)

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def chunks(self, limit: int) -> Iterator[bytes]:
        """The bytes in pieces, without a byte order mark; afterwards ``sha256`` is set."""
        if self.size > limit:
            raise Untrusted("too-large", f"{self.size} bytes, and at most {limit} are read in this format")
        first, seen = True, 0
        while chunk := os.read(self.descriptor, CHUNK):
            seen += len(chunk)
            if seen > limit:
                raise Untrusted("too-large", f"the file grew past {limit} bytes while it was read")
            self._hash.update(chunk)
            self._check(chunk, final=False)
            if first and b"\0" in chunk[:4]:
                raise Untrusted("not-utf-8", "this looks like UTF-16 or UTF-32; write the report as UTF-8")
            if first and chunk.startswith(codecs.BOM_UTF8):
                chunk = chunk[3:]
            first = False
            if chunk:
                yield chunk
        self._check(b"", final=True)
        self.sha256 = self._hash.hexdigest()
        if not seen:
            raise Untrusted("empty", "the file is empty: the tool that should have written it did not finish")

    def drain(self) -> None:
        """Hash what was not read, so that even refused bytes are named by their digest."""
        if self.sha256 or self.size > MAX_STREAMED_BYTES:
            return
        while chunk := os.read(self.descriptor, CHUNK):
            self._hash.update(chunk)
        self.sha256 = self._hash.hexdigest()

    def _check(self, chunk: bytes, *, final: bool) -> None:
        try:
            self._decoder.decode(chunk, final=final)
        except UnicodeDecodeError as error:
            raise Untrusted(
                "not-utf-8", f"the bytes are not UTF-8 ({error.reason}); write the report as UTF-8"
            ) from None


def _open(path: Path, root: Path) -> tuple[int, int, float]:
    try:
        real = path.resolve(strict=True)
        inside = real.is_relative_to(root.resolve(strict=True))
    except FileNotFoundError:
        raise Untrusted("missing", "there is no such file") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise Untrusted("unreadable", f"the path cannot be followed: {_why(error)}") from None
    if not inside:
        raise Untrusted("outside", "a symbolic link leads out of the evidence folder; it was not followed")
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer that never comes.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(real, flags)
    except OSError as error:
        raise Untrusted("unreadable", f"the file cannot be opened: {_why(error)}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise Untrusted("not-a-file", f"this is {what}")
    return descriptor, status.st_size, status.st_mtime


def _why(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
