"""Histories of changes for bench/learning.py: recorded ones in a documented shape, and simulated ones."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

DAY = 86400.0
_AT, _BAD = ("at", "commitdate", "author_date"), ("bad", "bug", "buggy")
_SKIP = {"", "transactionid", "commit_id", "project", "known_at", "fix", "data", "year", "score"}


@dataclass(frozen=True)
class Change:
    """One change: seconds since the epoch, when its label became known, what came of it, what was seen."""

    at: float
    known_at: float
    bad: bool
    features: tuple[float, ...]


def recorded(folder: Path, delay_days: float) -> dict[str, list[Change]]:
    """Project → its changes in order of time, from every CSV of the folder that has the columns.

    ``at`` (or ``commitdate``, ``author_date``): RFC 3339 or seconds since the epoch. ``bad`` (or ``bug``,
    ``buggy``): 1, 0, true or false. Optional: ``project`` (else the file's name), ``known_at`` (else
    ``delay_days`` later). Every other column that is a number in all rows is a feature.
    """
    found: dict[str, list[Change]] = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = csv.DictReader(file)
            names = rows.fieldnames or []
            at = next((name for name in _AT if name in names), "")
            bad = next((name for name in _BAD if name in names), "")
            if not at or not bad:
                continue
            features = [n for n in names if n not in _SKIP and n not in (at, bad)]
            for row in rows:
                moment = _seconds(row[at])
                if not np.isfinite(moment):
                    continue  # a change without a time has no place in a history
                known = _seconds(row["known_at"]) if row.get("known_at") else moment + delay_days * DAY
                found.setdefault(row.get("project") or path.stem, []).append(
                    Change(
                        at=moment,
                        known_at=known,
                        bad=row[bad].strip().lower() in ("1", "true", "1.0"),
                        features=tuple(_number(row[name]) for name in features),
                    )
                )
    return {name: sorted(items, key=lambda c: c.at) for name, items in found.items() if len(items) >= 1000}


def simulated(seed: int, delay_days: float) -> dict[str, list[Change]]:
    """Six projects of 3,000 changes, two an hour apart, whose trouble depends on size, spread and a drift."""
    found = {}
    for number, (base, signal) in enumerate(
        [(-2.2, 1.0), (-1.0, 0.8), (-3.5, 1.2), (-0.5, 1.0), (-4.5, 0.6), (-1.5, 0.0)]
    ):
        rng = random.Random(seed * 1000 + number)
        items = []
        for index in range(3000):
            size, spread, new = rng.gauss(0, 1), rng.gauss(0, 1), rng.random()
            turned = 1 if index < 2000 else -0.3
            odds = base + signal * (size + 0.7 * turned * spread + new) + 0.4 * (index > 1500)
            bad = rng.random() < 1 / (1 + np.exp(-odds))
            at = index * DAY / 12
            known = at + delay_days * DAY * rng.random() * 2
            items.append(Change(at=at, known_at=known, bad=bad, features=(size, spread, new)))
        found[f"simulated {number + 1}"] = items
    return found


def scored(changes: list[Change], *, every: int = 250, window: int = 3000) -> Iterator[tuple[Change, float]]:
    """Each change with P(clean) from a logistic model that was fitted on labels known before it."""
    raw = np.array([change.features for change in changes], dtype=float)
    raw = np.sign(raw) * np.log1p(np.abs(raw))
    labels = np.array([not change.bad for change in changes], dtype=float)
    known_at = np.array([change.known_at for change in changes])
    weights = mean = spread = None
    for index, change in enumerate(changes):
        if index % every == 0:
            ready = np.flatnonzero(known_at[:index] <= change.at)[-window:]
            if len(ready) >= 100:
                x = raw[ready]
                mean, spread = x.mean(0), x.std(0) + 1e-9
                weights = _logistic((x - mean) / spread, labels[ready])
        if weights is None:
            yield change, 0.5
            continue
        z = np.clip((raw[index] - mean) / spread, -4, 4)
        yield change, float(1 / (1 + np.exp(-(weights[0] + z @ weights[1:]))))


def _logistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    design = np.hstack([np.ones((len(x), 1)), np.clip(x, -4, 4)])
    weights = np.zeros(design.shape[1])
    prior = np.eye(design.shape[1])
    prior[0, 0] = 1e-6
    for _ in range(25):
        p = 1 / (1 + np.exp(-design @ weights))
        hessian = (design * (p * (1 - p))[:, None]).T @ design + prior
        step = np.linalg.solve(hessian, design.T @ (y - p) - prior @ weights)
        weights = weights + np.clip(step, -3, 3)
        if np.abs(step).max() < 1e-8:
            break
    return weights


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return float("nan")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(text: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = {"true": 1.0, "false": 0.0}.get(str(text).lower(), 0.0)
    return value if np.isfinite(value) else 0.0
