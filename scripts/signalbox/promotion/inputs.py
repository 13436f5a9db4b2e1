"""Everything a promotion is decided from. Nothing else may reach ``decide``."""

from __future__ import annotations

from typing import Literal

import msgspec

from signalbox.decision import Advice, Evidence, Reason, Subject

Label = Literal["clean", "bad", "unknown"]


class Past(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One earlier artifact: its signals as they were scored, what came of it, and whether it went by itself.

    ``unknown`` covers immature, never learned and rejected by a reviewer; it counts as bad. ``digest`` is
    only shown.
    """

    features: dict[str, float] = {}
    label: Label = "unknown"
    auto: bool = False
    score: float = 0.0
    at: str = ""
    digest: str = ""


class Waiver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A veto lifted by a person until a date. ``signed_role`` is set only once the signature is verified."""

    veto: str
    target: str = ""
    digest: str
    expires: str
    signer: str = ""
    signed_role: str = ""
    reason: str = ""


class Inputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``decide`` takes.

    ``evidence`` is about the candidate; the tests in it are already merged into one. ``baseline`` is the
    base branch's last good evidence of the same kinds. ``past`` comes from the ledger, oldest first.
    ``risk`` is the change's tier, empty where it was not assessed. ``artifact`` is what the digest is called
    in its attestation. ``notes`` are reasons without effect: what the advisor could not say.
    """

    subject: Subject
    evidence: tuple[Evidence, ...] = ()
    baseline: tuple[Evidence, ...] = ()
    past: tuple[Past, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    advice: tuple[Advice, ...] = ()
    notes: tuple[Reason, ...] = ()
    models: dict[str, str] = {}
    risk: str = ""
    artifact: str = ""
