"""What the ledger keeps: bundles and outcomes as raw bytes under names that check themselves.

A name is `decisions/YYYY/MM/DD/<kind>-<id>.<sha256, 32 digits>.json` (outcomes: `outcomes/…/outcome-<id>…`),
below `untrusted/` when the run that made it could not be trusted. The id makes it unique, so writers never
meet; the digest says whether the bytes are still those that were written.
"""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

import msgspec

from signalbox.decision import (
    SCHEMA_VERSION,
    Subject,
    canonical,
    decode_bundle,
    order_of,
    parse_time,
    sha256_hex,
)
from signalbox.errors import InputError

MAX_RECORD_BYTES = 16 * 1024 * 1024
DIGEST_DIGITS = 32

Label = Literal["clean", "bad", "unknown"]
OutcomeSource = Literal["incident-link", "rollback", "revert", "hotfix", "audit", "manual", "time-window"]

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}")
_KIND = re.compile(r"[a-z][a-z0-9-]{0,39}")


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a decision, as one source saw it at one time; never edited, only followed by another.

    `decision` is a decision's id; where it is not known the outcome is joined by `subject` (digest, else
    commit). `retracts` is the id of an earlier outcome that this one takes back (the revert of a revert, an
    incident closed as a duplicate). `confidence` is a probability; None leaves it to the source's own.
    Times are RFC 3339 UTC: `observed_at` when it happened, `recorded_at` when it was learned.
    """

    id: str
    label: Label
    source: OutcomeSource
    observed_at: str
    recorded_at: str
    decision: str = ""
    subject: Subject = Subject()
    confidence: float | None = None
    retracts: str = ""
    links: tuple[str, ...] = ()
    text: str = ""
    facts: dict[str, Any] = {}
    producer: str = ""
    schema_version: int = SCHEMA_VERSION


def decision_name(data: bytes, *, trusted: bool = True, where: str = "bundle") -> str:
    """The ledger's name for a bundle. Raises InputError when the bytes are no bundle.

    A bundle of a newer schema is accepted on its kind, id and time alone.
    """
    plain = parse_object(data, where=where)
    head = plain.get("decision")
    if not isinstance(head, dict):
        raise InputError("this is not a decision bundle", where=where, why="it has no decision")
    kind, ident, at = head.get("kind"), head.get("id"), head.get("decided_at")
    if not (isinstance(kind, str) and _KIND.fullmatch(kind)):
        raise InputError("the bundle's kind is not a name", where=where)
    if not (isinstance(ident, str) and _ID.fullmatch(ident)):
        raise InputError("the bundle's id is not an identifier", where=where)
    if not _is_newer(plain):
        decision = decode_bundle(data, where=where).decision
        try:
            order_of(kind).rank(decision.verdict)
        except ValueError as error:
            raise InputError(
                "the bundle's verdict is not one of its kind", where=where, why=str(error)
            ) from None
    return _name("decisions", f"{kind}-{ident}", at, data, trusted=trusted, where=where)


def outcome_name(data: bytes, *, trusted: bool = True, where: str = "outcome") -> str:
    """The ledger's name for an outcome's canonical bytes. Raises InputError when they are no outcome."""
    plain = parse_object(data, where=where)
    if not _is_newer(plain):
        check_outcome(decode_outcome(data, where=where), where=where)
    ident = plain.get("id")
    if not (isinstance(ident, str) and _ID.fullmatch(ident)):
        raise InputError("the outcome's id is not an identifier", where=where)
    return _name("outcomes", f"outcome-{ident}", plain.get("recorded_at"), data, trusted=trusted, where=where)


def decode_outcome(data: bytes, *, where: str = "outcome") -> Outcome:
    """Read an outcome; InputError says what is wrong with one that cannot be read."""
    try:
        return msgspec.json.decode(data, type=Outcome)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            "this is not an outcome",
            where=where,
            why=str(error),
            fix=f"label: {', '.join(get_args(Label))}; source: {', '.join(get_args(OutcomeSource))}.",
        ) from None


def check_outcome(outcome: Outcome, *, where: str = "outcome") -> None:
    """Refuse an outcome that says nothing of anything, or whose values cannot be."""
    if not (outcome.decision or outcome.subject.digest or outcome.subject.commit or outcome.retracts):
        raise InputError(
            "the outcome names neither a decision nor a digest nor a commit",
            where=where,
            fix='Give "decision": "<id>" or "subject": {"digest": "sha256:…"}.',
        )
    if outcome.confidence is not None and not 0 <= outcome.confidence <= 1:
        raise InputError("confidence is not between 0 and 1", where=where)
    try:
        parse_time(outcome.observed_at)
    except ValueError as error:
        raise InputError("observed_at is not a time", where=where, why=str(error)) from None


def read_outcomes(data: bytes, *, recorded_at: str, producer: str, where: str) -> tuple[bytes, ...]:
    """Outcomes from a file a person or a job wrote: one object, a list, or one object per line.

    What only the recorder knows is filled in: `recorded_at`, `observed_at` when it is missing, `producer`,
    and an id drawn from the content, so that the same outcome reported twice is one record.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise InputError(f"the file is larger than {MAX_RECORD_BYTES} bytes", where=where)
    out = []
    for place, plain in _objects(data, where):
        plain.setdefault("id", "o-" + sha256_hex(canonical(plain))[:24])
        plain.setdefault("observed_at", recorded_at)
        plain.setdefault("recorded_at", recorded_at)
        plain.setdefault("producer", producer)
        encoded = canonical(plain)
        outcome_name(encoded, where=place)
        out.append(encoded)
    return tuple(out)


