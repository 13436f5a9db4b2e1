"""Charts as inline SVG. Colours come from the page's style sheet, so they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from signalbox.render import wording
from signalbox.render.blocks import Chart
from signalbox.render.escape import html_text

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 14, 14, 40
_PLOT_W, _PLOT_H = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
MAX_POINTS = 400


def chart_svg(chart: Chart) -> str:
    """``chart`` as one ``<figure>`` with a title, an SVG and a legend that names every series."""
    step = max(1, -(-len(chart.x) // MAX_POINTS))
    x = chart.x[::step]
    series = {name: values[::step] for name, values in chart.series.items()}
    ticks = _ticks(chart, series)
    marks = [_bars(values, i, len(series), ticks, chart) for i, values in enumerate(series.values())]
    if chart.kind == "line":
        marks = [_line(values, i, ticks, chart) for i, values in enumerate(series.values())]
    body = [*_grid(ticks, chart), *_x_labels(x, chart), *marks, *_limit(chart, ticks)]
    label = html_text(f"{chart.title}: {', '.join(series)} over {chart.x_label}")
    legend = "".join(f'<li class="s{i % 6}">{html_text(name, 80)}</li>' for i, name in enumerate(series))
    return (
        f"<figure><figcaption>{html_text(chart.title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(body)}</svg>'
        f'<ul class="legend">{legend}</ul></figure>'
    )


def _ticks(chart: Chart, series: Mapping[str, Sequence[float | None]]) -> list[float]:
    known = [value for values in series.values() for value in values if value is not None]
    if chart.limit:
        known.append(chart.limit[1])
    if chart.log_y:
        positive = [value for value in known if value > 0] or [1.0]
        bottom = math.floor(math.log10(min(positive)))
        top = max(math.ceil(math.log10(max(positive))), bottom + 1)
        every = max(1, (top - bottom) // 5)
        return [10.0**power for power in range(bottom, top + every, every)]
    low, high = min(0.0, *known, 0.0), max(known, default=1.0)
    if high <= low:
        high = low + 1.0
    raw = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    size = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first = math.floor(low / size)
    return [size * index for index in range(first, math.ceil(high / size - 1e-9) + 1)]


def _y(value: float, ticks: Sequence[float], chart: Chart) -> float:
    low, high = ticks[0], ticks[-1]
    if chart.log_y:
        share = (math.log10(max(value, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
    else:
        share = (value - low) / (high - low)
    return _TOP + _PLOT_H * (1 - min(max(share, 0.0), 1.0))


def _x(index: int, count: int, chart: Chart) -> float:
    if chart.kind == "bar":
        return _LEFT + _PLOT_W * (index + 0.5) / max(count, 1)
    return _LEFT + (_PLOT_W * index / (count - 1) if count > 1 else _PLOT_W / 2)


def _grid(ticks: Sequence[float], chart: Chart) -> list[str]:
    parts = []
    for tick in ticks:
        y = _y(tick, ticks, chart)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_label("tick", _LEFT - 6, y + 4, "end", wording.number(tick)))
    parts.append(
        f'<text class="axis" transform="translate(12 {_TOP + _PLOT_H / 2}) rotate(-90)" text-anchor="middle">'
        f"{html_text(chart.y_label, 40)}</text>"
    )
    return parts


def _x_labels(x: Sequence[float | str], chart: Chart) -> list[str]:
    every = max(1, math.ceil(len(x) / 8))
    parts = [
        f'<text class="tick" x="{_x(i, len(x), chart):.1f}" y="{HEIGHT - 24}" text-anchor="middle">'
        f"{html_text(label if isinstance(label, str) else wording.number(label), 14)}</text>"
        for i, label in enumerate(x)
        if i % every == 0
    ]
    middle = _LEFT + _PLOT_W / 2
    parts.append(_label("axis", middle, HEIGHT - 6, "middle", html_text(chart.x_label, 60)))
    return parts


def _line(values: Sequence[float | None], index: int, ticks: Sequence[float], chart: Chart) -> str:
    """One path per run of known values: a gap stays a gap. A lone point is drawn as a dot."""
    parts, run = [], []
    for i, value in enumerate([*values, None]):
        if value is not None:
            run.append((_x(i, len(values), chart), _y(value, ticks, chart)))
            continue
        if len(run) == 1:
            parts.append(f'<circle class="s{index % 6}" cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="3"/>')
        elif run:
            points = " ".join(f"{px:.1f},{py:.1f}" for px, py in run)
            parts.append(f'<polyline class="s{index % 6}" points="{points}"/>')
        run = []
    return "".join(parts)


def _bars(values: Sequence[float | None], index: int, of: int, ticks: Sequence[float], chart: Chart) -> str:
    slot = _PLOT_W / max(len(values), 1) * 0.8
    width = slot / of
    zero = _y(max(0.0, ticks[0]), ticks, chart)
    parts = []
    for i, value in enumerate(values):
        if value is None:
            continue
        y = _y(value, ticks, chart)
        left = _x(i, len(values), chart) - slot / 2 + index * width
        parts.append(
            f'<rect class="s{index % 6}" x="{left:.1f}" y="{min(y, zero):.1f}" width="{width * 0.92:.1f}" '
            f'height="{abs(zero - y):.1f}"/>'
        )
    return "".join(parts)


def _limit(chart: Chart, ticks: Sequence[float]) -> list[str]:
    if not chart.limit:
        return []
    label, value = chart.limit
    y = _y(value, ticks, chart)
    return [
        f'<line class="limit" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
        _label("limit", WIDTH - _RIGHT, y - 4, "end", html_text(label, 40)),
    ]


def _label(style: str, x: float, y: float, anchor: str, escaped: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escaped}</text>'
