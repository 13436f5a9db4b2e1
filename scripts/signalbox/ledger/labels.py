"""From many outcomes, late, repeated and contradictory, to one label per decision.

Known beats unknown; then the source decides, by the order of `PRECEDENCE`; then the latest word. An outcome
that was retracted does not count, unless its retraction was itself retracted (the revert of a revert).
Everything that did not count is named in what comes out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from signalbox.ledger.records import Label, Outcome

# How sure one source is that its label is right, when it does not say. These are stated beliefs to start
# from, not measurements: an absence of trouble in a window of time is weak, a person's link is strong.
CONFIDENCE: Mapping[str, float] = {
    "incident-link": 0.95,
    "rollback": 0.9,
    "revert": 0.85,
    "hotfix": 0.7,
    "audit": 0.7,
    "manual": 0.6,
    "time-window": 0.3,
}
PRECEDENCE = tuple(CONFIDENCE)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What an outcome can be joined to: a decision's id, digest, commit and environment."""

    id: str
    digest: str = ""
    commit: str = ""
    environment: str = ""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """The label of one decision. `against` are the ids of outcomes in force that say otherwise."""

    label: Label
    confidence: float
    source: str
    outcome: str
    observed_at: str
    against: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """Decision id → label, for the decisions that have one; and the outcomes that found no decision.

    `circular` are outcomes that retract one another in a circle; they count, because nobody can say which
    of them was meant.
    """

    by_decision: dict[str, Resolved]
    orphans: tuple[str, ...]
    circular: tuple[str, ...]


def label_decisions(targets: Iterable[Target], outcomes: Iterable[Outcome]) -> Labels:
    """Join outcomes to decisions and resolve each decision's label. Independent of the order of either.

    An outcome that names a decision about an artifact is about that artifact: it is joined to every decision
    on the same digest in the same environment. One that names another decision is joined to that one alone,
    and one that names a decision which is not here is joined by its subject.
    Any other is joined to the decisions about its digest, or, when it has none, about its commit; an
    environment it names must match.
    """
    by_id: dict[str, Target] = {}
    by_digest: dict[str, list[Target]] = defaultdict(list)
    by_commit: dict[str, list[Target]] = defaultdict(list)
    for target in targets:
        by_id[target.id] = target
        by_digest[target.digest].append(target)
        by_commit[target.commit].append(target)
    unique = {outcome.id: outcome for outcome in outcomes}
    ordered = [unique[ident] for ident in sorted(unique)]
    void, circular = _retracted(ordered)
    joined: dict[str, list[Outcome]] = defaultdict(list)
    orphans = []
    for outcome in ordered:
        found = _targets(outcome, by_id, by_digest, by_commit)
        # A bare retraction says nothing of its own.
        if not found and not outcome.retracts:
            orphans.append(outcome.id)
        if outcome.id not in void:
            for target in found:
                joined[target.id].append(outcome)
    return Labels(
        by_decision={ident: resolve(joined[ident]) for ident in sorted(joined)},
        orphans=tuple(orphans),
        circular=circular,
    )


def resolve(outcomes: Sequence[Outcome]) -> Resolved:
    """One label from outcomes in force, of which there must be at least one."""
    best = max(outcomes, key=_weight)
    return Resolved(
        label=best.label,
        confidence=_confidence(best),
        source=best.source,
        outcome=best.id,
        observed_at=best.observed_at,
        against=tuple(sorted(o.id for o in outcomes if o.label not in (best.label, "unknown"))),
        links=tuple(dict.fromkeys(link for o in outcomes if o.label == best.label for link in o.links)),
    )


def _weight(outcome: Outcome) -> tuple[bool, int, str, str]:
    rank = PRECEDENCE.index(outcome.source) if outcome.source in PRECEDENCE else len(PRECEDENCE)
    return outcome.label != "unknown", -rank, outcome.recorded_at, outcome.id


def _confidence(outcome: Outcome) -> float:
    if outcome.confidence is not None:
        return outcome.confidence
    return CONFIDENCE.get(outcome.source, 0.0) if outcome.label != "unknown" else 0.0


def _targets(
    outcome: Outcome,
    by_id: Mapping[str, Target],
    by_digest: Mapping[str, list[Target]],
    by_commit: Mapping[str, list[Target]],
) -> list[Target]:
    if outcome.decision:
        target = by_id.get(outcome.decision)
        if target is not None and not target.digest:
            return [target]
        if target is not None:
            return [t for t in by_digest[target.digest] if t is target or _meets(t, target.environment)]
        # A decision that is not here (a later version's, or dropped by age): its artifact still may be.
    subject = outcome.subject
    if subject.digest:
        found = by_digest.get(subject.digest, [])
    else:
        found = by_commit.get(subject.commit, []) if subject.commit else []
    return [t for t in found if _meets(t, subject.environment)]


def _meets(target: Target, environment: str) -> bool:
    return not environment or target.environment in ("", environment)


def _retracted(outcomes: Sequence[Outcome]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The ids that do not count, and those that retract one another in a circle.

    An outcome is in force unless one in force retracts it. Chains settle from their end; what never
    settles is a circle.
    """
    by: dict[str, list[str]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.retracts:
            by[outcome.retracts].append(outcome.id)
    involved = {o.id for o in outcomes if o.retracts} | set(by)
    force: dict[str, bool] = {}
    waiting = [ident for ident in involved if not by.get(ident)]
    points_at = {o.id: o.retracts for o in outcomes if o.retracts}
    for ident in waiting:
        force[ident] = True
    while waiting:
        target = points_at.get(waiting.pop())
        if target is None or target in force:
            continue
        known = [force.get(ident) for ident in by[target]]
        if True in known:
            force[target] = False
        elif None not in known:
            force[target] = True
        if target in force:
            waiting.append(target)
    circular = tuple(sorted(involved - set(force)))
    return frozenset(ident for ident, holds in force.items() if not holds), circular
