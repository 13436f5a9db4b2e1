"""Trust after an incident: whose work escaped into production, and the trust file with those agents at 0.

Done by the nightly feedback job. Nobody need agree to a lower level; only people raise it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from signalbox.config.environments import Environments
from signalbox.decision import parse_time
from signalbox.errors import InputError
from signalbox.gates import history, trailers, trust
from signalbox.ledger.labels import CONFIDENCE, Target, label_decisions
from signalbox.ledger.records import Outcome

SURE = 0.7
"""Outcomes of less confidence (a time window, a guess) lower nobody."""


class Escape(msgspec.Struct, frozen=True, kw_only=True):
    """Something bad that reached production: the commit it was built from, when it was seen, what says so."""

    commit: str
    at: str
    says: str


def escapes(
    decisions: Iterable[Mapping[str, Any]], outcomes: Iterable[Mapping[str, Any]], production: str
) -> list[Escape]:
    """Bad outcomes of what was decided for production, by the ledger's own rules, oldest first.

    Bundles and outcome records as plain mappings, trusted ones only. What was retracted does not count.
    """
    targets, commits = [], {}
    for bundle in decisions:
        made = bundle.get("decision")
        if not isinstance(made, Mapping) or made.get("kind") not in ("promotion", "rollout"):
            continue
        subject = made.get("subject") or {}
        target = Target(
            id=str(made.get("id")),
            digest=str(subject.get("digest") or ""),
            commit=str(subject.get("commit") or ""),
            environment=str(subject.get("environment") or ""),
        )
        if target.environment == production and target.commit:
            targets.append(target)
            commits[target.id] = target.commit
    told = []
    for plain in outcomes:
        try:
            told.append(msgspec.convert(plain, Outcome))
        except msgspec.ValidationError:
            continue  # of a later version: what it means is not known here
    found: dict[str, Escape] = {}
    for id, label in label_decisions(targets, told).by_decision.items():
        sure = label.confidence >= SURE and label.source in CONFIDENCE
        if label.label == "bad" and sure:
            says = " ".join((label.source, label.outcome, *label.links[:1]))
            found[commits[id]] = Escape(commit=commits[id], at=label.observed_at, says=says)
    return sorted(found.values(), key=lambda one: (one.at, one.commit))


def lowered(
    repo: Path, e: Environments, commit: str, found: Iterable[Escape]
) -> tuple[bytes, dict[str, str]]:
    """The trust file at ``commit`` with every agent of an escape at level 0, and agent → why.

    An escape that was seen before the agent's line was last written has been looked at by those who wrote it.
    """
    data = history.file_at(repo, commit, e.trust_file) or b""
    levels = trust.parse(data, e, e.trust_file) if data else {}
    since = trust.written(repo, e, commit, data)
    why: dict[str, str] = {}
    for escape in found:
        for agent in _agents(repo, escape.commit):
            late = parse_time(escape.at) > parse_time(since[agent]) if agent in since else True
            if levels.get(agent, 0) > 0 and late and agent not in why:
                why[agent] = f"{escape.commit[:12]} of {escape.at} ({escape.says})"
    for agent, reason in sorted(why.items()):
        data = trust.lower(data, agent, reason, e.trust_file)
    return data, why


def _agents(repo: Path, commit: str) -> set[str]:
    """The agents that wrote what ``commit`` brought in; none for a commit that is not here."""
    try:
        head = history.commit_id(repo, commit, "ledger")
        brought = history.commits(repo, f"{head}^", head)
    except InputError:
        return set()
    return {agent for one in brought for agent in trailers.attribution(repo, one.message).agents}
