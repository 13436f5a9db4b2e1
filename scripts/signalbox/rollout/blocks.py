"""What people see of a rollout: the slices, the looks, and a chart of rates and e-values."""

from __future__ import annotations

import math

from signalbox.config.rollout import Rollout
from signalbox.render import Block, Chart, Fold, Table
from signalbox.rollout import judge
from signalbox.rollout.assess import assess
from signalbox.rollout.model import Inputs, Look
from signalbox.stats.eprocess import Pair

_MOST_ROWS = 200
_MOST_POINTS = 300


def blocks(inputs: Inputs, policy: Rollout) -> list[Block]:
    """Tables and charts of the looks; nothing without looks."""
    if not inputs.looks:
        return []
    rules = inputs.rules(policy)
    rows: list[tuple[str | int | float | None, ...]] = []
    points: list[tuple[Look, float]] = []
    judgement = judge.Judgement()
    for look in inputs.looks:
        judgement = judge.advance(judgement, look, rules)
        found = assess(judgement, rules)
        rows.append(
            (
                look.at[11:19],
                None if look.percent is None else f"{look.percent:g}%",
                look.state if look.state == "ok" else f"{look.state} {look.arm}".strip(),
                *(_cell(look, signal) for signal in rules.judged),
                _power(found.log_e),
                found.verdict,
                found.reasons[0].code,
            )
        )
        points.append((look, found.log_e))
    shown = points[:: max(1, math.ceil(len(points) / _MOST_POINTS))]
    x = tuple(round(look.elapsed, 1) for look, _ in shown)
    result: list[Block] = [_slices(inputs, rules)]
    if "errors" in rules.signals:
        result.append(
            Chart(
                title="Error rate",
                x_label="seconds",
                y_label="% of requests",
                x=x,
                series={
                    "canary": tuple(_rate(look, 0) for look, _ in shown),
                    "baseline": tuple(_rate(look, 1) for look, _ in shown),
                },
                limit=("objective", 100 * rules.error_objective),
            )
        )
    result.append(
        Chart(
            title="Evidence against the canary (rolled back at the limit)",
            x_label="seconds",
            y_label="log10 of the e-value",
            x=x,
            series={"log10 e": tuple(round(log_e / math.log(10), 3) for _, log_e in shown)},
            limit=("limit", round(judge.alarm(rules) / math.log(10), 3)),
        )
    )
    columns = ("time", "canary", "signals", *rules.judged, "e-value", "verdict", "reason")
    title = f"{len(rows)} looks" + ("" if len(rows) <= _MOST_ROWS else f", the last {_MOST_ROWS}")
    result.append(Fold(title=title, blocks=(Table(columns=columns, rows=tuple(rows[-_MOST_ROWS:])),)))
    return result


def _slices(inputs: Inputs, rules: Rollout) -> Table:
    rows: list[tuple[str | int | float | None, ...]] = []
    for index in sorted({look.slice for look in inputs.looks}):
        looks = [look for look in inputs.looks if look.slice == index]
        totals = []
        for signal in rules.judged:
            total = Pair(0, 0, 0, 0)
            for look in looks:
                for pair in look.signals.get(signal, ())[:1]:
                    total = judge.add(total, pair)
            totals.append(_pair(total))
        missing = sum(look.state != "ok" for look in looks)
        share = f"{judge.weight_at(rules, index):g}%"
        rows.append((share, f"{looks[-1].since:.0f} s", len(looks), missing, *totals))
    columns = ("slice", "watched", "looks", "without data", *rules.judged)
    return Table(title="Slices (canary / baseline)", columns=columns, rows=tuple(rows))


def _cell(look: Look, signal: str) -> str | None:
    pairs = look.signals.get(signal)
    return _pair(pairs[0]) if pairs else None


def _pair(pair: Pair) -> str:
    canary = f"{pair.treated_events} of {pair.treated}"
    return f"{canary} / {pair.control_events} of {pair.control}" if pair.control else canary


def _rate(look: Look, arm: int) -> float | None:
    pairs = look.signals.get("errors")
    if not pairs:
        return None
    requests = (pairs[0].treated, pairs[0].control)[arm]
    return round(100 * judge.rate_of(pairs[0])[arm], 4) if requests else None


def _power(log_e: float) -> str:
    return f"{math.exp(log_e):.3g}" if abs(log_e) < 200 else f"1e{log_e / math.log(10):.0f}"
