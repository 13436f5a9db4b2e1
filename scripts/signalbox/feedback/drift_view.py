"""Drift for people: one line each, and the timeline of the evidence against its alarm."""

from __future__ import annotations

from collections.abc import Sequence

from signalbox.feedback.drifting import Watched
from signalbox.render.blocks import Block, Chart, Table, Text

MOST_POINTS = 120


def drift_blocks(watched: Sequence[Watched]) -> tuple[Block, ...]:
    """A table of the streams and, where one has enough points to draw, its timeline."""
    if not watched:
        return (Text("No decision with a known outcome can be watched yet."),)
    rows = tuple(
        (item.name, "ALARM" if item.alarmed else "quiet", item.drift.observations) for item in watched
    )
    table = Table(columns=("stream", "state", "observations"), rows=rows)
    # Whole sentences are no column: on a phone they would be cut.
    told = Text("\n".join(f"{item.name}: {item.sentence}" for item in watched))
    charts = [_timeline(item) for item in watched if item.drift.observations > 2]
    return (table, told, *charts)


def _timeline(item: Watched) -> Chart:
    path, at = item.drift.path, item.at
    # The last point is where it alarmed, so it is always among those that are kept.
    step = max(1, -(-len(path) // MOST_POINTS))
    kept = list(range((len(path) - 1) % step, len(path), step))
    return Chart(
        title=f"Evidence of drift: {item.name}",
        x_label="decided",
        y_label="evidence",
        x=tuple(at[i][5:10] for i in kept),
        # Below 1 it says nothing, and a logarithm of nearly nothing would fill the chart.
        series={"evidence": tuple(max(1.0, path[i]) for i in kept)},
        log_y=True,
        limit=("alarm", item.drift.threshold),
    )
