"""Makes the ledger say what is claimed now, by adding only: what is new, and what takes back the rest.

A claim has a key; its outcome's id is drawn from that, so that gathering again adds nothing. A claim that no
longer holds is retracted; one that holds again has its retraction retracted, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from signalbox.decision import Subject, canonical, format_time, parse_time, sha256_hex
from signalbox.ledger.records import Label, Outcome, OutcomeSource


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one source says of one delivery; the first word of ``key`` is the source that was read."""

    source: OutcomeSource
    key: str
    at: str
    label: Label = "bad"
    decision: str = ""
    subject: Subject = Subject()
    confidence: float | None = None
    url: str = ""
    text: str = ""


def changes(
    wanted: Sequence[Claim],
    known: Iterable[Outcome],
    read: set[str],
    *,
    since: datetime,
    now: datetime,
    producer: str,
) -> Iterable[bytes]:
    """Outcomes (canonical bytes) that make the ledger say what is ``wanted`` and no more.

    Only claims of the sources in ``read`` are taken back, and only those observed at ``since`` or later.
    """
    told = {o.id: o for o in known}
    retracted_by = {o.retracts: o.id for o in told.values() if o.retracts}
    at = format_time(now)
    claims = {_ident(item.key): item for item in wanted}
    for ident, item in claims.items():
        last, holds = _end(ident, told, retracted_by)
        if not last:
            yield canonical(_outcome(ident, item, at, producer))
        elif not holds:
            yield canonical(_retraction(last, item.key, at, producer, "it holds again"))
    for ident, outcome in told.items():
        key = str(outcome.facts.get("gathered", ""))
        if ident != _ident(key) or ident in claims or key.split(" ")[0] not in read:
            continue
        last, holds = _end(ident, told, retracted_by)
        if holds and parse_time(outcome.observed_at) >= since:
            yield canonical(_retraction(last, key, at, producer, "it no longer holds"))


def _end(ident: str, told: Mapping[str, Outcome], retracted_by: Mapping[str, str]) -> tuple[str, bool]:
    """The last of a chain of retractions that begins with ``ident``, and whether ``ident`` is in force."""
    if ident not in told:
        return "", False
    holds, seen = True, {ident}
    while (after := retracted_by.get(ident)) and after not in seen:
        ident, holds = after, not holds
        seen.add(ident)
    return ident, holds


def _ident(key: str) -> str:
    return "o-" + sha256_hex(f"gathered {key}".encode())[:24]


def _outcome(ident: str, item: Claim, at: str, producer: str) -> Outcome:
    return Outcome(
        id=ident,
        label=item.label,
        source=item.source,
        decision=item.decision,
        subject=item.subject,
        observed_at=item.at,
        recorded_at=at,
        confidence=item.confidence,
        links=(item.url,) if item.url else (),
        text=item.text,
        facts={"gathered": item.key},
        producer=producer,
    )


def _retraction(last: str, key: str, at: str, producer: str, text: str) -> Outcome:
    return Outcome(
        id=_ident(f"back {last}"),
        label="unknown",
        source="manual",
        retracts=last,
        observed_at=at,
        recorded_at=at,
        text=text,
        facts={"about": key},
        producer=producer,
    )
