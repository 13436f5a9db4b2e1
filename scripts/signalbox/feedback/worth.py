"""What the decisions were worth: minutes and money saved, what runners cost beyond need, and the reward.

The reward is the caller's: five parts from 0 to 1 (build speed, test confidence, deployment success, freedom
from incidents, cost), weighted by ``feedback: {rewards: …}``. A part that nothing is known of is left out and
named; it is never taken for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from signalbox.config.concurrency import Concurrency
from signalbox.config.feedback import Rewards
from signalbox.feedback.dora import deployments, failed
from signalbox.feedback.estimates import CONFIDENCE, LEAST, Estimate, missing, share
from signalbox.feedback.history import History
from signalbox.stats.bounded import mean_interval

MOST = 2000  # newest values that an interval is drawn from
PARTS = ("build speed", "test confidence", "deployment success", "freedom from incidents", "cost")


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """``saved`` and ``parts`` as estimates; ``reward`` in [0, 1], None where no part is known."""

    saved: tuple[Estimate, ...]
    parts: tuple[Estimate, ...]
    reward: float | None
    left_out: tuple[str, ...]


def worth(
    history: History,
    *,
    since: datetime,
    now: datetime,
    environment: str,
    weights: Rewards,
    prices: Concurrency,
) -> Worth:
    """From the trusted decisions from ``since`` to ``now``."""
    period = msgspec.structs.replace(history, made=tuple(m for m in history.made if since <= m.at <= now))
    plans = [
        p for m in period.of("test-plan") if (p := m.outputs.get("test_plan")) and isinstance(p, Mapping)
    ]
    told = {o.decision: o.facts for o in history.outcomes if o.source == "audit" and "regret" in o.facts}
    regrets = [told[m.id] for m in period.of("concurrency") if m.id in told]
    audited = [m for m in period.of("test-plan") if m.label is not None and m.label.source == "audit"]
    ended = [m for m in deployments(history, environment) if since <= m.at <= now]
    known = [m for m in ended if failed(m) is not None]
    incidents = {m.id for m in ended if m.bad and m.label is not None and m.label.source == "incident-link"}
    parts = (
        _mean(
            "build speed", [v for p in plans if (v := _speed(p)) is not None], "a plan that knows the whole"
        ),
        share("test confidence", sum(m.bad is False for m in audited), len(audited)),
        share(
            "deployment success", sum(failed(m) is False for m in known), len(known), len(ended) - len(known)
        ),
        share("freedom from incidents", len(known) - len(incidents & {m.id for m in known}), len(known)),
        _mean("cost", [_thrift(facts) for facts in regrets], "what a run's jobs really took"),
    )
    given = dict(zip(PARTS, msgspec.structs.astuple(weights), strict=True))
    counted = [part for part in parts if part.value is not None and given[part.name]]
    total = sum(given[part.name] for part in counted)
    return Worth(
        saved=_saved(plans, regrets, prices),
        parts=parts,
        reward=sum(given[p.name] * (p.value or 0.0) for p in counted) / total if total else None,
        left_out=tuple(part.name for part in parts if part.value is None and given[part.name]),
    )


def _saved(
    plans: Sequence[Mapping[str, Any]], regrets: Sequence[Mapping[str, Any]], prices: Concurrency
) -> tuple[Estimate, ...]:
    minutes = sum(_number(p.get("saved_minutes")) for p in plans)
    whole = sum(_number(p.get("full_minutes")) for p in plans)
    over = sum(_number(f.get("cost")) - _number(f.get("least")) for f in regrets)
    n = len(plans)
    return (
        _plain("tests' time not run", "hours", minutes / 60, n),
        _plain("of the whole suite every time", "share", minutes / whole if whole else None, n),
        _plain("its price at the policy's", "money", minutes * prices.runner_minute_price, n),
        _plain("runners' cost beyond the best plan in hindsight", "money", over, len(regrets)),
    )


def _plain(name: str, unit: str, value: float | None, n: int) -> Estimate:
    """A sum that is known, not estimated: its interval is itself."""
    if value is None or not n:
        return Estimate(name=name, unit=unit, n=n)
    return Estimate(name=name, unit=unit, n=n, value=value, low=value, high=value, enough=True)


def _mean(name: str, values: Sequence[float], what: str) -> Estimate:
    if not values:
        return missing(name, "share", what)
    found = mean_interval(values[-MOST:], low=0.0, high=1.0, confidence=CONFIDENCE)
    return Estimate(
        name=name,
        unit="share",
        n=len(values),
        value=found.estimate,
        low=found.low,
        high=found.high,
        enough=len(values) >= LEAST,
    )


def _speed(plan: Mapping[str, Any]) -> float | None:
    """The share of the whole suite's minutes that need not run."""
    whole = _number(plan.get("full_minutes"))
    return min(1.0, _number(plan.get("saved_minutes")) / whole) if whole else None


def _thrift(facts: Mapping[str, Any]) -> float:
    """The least possible cost as a share of the cost."""
    paid = _number(facts.get("cost"))
    return min(1.0, _number(facts.get("least")) / paid) if paid else 1.0


def _number(value: object) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9
    return float(value) if good else 0.0  # type: ignore[arg-type]
