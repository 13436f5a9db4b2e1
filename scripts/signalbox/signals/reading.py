"""The shapes of what is read: series, a reading of many, a sample of one, and their states."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "down", "timeout", "error", "empty", "nan", "stale", "reset", "several", "partial"]
"""ok; nothing answers; it answers too late; it answers with an error or with nonsense; no such series; a
value that is no number; older than the limit; a counter fell; several series where one was asked for; some
of the answer is missing."""

Labels = tuple[tuple[str, str], ...]


class Series(msgspec.Struct, frozen=True, array_like=True):
    """One time series at one moment; labels are sorted and do not hold ``__name__``."""

    name: str
    labels: Labels
    value: float

    def label(self, name: str) -> str | None:
        """The label's value, or None without it."""
        return next((value for key, value in self.labels if key == name), None)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one source said about one arm at one moment.

    ``at`` and ``sampled_at`` are seconds since 1970: when we asked, and when the values were taken (they
    differ by up to a scrape interval behind Prometheus; None = cannot be said). ``source`` holds no
    credentials.
    """

    state: State
    at: float
    source: str
    detail: str = ""
    sampled_at: float | None = None
    series: tuple[Series, ...] = ()


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One number, or why there is none."""

    state: State
    at: float
    source: str
    value: float | None = None
    detail: str = ""


# Of two troubles the one further left explains the other: what is down has no values to be stale.
_ORDER: tuple[State, ...] = (
    "down", "timeout", "error", "partial", "empty", "several", "nan", "reset", "stale", "ok",
)  # fmt: skip


def worst(states: list[State]) -> State:
    """The state that explains most of the others; of none, ``empty``."""
    return min(states, key=_ORDER.index) if states else "empty"
