"""One results file, whichever runner wrote it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from signalbox.decision import Gap, sha256_hex
from signalbox.evals import inspect_ai, promptfoo
from signalbox.evals.model import Session, Unreadable

MAX_BYTES = 1 << 28


def looks_like_xml(data: bytes) -> bool:
    """JUnit is read by the evidence room: a suite of plain tests, green or not."""
    return data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def read_results(
    data: bytes, *, source: str, urls: frozenset[str] = frozenset(), folder: Path | None = None
) -> Session:
    """The session in these bytes; what cannot be believed is a session without rows and with the gap.

    ``urls`` and ``folder`` as in ``promptfoo.read``.
    """
    try:
        session = (
            inspect_ai.read(data)
            if inspect_ai.recognises(data)
            else promptfoo.read(data, urls=urls, folder=folder)
        )
    except Unreadable as error:
        session = Session(format="unknown", gaps=(Gap(error.code, error.text),))
    return msgspec.structs.replace(session, source=source, sha256=sha256_hex(data))
