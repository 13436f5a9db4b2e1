"""``environments:``: places, agents' contracts, checks, gates, routes, data and rollback.

The shipped tables stand in ``environments.yml`` beside this file; a table that a repository gives replaces
the shipped one of its name.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from signalbox.config.base import AtLeastOne, Globs, Positive, Section

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")]
Names = tuple[Name, ...]
Forbidden = Annotated[str, msgspec.Meta(pattern=r"^(?:\*|[a-z0-9][a-z0-9-]{0,49})$")]
Class = Literal["Public", "Internal", "Confidential", "Restricted"]
Severity = Literal["none", "low", "medium", "high", "critical"]
Failure = Literal[
    "defect",
    "test-failure",
    "test-defect",
    "security-finding",
    "compliance-gap",
    "operations-gap",
    "incident",
]
Condition = Annotated[str, msgspec.Meta(max_length=500)]
EvidenceTier = Literal["design-target", "adapter", "installed-command", "live-acceptance"]
Secret = Annotated[str, msgspec.Meta(pattern=r"^[A-Z_][A-Z0-9_]{0,99}$")]
Holder = Annotated[str, msgspec.Meta(pattern=r"^@?[A-Za-z0-9][A-Za-z0-9_.\[\]/-]{0,99}$")]


class Place(Section, frozen=True, kw_only=True):
    """One environment. ``branches`` are refs that may stand there (full names for anything but branches)."""

    stages: Names = ()
    agents: Names = ()
    data: tuple[Literal["synthetic", "anonymised", "real"], ...] = ()
    classification_max: Class = "Internal"
    branches: Globs = ()
    not_branches: Globs = ()
    checks: Names = ()
    exit: Name


class Contract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one agent may do in one environment; everything else is denied.

    ``needs_approval`` are actions that a person must have approved. ``forbidden_actions`` win over every
    other list; ``*`` stands for all.
    """

    agent_id: Name
    environment: Name
    actions: Names = ()
    needs_approval: Names = ()
    allowed_inputs: Names = ()
    allowed_outputs: Names = ()
    forbidden_actions: tuple[Forbidden, ...] = ()
    data_classification_max: Class | Literal["none"] = "Internal"


class Check(Section, frozen=True, kw_only=True):
    """How evidence of a check is recognised and what it must hold.

    ``runs`` are names of check runs or statuses, ``reports`` file names, ``bundle`` a kind of decision.
    ``app`` is the id of the only GitHub App whose check runs count. ``facts`` must be there and not be empty.
    ``blocks-from`` counts findings of that severity and above instead of the evidence's own status.
    """

    title: str = ""
    runs: Globs = ()
    reports: Globs = ()
    bundle: str = ""
    app: int | None = None
    facts: tuple[str, ...] = ()
    tier: EvidenceTier = "design-target"
    origin: Literal["self-reported", "protected", "attested"] = "self-reported"
    minimum: dict[str, float] = msgspec.field(default_factory=dict)
    blocks_from: Literal["critical", "high", "medium", "low"] | None = None
    failure: Failure = "defect"
    owner: Name = "developer-agent"


class Auto(Section, frozen=True, kw_only=True):
    """One check that a gate asks for, always or ``when`` a condition holds."""

    check: Name
    when: Condition = ""
    max_age_hours: Positive = 24.0


class Human(Section, frozen=True, kw_only=True):
    """One approval that a gate asks for. ``standing`` also covers the rollback of what it lets through."""

    id: Name
    title: str = ""
    role: Name
    count: AtLeastOne = 1
    when: Condition = ""
    standing: bool = False


class Gate(Section, frozen=True, kw_only=True):
    """From one place to another: what evidence decides and whom a person must be."""

    title: str = ""
    from_: Name = msgspec.field(name="from")
    to: Name
    includes: Name | None = None
    auto: tuple[Auto, ...] = ()
    human: tuple[Human, ...] = ()


class Route(Section, frozen=True, kw_only=True):
    """Who gets a failure of a gate. ``to: owner`` is whoever owes the evidence; ``none`` only follows."""

    id: Name
    gate: Name
    failure: Failure | Literal["any", "none"]
    to: Name
    task: Name
    details: Name
    then: Name | None = None


class TierRule(Section, frozen=True, kw_only=True):
    """A change's tier when a condition holds."""

    tier: Annotated[int, msgspec.Meta(ge=1, le=4)]
    when: Condition


