"""What a gate is decided from. Nothing else may reach ``decide``."""

from __future__ import annotations

from typing import Literal

import msgspec

from signalbox.decision import Advice, Evidence, Reason, Subject
from signalbox.gates.claims import Claims


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person's answer. ``login`` and ``source`` come from whoever verified it, never from its text.

    ``source``: ``review`` (of the pull request at ``commit``), ``environment`` (a reviewer of GitHub's, for
    one run), ``file`` (signed; ``verified`` only when the signature held). ``gate``, ``environment``,
    ``digest``, ``nonce`` and ``expires`` are what it is bound to.
    """

    role: str
    login: str
    state: Literal["approved", "rejected"] = "approved"
    source: Literal["review", "environment", "file"] = "file"
    verified: bool = False
    bot: bool = False
    gate: str = ""
    environment: str = ""
    digest: str = ""
    commit: str = ""
    nonce: str = ""
    at: str = ""
    expires: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the change. ``None`` is "not known", which is never the lenient side.

    ``severity`` is that of the worst finding that was found and closed or waived in this change.
    ``contributors`` are logins and addresses of authors, co-authors, committers and the last pusher;
    ``strangers`` those addresses of theirs that no login is known for. ``trust`` is the lowest level of the
    agents that did the work.
    """

    risk: str | None = None
    severity: str | None = None
    classification: str | None = None
    paths: tuple[str, ...] | None = None
    flags: bool | None = None
    trust: int | None = None
    agents: tuple[str, ...] = ()
    contributors: tuple[str, ...] | None = None
    strangers: tuple[str, ...] = ()


class Flow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is to be in a place: a ref, or a kind of data in one of its values.

    ``origin`` is the place it comes from. ``attested`` names whoever attested that it was anonymised.
    """

    to: str
    ref: str = ""
    kind: str = ""
    value: str = ""
    origin: str = ""
    attested: str = ""
    classification: str = ""


class HandOver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A failure as it is handed to whoever must act: what failed, with which evidence, and who follows."""

    id: str
    gate: str
    environment: str
    failure: str
    check: str
    status: str
    to: str
    task: str
    details: str
    text: str
    codes: tuple[str, ...] = ()
    source: str = ""
    sha256: str = ""
    findings: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    commit: str = ""
    digest: str = ""
    decision: str = ""
    schema_version: int = 1


class Inputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``decide`` takes.

    ``applicable`` is false where the gate has nothing to say (a pull request to another branch): a required
    check must always report. ``holders`` are the members of each role that could be resolved; a role that
    is not in it could not (``unresolved`` says why). ``adapter`` moves the traffic of this deployment.
    """

    subject: Subject
    gate: str
    flow: Flow | None = None
    claims: Claims | None = None
    applicable: str = ""
    evidence: tuple[Evidence, ...] = ()
    change: Change = Change()
    approvals: tuple[Approval, ...] = ()
    holders: dict[str, tuple[str, ...]] = {}
    unresolved: dict[str, str] = {}
    nonce: str = ""
    adapter: str = ""
    deployment: str = ""
    standing_hours: float = 24.0
    advice: tuple[Advice, ...] = ()
    notes: tuple[Reason, ...] = ()
    models: dict[str, str] = {}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a gate and how it stands, for people and for the verdict.

    ``state``: pass, fail, not_verified, or not-asked (its condition does not hold).
    """

    gate: str
    id: str
    title: str
    decides: str
    state: Literal["pass", "fail", "not_verified", "not-asked"]
    text: str
    codes: tuple[str, ...] = ()
    failure: str = ""
    owner: str = ""
    source: str = ""
    sha256: str = ""
    observed_at: str = ""
    findings: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    why_asked: str = ""
