"""What each event may carry, and the check that nothing else gets in.

A payload is written by whoever holds a token that may send events, so it is hostile input. Every field has
a closed form (an enumeration, a pattern, a length); unknown fields are refused; and no field is a URL, a
command, a path or a ref name: where to deploy, what to ask and what to run come from policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from signalbox.decision import canonical
from signalbox.errors import InputError

PREFIX = "signalbox-"
MAX_BYTES = 64 * 1024
"""GitHub's own limit for a ``client_payload``."""

Environment = Literal["development", "staging", "production"]
Gate = Literal["gate-3", "gate-5", "gate-6", "gate-7"]
Severity = Literal["critical", "high", "medium", "low"]


def _form(words: str, pattern: str, most: int) -> msgspec.Meta:
    return msgspec.Meta(description=words, pattern=rf"\A{pattern}\Z", min_length=1, max_length=most)


Sha = Annotated[str, _form("a full commit id, 40 lower-case hex digits", r"[0-9a-f]{40}", 40)]
Digest = Annotated[str, _form("sha256: and 64 lower-case hex digits", r"sha256:[0-9a-f]{64}", 71)]
Number = Annotated[str, _form("the run's number, as text", r"[1-9][0-9]*", 20)]
Days = Annotated[str, _form("a number of days from 1 to 3650, as text", r"[1-9][0-9]{0,3}", 4)]
Name = Annotated[
    str, _form("letters, digits, dots and dashes, at most 64", r"[A-Za-z0-9][A-Za-z0-9._-]*", 64)
]
Time = Annotated[str, _form("a time in UTC, as 2026-01-02T03:04:05Z", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", 20)]
# No control or formatting characters, no markup, nothing that the runner would take for a command.
Sentence = Annotated[
    str,
    _form(
        "one line of letters, digits and plain punctuation, at most 500 characters",
        r"(?!.*::)\w[\w \t.,:;!?()'/+%#=-]*",
        500,
    ),
]


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """One event's fields; their names are the inputs of the workflow that is called."""


class TestSelection(Payload, frozen=True, kw_only=True):
    """Choose the tests for the change from ``base`` to ``head``."""

    base: Sha
    head: Sha


class ArtifactScoring(Payload, frozen=True, kw_only=True):
    """Score the artifact ``digest``, built from ``sha``, on the results that run ``run-id`` left."""

    sha: Sha
    digest: Digest
    run_id: Number


class PrePromote(Payload, frozen=True, kw_only=True):
    """Run the gate before production on ``digest``, built from ``sha``, where it runs in dev."""

    sha: Sha
    digest: Digest


class Promote(Payload, frozen=True, kw_only=True):
    """Promote what run ``run-id`` decided about ``digest``."""

    sha: Sha
    digest: Digest
    environment: Environment
    run_id: Number


class Deploy(Payload, frozen=True, kw_only=True):
    """Move traffic to ``digest`` slice by slice."""

    sha: Sha
    digest: Digest
    environment: Environment


class EnvironmentGate(Payload, frozen=True, kw_only=True):
    """Decide ``gate`` for ``digest``, built from ``sha``, by the commit's checks and ``pull``'s reviews."""

    gate: Gate
    sha: Sha
    digest: Digest
    pull: Number


class Rollback(Payload, frozen=True, kw_only=True):
    """Propose a rollback of ``digest``; a person, or a standing approval, decides."""

    environment: Environment
    digest: Digest
    severity: Severity
    reason: Sentence


class TelemetryFeedback(Payload, frozen=True, kw_only=True):
    """Record the decisions that run ``run-id`` left."""

    run_id: Number


class Incident(Payload, frozen=True, kw_only=True):
    """Record that ``incident``, begun ``at``, was of ``digest``; status dismissed takes it back."""

    incident: Name
    status: Literal["triggered", "acknowledged", "resolved", "dismissed"]
    at: Time
    digest: Digest
    environment: Environment


class HealthReport(Payload, frozen=True, kw_only=True):
    """Write the report of the last ``days``."""

    days: Days = "28"


CAPABILITIES: Mapping[str, type[Payload]] = {
    "test-selection": TestSelection,
    "artifact-scoring": ArtifactScoring,
    "pre-promote": PrePromote,
    "promote": Promote,
    "deploy": Deploy,
    "environment-gate": EnvironmentGate,
    "rollback": Rollback,
    "telemetry-feedback": TelemetryFeedback,
    "incident": Incident,
    "health-report": HealthReport,
}


def validate(event_type: str, payload: bytes) -> tuple[str, bytes]:
    """The capability an event asks for, and its payload in canonical JSON holding every field.

    ``event_type`` is ``signalbox-<capability>``, ``payload`` the ``client_payload`` as JSON. ``InputError``
    says which field is wrong and what was expected; it never repeats the value.
    """
    capability = event_type.removeprefix(PREFIX)
    kind = CAPABILITIES.get(capability)
    if kind is None or capability == event_type:
        known = ", ".join(PREFIX + name for name in CAPABILITIES)
        raise InputError("this event has no capability behind it", where="event type", fix=f"Send {known}.")
    if len(payload) > MAX_BYTES:
        raise InputError(f"the payload is larger than {MAX_BYTES} bytes", where=event_type)
    _refuse_repeated_keys(payload, event_type)
    try:
        checked = msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        fields = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))
        raise InputError(
            "the payload is refused",
            where=event_type,
            why=_explain(str(error), kind),
            fix=f"Fields: {fields}.",
        ) from None
    return capability, canonical(checked)


def _refuse_repeated_keys(payload: bytes, where: str) -> None:
    """A key written twice means one thing here and perhaps another to the next reader."""
    import json

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in found]
        if len(set(names)) != len(names):
            raise InputError("the payload holds a key twice", where=where)
        return dict(found)

    try:
        value = json.loads(payload, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        raise InputError("the payload is not JSON", where=where) from None
    if not isinstance(value, dict):
        raise InputError("the payload is not a JSON object", where=where)


def _explain(message: str, kind: type[Payload]) -> str:
    """Which field, and what it must be; msgspec's own words quote values as they were sent."""
    place = re.search(r"\$\.([a-z-]+)`?$", message) or re.search(r"required field `([a-z-]+)`", message)
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    if place and place[1] in fields:
        return f"{place[1]} must be {_words(fields[place[1]])}"
    unknown = re.search(r"unknown field `([a-z0-9_-]{1,40})`", message)
    return f"unknown field {unknown[1]}" if unknown else "unknown field"


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(repr(value) for value in get_args(kind))
    if get_origin(kind) is Annotated:
        return next(str(meta.description) for meta in kind.__metadata__)
    return " or ".join(_words(part) for part in get_args(kind))