class Person(Section, frozen=True, kw_only=True):
    """One human being under all names: logins (the key is one), e-mail addresses, signer of approvals."""

    emails: tuple[str, ...] = ()
    logins: tuple[Holder, ...] = ()
    """Other logins of the same person, who still counts once."""
    signer: str = ""


class Identity(Section, frozen=True, kw_only=True):
    """What proves that an agent asks: an app's login, or a workflow (``job_workflow_ref`` as a glob)."""

    logins: tuple[Holder, ...] = ()
    workflows: Globs = ()


class FalsePositive(Section, frozen=True, kw_only=True):
    """A value that only looks sensitive: the first 16 digits of its SHA-256, why, and until which day."""

    fingerprint: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
    reason: Annotated[str, msgspec.Meta(min_length=1)]
    expires: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    detector: str = ""


class RollbackRule(Section, frozen=True, kw_only=True):
    """One line of the rollback matrix. ``within``: minutes, or a sprint's end by the calendar."""

    severity: Literal["critical", "high", "medium", "low", "any"]
    where: Name
    proposes: Name
    approves: Name
    within: AtLeastOne | Literal["same-sprint", "next-sprint"]
    action: str


class Calendar(Section, frozen=True, kw_only=True):
    """When sprints end: every ``days`` days from ``starts`` on."""

    starts: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")] = "2026-01-05"
    days: AtLeastOne = 14


@functools.cache
def shipped() -> dict[str, Any]:
    """The shipped tables as plain values."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = Path(__file__).with_name("environments.yml").read_bytes()
    plain: dict[str, Any] = yaml.load(text, loader)  # noqa: S506 (both are safe loaders)
    return plain


@functools.cache
def _table(name: str, kind: Any) -> Any:
    return msgspec.convert(shipped()[name], kind)


def _shipped(name: str, kind: Any) -> Any:
    return msgspec.field(default_factory=lambda: _table(name, kind))


class Environments(Section, frozen=True, kw_only=True):
    """The environment promotion model; ``docs/environments.md`` shows the shipped one as tables."""

    places: dict[Name, Place] = _shipped("places", dict[Name, Place])
    contracts: tuple[Contract, ...] = _shipped("contracts", tuple[Contract, ...])
    checks: dict[Name, Check] = _shipped("checks", dict[Name, Check])
    gates: dict[Name, Gate] = _shipped("gates", dict[Name, Gate])
    routes: tuple[Route, ...] = _shipped("routes", tuple[Route, ...])
    tiers: tuple[TierRule, ...] = _shipped("tiers", tuple[TierRule, ...])
    roles: dict[Name, tuple[Holder, ...]] = _shipped("roles", dict[Name, tuple[Holder, ...]])
    data: dict[Name, dict[Name, Name]] = _shipped("data", dict[Name, dict[Name, Name]])
    rollback: tuple[RollbackRule, ...] = _shipped("rollback", tuple[RollbackRule, ...])
    vaults: dict[Name, tuple[Secret, ...]] = msgspec.field(default_factory=dict)
    """Vault, as ``data: secrets`` names it → the names of its secrets, which ``doctor`` looks for."""
    people: dict[Annotated[str, msgspec.Meta(min_length=1, max_length=100)], Person] = msgspec.field(
        default_factory=dict
    )
    identities: dict[Name, Identity] = msgspec.field(default_factory=dict)
    environment_roles: dict[str, Name] = msgspec.field(default_factory=dict)
    """Environment of GitHub's → the role whose approval its reviewers give; one environment a role."""
    classification: Class = "Internal"
    """What a change of this repository is, unless more is declared or found in it."""
    false_positives: tuple[FalsePositive, ...] = ()
    trusted_producers: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Kind of claim → the producers whose word counts for it, for the evidence gate's expectations."""
    feature_flags: bool = False
    """Whether this repository's releases are switched by feature flags."""
    trust_file: str = ".github/signalbox-trust.yml"
    """Trust level of each agent, 0 to 3, read at the policy's own commit."""
    approval_signers: str = ".github/signalbox-approval-signers"
    """OpenSSH allowed-signers file of those whose signed approvals count, read at the policy's own commit."""
    identity_issuer: str = "https://token.actions.githubusercontent.com"
    calendar: Calendar = Calendar()

    def keeps_prompts(self, environment: str) -> bool:
        """Whether a prompt's words may be kept there. No name is the first place, where people work; a name
        that policy does not know is like production."""
        row = self.data.get("prompts", {})
        return row.get(environment or next(iter(self.places)), "references") == "full"
