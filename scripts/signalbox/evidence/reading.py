"""What a reader hands back, and how a file says that it cannot be trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from signalbox.decision import Gap, Origin, Status, Subject, Tier

JUNK = "signalbox-unreadable"


class Untrusted(Exception):
    """The file cannot be believed. ``code`` is stable, ``text`` is a sentence for a person.

    ``facts`` are those read before the trouble; they never make a pass, but a failing test in a truncated
    report is still a failing test.
    """

    def __init__(self, code: str, text: str, facts: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.code, self.text, self.facts = code, text, facts or {}


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One file understood. ``status`` is what the content says; any gap turns a pass into not_verified."""

    status: Status
    facts: dict[str, Any] = {}
    gaps: tuple[Gap, ...] = ()
    subject: Subject = Subject()
    observed_at: str | None = None
    producer: str = ""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller knows about a file and the file itself may not say."""

    producer: str = ""
    subject: Subject = Subject()
    observed_at: str | None = None
    fresh_until: str | None = None
    tier: Tier = "adapter"
    origin: Origin = "self-reported"


class XmlHandler(Protocol):
    """Takes one XML report element by element; names come without their namespace prefix."""

    def start(self, name: str, attributes: dict[str, str]) -> None: ...  # noqa: D102
    def end(self, name: str) -> None: ...  # noqa: D102
    def reading(self) -> Reading: ...  # noqa: D102
    def partial(self) -> dict[str, Any]: ...  # noqa: D102


class XmlReader(msgspec.Struct, frozen=True, kw_only=True):
    """A format told by its root element."""

    format: str
    kind: str
    roots: frozenset[str]
    handler: Callable[[], XmlHandler]


class JsonReader(msgspec.Struct, frozen=True, kw_only=True):
    """A format told by the shape of its JSON document."""

    format: str
    kind: str
    recognises: Callable[[Any], bool]
    read: Callable[[Any], Reading]


class TextReader(msgspec.Struct, frozen=True, kw_only=True):
    """A line format told by its first lines; ``read`` takes all lines, lazily."""

    format: str
    kind: str
    recognises: Callable[[str], bool]
    read: Callable[[Any], Reading]
