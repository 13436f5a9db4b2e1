"""What a decision is made of. Every record is immutable and has a JSON Schema under docs/schema/.

Readers tolerate fields they do not know (a newer writer), so unknown fields are not forbidden here;
policy files are stricter (see :mod:`signalbox.config`). Times are RFC 3339 in UTC, ending in ``Z``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA_VERSION = 1

Status = Literal["pass", "fail", "not_verified"]
Tier = Literal["design-target", "adapter", "installed-command", "live-acceptance"]
"""How real the proof was, weakest first: an executable contract exists, the shape is right, it ran
from where it is installed, a live run behaved differently because of it."""

Origin = Literal["self-reported", "protected", "attested"]
"""Who could have written it: code of the change under judgement, a run on a protected ref, or a
signer that was verified."""

Mode = Literal["observe", "advise", "enforce"]


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a statement is about. An empty field says nothing about that side."""

    repository: str = ""
    commit: str = ""
    digest: str = ""
    environment: str = ""


class Gap(msgspec.Struct, frozen=True):
    """Something the evidence does not show, by a stable code and a sentence."""

    code: str
    text: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One checked fact with its source.

    ``source`` is a path or URL as the reader was given it, ``sha256`` the hex digest of the bytes
    read (empty when there were none), ``facts`` exact values in the units their names carry.
    """

    kind: str
    status: Status
    source: str = ""
    sha256: str = ""
    producer: str = ""
    subject: Subject = Subject()
    observed_at: str | None = None
    fresh_until: str | None = None
    tier: Tier = "adapter"
    origin: Origin = "self-reported"
    gaps: tuple[Gap, ...] = ()
    facts: dict[str, Any] = {}


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why: a stable code, a sentence, the verdict it pushes to (empty = context), its sources."""

    code: str
    text: str
    effect: str = ""
    sources: tuple[str, ...] = ()


class Advice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model said, and whether it was taken. ``source`` names the model and its endpoint."""

    source: str
    verdict: str
    text: str
    accepted: bool = False
    refused: str = ""


class PolicyRef(msgspec.Struct, frozen=True, kw_only=True):
    """The policy that was applied: digest of the effective settings, file, commit it was read at."""

    sha256: str
    source: str = ""
    commit: str = ""


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """Identity and time of a decision, made outside and passed in, so that deciding stays pure."""

    id: str
    at: str
    producer: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of one kind about one subject. ``reasons`` come in order of weight."""

    kind: str
    id: str
    subject: Subject
    verdict: str
    mode: Mode
    reasons: tuple[Reason, ...]
    next_action: str
    evidence: tuple[Evidence, ...] = ()
    advice: tuple[Advice, ...] = ()
    policy: PolicyRef
    models: dict[str, str] = {}
    outputs: dict[str, Any] = {}
    propensity: float | None = None
    decided_at: str
    producer: str
    schema_version: int = SCHEMA_VERSION


def not_verified(kind: str, code: str, text: str, **fields: Any) -> Evidence:
    """Evidence that could not be had or trusted, with the gap named."""
    return Evidence(kind=kind, status="not_verified", gaps=(Gap(code, text),), **fields)
