"""What a runner's results are read into: rows, each one draw of one case, and the session they came from."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from signalbox.decision import Gap

Anchor = Literal["", "good", "bad", "stored"]
"""Known-good and known-bad outputs, and stored outputs of the baseline, that the judge is shown again."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One draw of one case.

    ``trouble`` is the code of what makes the row no evidence (``target-outage``, ``judge-outage`` …), empty
    for a row that counts. ``assertions`` is the digest of all that was asked of the case and of its answer.
    """

    case: str
    role: str = ""
    layer: str = ""
    critical: bool = False
    anchor: Anchor = ""
    was: bool | None = None
    passed: bool
    trouble: str = ""
    detail: str = ""
    assertions: str = ""
    judged: bool = False
    order: int = 0
    target: str = ""
    judge: str = ""
    output: str = ""
    asserts: list[Any] = []
    variables: dict[str, Any] = {}


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What a session cost: calls, tokens, the runner's own estimate in US dollars, seconds of waiting."""

    target_calls: int = 0
    judge_calls: int = 0
    tokens: int = 0
    dollars: float = 0.0
    seconds: float = 0.0

    def plus(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One results file understood. ``repeat`` is how often each case should appear, None if nobody says.

    ``setup`` is the digest of what the config does besides its cases; ``files`` are the digests of the files
    it names, None where another job ran it and they are not known.
    """

    format: str
    source: str = ""
    sha256: str = ""
    suite: str = ""
    made_at: str | None = None
    producer: str = ""
    repeat: int | None = None
    digest: str = ""
    setup: str = ""
    files: dict[str, str] | None = None
    rows: tuple[Row, ...] = ()
    gaps: tuple[Gap, ...] = ()
    spent: Spent = Spent()


class Unreadable(Exception):
    """The file cannot be believed at all; ``code`` is stable, ``text`` a sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def text_of(value: Any, limit: int = 4000) -> str:
    """A runner's output as text of at most ``limit`` characters, whatever shape it had."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode(errors="replace")
    return text[:limit]
