"""The ledger's entries as the few facts that feedback needs, joined to their outcomes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from signalbox.decision import Subject, parse_time
from signalbox.ledger.labels import Labels, Resolved, Target, label_decisions
from signalbox.ledger.reading import Damage, Reading
from signalbox.ledger.records import Outcome


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as feedback sees it; `at` is aware, in UTC. `label` is what came of it, if known."""

    id: str
    kind: str
    verdict: str
    mode: str
    subject: Subject
    at: datetime
    trusted: bool
    outputs: dict[str, Any]
    propensity: float | None
    advised: int
    accepted: int
    label: Resolved | None

    @property
    def bad(self) -> bool | None:
        """True or False where the outcome is known, else None."""
        return None if self.label is None or self.label.label == "unknown" else self.label.label == "bad"


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known, oldest first, and everything that could not be used."""

    made: tuple[Made, ...]
    outcomes: tuple[Outcome, ...]
    orphans: tuple[str, ...]
    circular: tuple[str, ...]
    damaged: tuple[Damage, ...]

    def of(self, kind: str, *verdicts: str) -> tuple[Made, ...]:
        """The trusted decisions of a kind, with any of the verdicts given."""
        return tuple(
            m for m in self.made if m.trusted and m.kind == kind and (not verdicts or m.verdict in verdicts)
        )


class _Advice(msgspec.Struct):
    accepted: bool = False


class _Decision(msgspec.Struct):
    id: str
    kind: str
    verdict: str
    decided_at: str
    mode: str = "observe"
    subject: Subject = Subject()
    outputs: dict[str, Any] = {}
    propensity: float | None = None
    advice: tuple[_Advice, ...] = ()


class _Bundle(msgspec.Struct):
    decision: _Decision


def read_history(decisions: Reading, outcomes: Reading) -> History:
    """Join what a ledger's two readers gave. Records that do not fit are named as damaged, not dropped."""
    damaged = [*decisions.damaged, *outcomes.damaged]
    heads: list[tuple[_Decision, datetime, bool]] = []
    for entry in decisions.entries:
        try:
            head = msgspec.json.decode(entry.raw, type=_Bundle).decision
            heads.append((head, parse_time(head.decided_at), entry.trusted))
        except (msgspec.MsgspecError, ValueError) as error:
            damaged.append(Damage(name=entry.name, code="unreadable", why=str(error)))
    told = []
    for entry in outcomes.entries:
        try:
            outcome = msgspec.json.decode(entry.raw, type=Outcome)
        except msgspec.MsgspecError as error:
            damaged.append(Damage(name=entry.name, code="unreadable", why=str(error)))
            continue
        # A stranger's word about a decision would let anyone steer what is learned.
        if entry.trusted:
            told.append(outcome)
    labels: Labels = label_decisions((_target(head) for head, _, _ in heads), told)
    made = [_made(head, at, trusted, labels) for head, at, trusted in heads]
    return History(
        made=tuple(sorted(made, key=lambda m: (m.at, m.id))),
        outcomes=tuple(told),
        orphans=labels.orphans,
        circular=labels.circular,
        damaged=tuple(sorted(damaged, key=lambda d: (d.name, d.code))),
    )


def _target(head: _Decision) -> Target:
    subject = head.subject
    return Target(id=head.id, digest=subject.digest, commit=subject.commit, environment=subject.environment)


def _made(head: _Decision, at: datetime, trusted: bool, labels: Labels) -> Made:
    return Made(
        id=head.id,
        kind=head.kind,
        verdict=head.verdict,
        mode=head.mode,
        subject=head.subject,
        at=at,
        trusted=trusted,
        outputs=head.outputs,
        propensity=head.propensity,
        advised=len(head.advice),
        accepted=sum(advice.accepted for advice in head.advice),
        label=labels.by_decision.get(head.id),
    )
