"""What the ledger gives back: the records that count, each id once, and a name for all that does not."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from signalbox.decision import SCHEMA_VERSION, sha256_hex

_NAME = re.compile(
    r"(?P<untrusted>untrusted/)?(?P<shelf>decisions|outcomes)/\d{4}/\d{2}/\d{2}/"
    r"(?P<stem>[0-9A-Za-z_-]{1,125})\.(?P<digest>[0-9a-f]{32})\.json"
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One kept record: its name, its exact bytes, and whose word it is.

    `newer` says that a later version wrote it, so that fields may mean more than this reader knows.
    """

    name: str
    raw: bytes
    id: str
    kind: str
    trusted: bool
    newer: bool

    @property
    def data(self) -> dict[str, Any]:
        """The whole record as plain values, parsed anew at each call."""
        plain: dict[str, Any] = msgspec.json.decode(self.raw)
        return plain


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """A file that does not count, and why. Codes: corrupt, unreadable, foreign, conflict, too-large; and
    repeated, an outcome that was reported again later, which is no harm."""

    name: str
    code: str
    why: str


class _OutcomeHead(msgspec.Struct):
    id: str
    schema_version: int = SCHEMA_VERSION


class _DecisionHead(msgspec.Struct):
    id: str
    kind: str


class _BundleHead(msgspec.Struct):
    decision: _DecisionHead
    schema_version: int = SCHEMA_VERSION


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: entries in order of their names, and everything that could not be counted."""

    entries: tuple[Entry, ...]
    damaged: tuple[Damage, ...]


def read_entry(name: str, raw: bytes) -> Entry | Damage:
    """One record as it lies in a store; every flaw is a Damage that says which."""
    match = _NAME.fullmatch(name)
    if match is None:
        return Damage(name=name, code="foreign", why="not a name this ledger gives")
    if not sha256_hex(raw).startswith(match["digest"]):
        return Damage(
            name=name, code="corrupt", why=f"{len(raw)} bytes that do not match the digest in the name"
        )
    try:
        # Only the head is decoded; the rest is checked to be JSON and skipped.
        if match["shelf"] == "outcomes":
            told = msgspec.json.decode(raw, type=_OutcomeHead)
            kind, ident, version = "outcome", told.id, told.schema_version
        else:
            made = msgspec.json.decode(raw, type=_BundleHead)
            kind, ident, version = made.decision.kind, made.decision.id, made.schema_version
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Damage(name=name, code="unreadable", why=str(error))
    if f"{kind}-{ident}" != match["stem"]:
        return Damage(name=name, code="unreadable", why="the name is not that of the record inside")
    return Entry(
        name=name,
        raw=raw,
        id=ident,
        kind=kind,
        trusted=match["untrusted"] is None,
        newer=version > SCHEMA_VERSION,
    )


def collect(found: list[Entry | Damage]) -> Reading:
    """Count each id once.

    An outcome reported again later is the same outcome: the first by name counts.

    Equal bytes under one name are one record. Different bytes for one id are a conflict: the trusted one,
    then the first by name, counts; the others are kept, named, and not counted.
    """
    entries: dict[str, Entry] = {}
    damaged = {(d.name, d.code): d for d in found if isinstance(d, Damage)}
    ordered = sorted((e for e in found if isinstance(e, Entry)), key=lambda e: (not e.trusted, e.name))
    for entry in ordered:
        first = entries.setdefault(entry.id, entry)
        if first.name != entry.name:
            code = "repeated" if _same_but_for_the_telling(first, entry) else "conflict"
            why = f"the same id as {first.name}, which counts"
            damaged[entry.name, code] = Damage(name=entry.name, code=code, why=why)
    return Reading(
        entries=tuple(sorted(entries.values(), key=lambda e: e.name)),
        damaged=tuple(sorted(damaged.values(), key=lambda d: (d.name, d.code))),
    )


def _same_but_for_the_telling(first: Entry, second: Entry) -> bool:
    if first.kind != "outcome" or second.kind != "outcome":
        return False
    telling = ("recorded_at", "producer")
    one, two = ({k: v for k, v in e.data.items() if k not in telling} for e in (first, second))
    return one == two
