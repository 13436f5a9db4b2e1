"""The ledger's promotion decisions and their outcomes, joined into the past that a score learns from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from signalbox.promotion.inputs import Label, Past

MOST = 2000
# An explicit link to an incident outranks a rollback, and so on down to a mere absence of trouble.
_PRECEDENCE = ("incident-link", "rollback", "revert", "hotfix", "audit", "manual", "time-window")


def past_of(
    decisions: Iterable[Mapping[str, Any]], outcomes: Iterable[Mapping[str, Any]], *, without: str = ""
) -> tuple[Past, ...]:
    """Bundles and outcome records (plain mappings, trusted ones only) → the past, oldest first.

    The last promotion decision of each digest counts, because a rerun is not another artifact; ``without`` is
    the digest that is being decided. A decision that nobody followed up stays ``unknown``, which counts as
    bad; without a digest there is nothing to join.
    """
    latest: dict[str, Mapping[str, Any]] = {}
    for bundle in decisions:
        made = bundle.get("decision")
        if not isinstance(made, Mapping) or made.get("kind") != "promotion":
            continue
        digest = _digest(made)
        if (
            digest
            and digest != without
            and str(made.get("decided_at")) >= str(latest.get(digest, {}).get("decided_at", ""))
        ):
            latest[digest] = made
    labels = _labels(outcomes, {str(made.get("id")): digest for digest, made in latest.items()})
    past = [_past(made, labels.get(digest, "unknown")) for digest, made in latest.items()]
    return tuple(sorted(past, key=lambda item: item.at))[-MOST:]


def _labels(outcomes: Iterable[Mapping[str, Any]], by_id: Mapping[str, str]) -> dict[str, Label]:
    records = [o for o in outcomes if o.get("label") in ("clean", "bad", "unknown")]
    retracted = {str(o["retracts"]) for o in records if o.get("retracts")}
    best: dict[str, tuple[int, str, Label]] = {}
    for outcome in records:
        subject = outcome.get("subject")
        told = subject.get("digest", "") if isinstance(subject, Mapping) else ""
        digest = by_id.get(str(outcome.get("decision", ""))) or told
        if not digest or str(outcome.get("id")) in retracted:
            continue
        source = outcome.get("source")
        rank = _PRECEDENCE.index(source) if source in _PRECEDENCE else len(_PRECEDENCE)
        entry = (-rank, str(outcome.get("recorded_at", "")), outcome["label"])
        if digest not in best or entry[:2] >= best[digest][:2]:
            best[digest] = entry
    return {digest: entry[2] for digest, entry in best.items()}


def _past(made: Mapping[str, Any], label: Label) -> Past:
    told = made.get("outputs")
    outputs = told if isinstance(told, Mapping) else {}
    values = outputs.get("features")
    features = {
        str(name): float(value)
        for name, value in (values.items() if isinstance(values, Mapping) else ())
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    score = outputs.get("score")
    return Past(
        features=features,
        label=label,
        auto=made.get("verdict") == "auto-promote",
        score=float(score) if isinstance(score, (int, float)) else 0.0,
        at=str(made.get("decided_at", "")),
    )


def _digest(made: Mapping[str, Any]) -> str:
    subject = made.get("subject")
    digest = subject.get("digest") if isinstance(subject, Mapping) else ""
    return digest if isinstance(digest, str) else ""
