"""What people see of a rollout: the slices, the looks, and charts of error rates and e-values by slice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from signalbox.config.rollout import Rollout
from signalbox.render import Block, Chart, Fold, Table, Text
from signalbox.rollout import judge
from signalbox.rollout.assess import assess
from signalbox.rollout.model import Inputs, Look
from signalbox.stats.eprocess import Pair, weighted_mean

T = TypeVar("T")
_MOST_ROWS = 200
_MOST_POINTS = 300


def blocks(inputs: Inputs, policy: Rollout) -> list[Block]:
    """Tables and charts of the looks; nothing without looks."""
    if not inputs.looks:
        return []
    rules = inputs.rules(policy)
    rows: list[tuple[str | int | float | None, ...]] = []
    points: list[tuple[Look, list[float]]] = []
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
        points.append((look, [found.log_e, *_by_slice(judgement, rules)]))
    result: list[Block] = [_slices(inputs, rules)]
    if inputs.narration:
        result.insert(
            0, Fold(title="In a model's words, which decide nothing", blocks=(Text(inputs.narration),))
        )
    if "errors" in rules.signals:
        result += _rates(inputs.looks, rules)
    result.append(_evidence(points, rules))
    columns = ("time", "canary", "signals", *rules.judged, "e-value", "verdict", "reason")
    title = f"{len(rows)} looks" + ("" if len(rows) <= _MOST_ROWS else f", the last {_MOST_ROWS}")
    result.append(Fold(title=title, blocks=(Table(columns=columns, rows=tuple(rows[-_MOST_ROWS:])),)))
    return result


def story(inputs: Inputs, policy: Rollout) -> str:
    """The looks in a few lines of text: for whoever cannot see a table."""
    rules = inputs.rules(policy)
    lines = []
    judgement = judge.Judgement()
    last = ""
    for look in inputs.looks:
        judgement = judge.advance(judgement, look, rules)
        found = assess(judgement, rules)
        told = f"{look.slice} {found.verdict} {found.reasons[0].code} {look.state}"
        if told != last:
            share = judge.weight_at(rules, look.slice)
            lines.append(f"{look.elapsed:.0f} s, {share:g}%: {found.verdict}. {found.reasons[0].text}")
        last = told
    return "\n".join(lines[-_MOST_POINTS:])


def _by_slice(judgement: judge.Judgement, rules: Rollout) -> list[float]:
    """ln of the mean e-value over the signals of each slice's own process; not begun counts as E = 1."""
    tracks = [judgement.tracks.get(signal, ()) for signal in rules.judged]
    weights = judge.signal_weights(len(rules.judged))
    found = []
    for begun in range(len(rules.slices)):
        values = [
            min((judge.components(track, rules, judgement.slice)[begun] for track in edges), default=0.0)
            for edges in tracks
        ]
        found.append(weighted_mean(values, weights))
    return found


def _thinned(points: Sequence[T]) -> Sequence[T]:
    return points[:: max(1, math.ceil(len(points) / _MOST_POINTS))]


def _rates(looks: Sequence[Look], rules: Rollout) -> list[Block]:
    """Error rates of both arms. Only looks at which both were counted: a line cannot show a gap."""
    counted = [look for look in looks if look.signals.get("errors") and _rate(look, 0) is not None]
    beside = [look for look in counted if _rate(look, 1) is not None]
    shown = _thinned(beside or counted)
    if not shown:
        return []
    series = {"canary": tuple(_rate(look, 0) for look in shown)}
    if beside:
        series["baseline"] = tuple(_rate(look, 1) for look in shown)
    return [
        Chart(
            title="Error rate"
            + (" while there was a baseline" if len(beside) < len(counted) else "")
            + (
                f" ({len(looks) - len(counted)} looks without data left out)"
                if len(counted) < len(looks)
                else ""
            ),
            x_label="seconds",
            y_label="% of requests",
            x=tuple(round(look.elapsed, 1) for look in shown),
            series=series,
            limit=("objective", 100 * rules.error_objective),
        )
    ]


def _evidence(points: Sequence[tuple[Look, list[float]]], rules: Rollout) -> Chart:
    shown = _thinned(points)
    names = ["together"]
    if len(rules.slices) > 1:
        begun = max(look.slice for look, _ in shown) + 1
        names += [f"from {judge.weight_at(rules, index):g}% on" for index in range(begun)]
    return Chart(
        title="Evidence against the canary, by slice (rolled back at the limit)",
        x_label="seconds",
        y_label="log10 of the e-value",
        x=tuple(round(look.elapsed, 1) for look, _ in shown),
        series={
            # Evidence in favour is a number as small as one likes, and would flatten the rest.
            name: tuple(round(max(values[place] / math.log(10), -3.0), 3) for _, values in shown)
            for place, name in enumerate(names)
        },
        limit=("limit", round(judge.alarm(rules) / math.log(10), 3)),
    )


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
