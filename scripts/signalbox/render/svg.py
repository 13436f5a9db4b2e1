"""Charts as inline SVG. Colours come from the page's style sheet, so they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence

from signalbox.render import wording
from signalbox.render.blocks import Chart, points
from signalbox.render.escape import html_text, shorten

WIDTH, HEIGHT = 640, 280
# Room for the text of a phone, where the same drawing is smaller and its letters are larger.
_LEFT, _RIGHT, _TOP, _BOTTOM = 96, 18, 18, 56
_PLOT_W, _PLOT_H = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
MAX_POINTS = 400
_LETTER = 11.0
"""Width of a letter at the largest size the style sheet uses (on a phone), in units of the drawing."""


def chart_svg(chart: Chart) -> str:
    """``chart`` as one ``<figure>`` with a title, an SVG and a legend that names every series."""
    step = max(1, -(-len(chart.x) // MAX_POINTS))
    x = chart.x[::step]
    series = {name: values[::step] for name, values in points(chart).items()}
    known = [value for values in series.values() for value in values if value is not None]
    ticks = _ticks(chart, known)
    if chart.kind == "line":
        marks = [_line(values, i, ticks, chart) for i, values in enumerate(series.values())]
    else:
        marks = [_bars(values, i, len(series), ticks, chart) for i, values in enumerate(series.values())]
    if not known:
        marks = [_label("axis", _LEFT + _PLOT_W / 2, _TOP + _PLOT_H * 0.45, "middle", "no data")]
    body = [*_grid(ticks, chart, known), *_x_labels(x, chart), *marks, *_limit(chart, ticks)]
    label = html_text(f"{chart.title}: {', '.join(series)} over {chart.x_label}")
    legend = "".join(f'<li class="{_style(i)}">{html_text(name, 80)}</li>' for i, name in enumerate(series))
    return (
        f"<figure><figcaption>{html_text(chart.title, 200)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(body)}</svg>'
        f'<ul class="legend">{legend}</ul></figure>'
    )


def _style(index: int) -> str:
    """Six colours; the seventh series has the first one's and is dashed, so that no two look alike."""
    return f"s{index % 6}" + (" again" if index >= 6 else "")


def _ticks(chart: Chart, values: Sequence[float]) -> list[float]:
    known = [*values, *([chart.limit[1]] if chart.limit and math.isfinite(chart.limit[1]) else [])]
    if chart.log_y:
        positive = [value for value in known if value > 0] or [1.0]
        bottom = math.floor(math.log10(min(positive)))
        top = max(math.ceil(math.log10(max(positive))), bottom + 1)
        every = max(1, -(-(top - bottom) // 6))
        return [10.0**power for power in range(bottom, top + every, every) if power <= 308]
    low, high = min(known, default=0.0), max(known, default=1.0)
    # Bars are as long as their number, so theirs starts at zero; a line may show what moves up close.
    if chart.kind == "bar" or low < 0 or high - low > 0.25 * high or high == low:
        low, high = min(0.0, low), max(0.0, high)
    if high <= low:
        high = low + 1.0
    raw = high / 4 - low / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    size = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first, last = math.floor(low / size + 1e-9), math.ceil(high / size - 1e-9)
    return [size * index for index in range(first, max(last, first + 1) + 1)]


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


def _grid(ticks: Sequence[float], chart: Chart, known: Sequence[float]) -> list[str]:
    parts = []
    for tick in ticks:
        y = _y(tick, ticks, chart)
        # A logarithm has no place for zero: what is there stands on the lowest line, which says so.
        below = chart.log_y and tick == ticks[0] and any(value < tick for value in known)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        if known or chart.limit:
            shown = ("≤ " if below else "") + _compact(tick, ticks)
            parts.append(_label("tick", _LEFT - 6, y + 4, "end", shown))
    parts.append(
        f'<text class="axis" transform="translate(16 {_TOP + _PLOT_H / 2}) rotate(-90)" text-anchor="middle">'
        f"{html_text(chart.y_label, 22)}</text>"
    )
    return parts


def _compact(tick: float, ticks: Sequence[float]) -> str:
    """A tick in few characters: thousands and above by their letter; as many digits as the steps need."""
    largest = max(abs(ticks[0]), abs(ticks[-1]))
    for power, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if power <= largest < 1e15 and abs(tick) >= min(power, 1e3):
            return wording.number(tick / (1e3 if letter == "k" else power)) + letter
    # A step of 0.005 makes 99.955 out of 99.95: four digits would print neighbours alike.
    return "0" if tick == 0 else f"{tick:.6g}" if 1e-4 <= abs(tick) < 1e6 else f"{tick:.0e}"


def _x_labels(x: Sequence[float | str], chart: Chart) -> list[str]:
    labels = [value if isinstance(value, str) else wording.number(value) for value in x]
    room = max(14, 0 if not labels else int(_PLOT_W / len(labels) / _LETTER) - 1)
    if chart.kind == "bar" and len(labels) <= 8:
        # A bar without its name says nothing: names are cut before any is left out.
        room = max(5, int(_PLOT_W / max(len(labels), 1) / _LETTER) - 1)
    labels = [shorten(label, room) for label in labels]
    # As many as fit side by side at the largest size of letters that the page uses.
    wide = _LETTER * (max((len(label) for label in labels), default=1) + 1)
    every = max(1, math.ceil(len(labels) * wide / _PLOT_W), math.ceil(len(labels) / 8))
    if chart.kind == "bar" and len(labels) <= 8:
        every = 1
    parts, free = [], 0.0
    for i in range(0, len(labels), every):
        at = _x(i, len(labels), chart)
        half = _LETTER * len(labels[i]) / 2
        left = min(max(at - half, 0.0), WIDTH - 2 * half)
        if left < free:
            continue
        free = left + 2 * half
        parts.append(_label("tick", left + half, HEIGHT - 34, "middle", html_text(labels[i], 80)))
    parts.append(_label("axis", _LEFT + _PLOT_W / 2, HEIGHT - 8, "middle", html_text(chart.x_label, 45)))
    return parts


def _line(values: Sequence[float | None], index: int, ticks: Sequence[float], chart: Chart) -> str:
    """One path per run of known values: a gap stays a gap. A lone point is drawn as a dot."""
    parts, run = [], []
    for i, value in enumerate([*values, None]):
        if value is not None:
            run.append((_x(i, len(values), chart), _y(value, ticks, chart)))
            continue
        if len(run) == 1:
            parts.append(f'<circle class="{_style(index)}" cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="3"/>')
        elif run:
            points = " ".join(f"{px:.1f},{py:.1f}" for px, py in run)
            parts.append(f'<polyline class="{_style(index)}" points="{points}"/>')
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
            f'<rect class="{_style(index)}" x="{left:.1f}" y="{min(y, zero):.1f}" width="{width * 0.92:.1f}" '
            f'height="{abs(zero - y):.1f}"/>'
        )
    return "".join(parts)


def _limit(chart: Chart, ticks: Sequence[float]) -> list[str]:
    if not chart.limit:
        return []
    label, value = chart.limit
    if not math.isfinite(value):
        return []
    y = _y(value, ticks, chart)
    return [
        f'<line class="limit" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
        _label("limit", WIDTH - _RIGHT, y - 4, "end", html_text(label, 40)),
    ]


def _label(style: str, x: float, y: float, anchor: str, escaped: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escaped}</text>'
