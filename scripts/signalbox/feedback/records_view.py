"""The state of the records themselves: what was read, what does not fit, and whose clocks disagree."""

from __future__ import annotations

from datetime import datetime, timedelta

from signalbox.decision import parse_time
from signalbox.feedback.history import History
from signalbox.feedback.scorecard import Scorecard
from signalbox.render.blocks import Block, Fold, Table, Text

MOST_ROWS = 50
SKEW = timedelta(minutes=5)


def skewed(history: History, now: datetime) -> tuple[list[str], list[str]]:
    """Ids of decisions that lie in the future, and of outcomes observed before what they are about."""
    at = {made.id: made.at for made in history.made}
    future = [made.id for made in history.made if made.at > now + SKEW]
    early = []
    for outcome in history.outcomes:
        decided = at.get(outcome.decision)
        try:
            if decided is not None and parse_time(outcome.observed_at) < decided - SKEW:
                early.append(outcome.id)
        except ValueError:
            continue  # named among the damaged
    return future, early


def records_blocks(history: History, card: Scorecard, now: datetime) -> tuple[Block, ...]:
    """What was read, and lists of everything that does not fit."""
    told = [
        f"{counted(len(history.made), 'decision')} and {counted(len(history.outcomes), 'outcome')} were read."
    ]
    if card.untrusted:
        told.append(f"{counted(card.untrusted, 'decision')} of this period, from strangers, counted nowhere.")
    contradicted = sum(bool(m.label and m.label.against) for m in history.made)
    if contradicted:
        told.append(f"Another source contradicts {counted(contradicted, 'label')}.")
    future, early = skewed(history, now)
    if future or early:
        told.append(
            f"Clocks disagree: {counted(len(future), 'decision')} of the future, not in any period yet, and "
            f"{counted(len(early), 'outcome')} older than what they are about (counted)."
        )
    blocks: list[Block] = [Text(" ".join(told))]
    lists = (
        ("Outcomes that no decision matches (kept)", [(ident,) for ident in history.orphans], ("outcome",)),
        (
            "Outcomes that retract one another in a circle (counted)",
            [(i,) for i in history.circular],
            ("outcome",),
        ),
        ("Decisions of the future", [(ident,) for ident in future], ("decision",)),
        ("Outcomes older than their decision (counted)", [(ident,) for ident in early], ("outcome",)),
        (
            "Records that do not count",
            [(d.name, d.code, d.why) for d in history.damaged],
            ("record", "code", "why"),
        ),
    )
    for title, rows, columns in lists:
        if rows:
            shown = Table(columns=columns, rows=tuple(rows[:MOST_ROWS]))
            blocks.append(Fold(title=f"{title}: {len(rows)}", blocks=(shown,)))
    return tuple(blocks)


def counted(number: int, noun: str) -> str:
    """``3 decisions``, ``1 decision``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