def guard(data: bytes, *, where: str = "record") -> tuple[bytes, tuple[str, ...]]:
    """The bytes to keep, and the kinds of secret that were taken out of them.

    A ledger is read by many for years, so a recognised secret never enters it. Only detectors that hardly
    ever err are used: a record changed for nothing could no longer be replayed.
    """
    from signalbox.classify import inspect, redact_tree

    text = data.decode("utf-8", "replace")
    if not inspect(text, exact_only=True).findings:
        return data, ()
    cleaned, fired = redact_tree(parse_object(data, where=where), exact_only=True)
    return (canonical(cleaned), fired) if fired else (data, ())


def parse_object(data: bytes, *, where: str) -> dict[str, Any]:
    """A JSON object of bounded size, or an InputError."""
    if len(data) > MAX_RECORD_BYTES:
        raise InputError(f"the record is larger than {MAX_RECORD_BYTES} bytes", where=where)
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("this is not JSON", where=where, why=str(error)) from None
    if not isinstance(plain, dict):
        raise InputError("this is not a JSON object", where=where, why=f"it is a {type(plain).__name__}")
    return plain


def _objects(data: bytes, where: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        whole = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        lines = enumerate(data.splitlines(), 1)
        return [
            (f"{where}:{n}", parse_object(line, where=f"{where}:{n}")) for n, line in lines if line.strip()
        ]
    items = whole if isinstance(whole, list) else [whole]
    out = []
    for index, item in enumerate(items):
        place = f"{where}[{index}]" if isinstance(whole, list) else where
        if not isinstance(item, dict):
            raise InputError("an outcome is a JSON object", where=place)
        out.append((place, item))
    return out


def _name(shelf: str, stem: str, at: object, data: bytes, *, trusted: bool, where: str) -> str:
    try:
        moment = parse_time(at if isinstance(at, str) else "")
    except ValueError as error:
        raise InputError("the record's time cannot be read", where=where, why=str(error)) from None
    prefix = "" if trusted else "untrusted/"
    day = f"{moment.year:04}/{moment.month:02}/{moment.day:02}"
    return f"{prefix}{shelf}/{day}/{stem}.{sha256_hex(data)[:DIGEST_DIGITS]}.json"


def _is_newer(plain: dict[str, Any]) -> bool:
    version = plain.get("schema_version", SCHEMA_VERSION)
    return isinstance(version, int) and version > SCHEMA_VERSION
