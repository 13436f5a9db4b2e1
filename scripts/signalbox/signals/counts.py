"""From two readings of cumulative counters to what happened between them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import msgspec

from signalbox.signals.queries import START_TIME, QuerySet
from signalbox.signals.reading import Labels, Reading, State

Key = tuple[str, Labels]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Requests between two readings. Counts are None where the source has no such series.

    ``slow`` is (at least, at most) as many requests over the objective: equal when the objective is an
    edge of the histogram's buckets, otherwise counted at both neighbouring edges.
    """

    state: State
    detail: str = ""
    requests: int | None = None
    errors: int | None = None
    timed: int | None = None
    slow: tuple[int, int] | None = None
    ratios: dict[str, tuple[int, int]] = {}
    """Of each ratio of the caller's: (total, bad)."""


def change(before: Reading, after: Reading, queries: QuerySet, *, objective_seconds: float) -> Change:
    """What was counted from ``before`` to ``after``; both must be ``ok`` for there to be anything.

    A series that fell, or a process that started anew, is ``reset``; one that vanished is ``partial``. A
    series that is new began at zero in between (the first error makes its own series).
    """
    for reading in (before, after):
        if reading.state != "ok":
            return Change(state=reading.state, detail=reading.detail)
    old, new = _by_key(before), _by_key(after)
    trouble = _discontinuity(old, new)
    if trouble:
        return trouble
    if not any(name == queries.requests for name, _ in new):
        return Change(state="empty", detail=f"there is no {queries.requests}")
    grown = {key: value - old.get(key, 0.0) for key, value in new.items() if key[0] != START_TIME}
    requests, errors = _requests(grown, queries)
    timed, slow = _slow(grown, queries, objective_seconds)
    ratios = _ratios(grown)
    return Change(state="ok", requests=requests, errors=errors, timed=timed, slow=slow, ratios=ratios)


def _by_key(reading: Reading) -> dict[Key, float]:
    return {(s.name, s.labels): s.value for s in reading.series}


def _discontinuity(old: Mapping[Key, float], new: Mapping[Key, float]) -> Change | None:
    for (name, labels), value in old.items():
        now = new.get((name, labels))
        if now is None:
            return Change(state="partial", detail=f"{name} lost a series that was there before")
        if name == START_TIME:
            # Half a second: some clients compute it anew from boot time and jiffies.
            if abs(now - value) > 0.5:
                return Change(state="reset", detail="the process started anew")
        elif now < value:
            return Change(state="reset", detail=f"{name} fell from {value:g} to {now:g}")
    return None


def _requests(grown: Mapping[Key, float], queries: QuerySet) -> tuple[int | None, int | None]:
    total = bad = 0.0
    coded = False
    for (name, labels), count in grown.items():
        if name != queries.requests:
            continue
        total += count
        code = next((value for key in queries.code_labels for k, value in labels if k == key), None)
        coded = coded or code is not None
        # "5xx" is how some services name the class.
        if code is not None and len(code) == 3 and code.startswith("5"):
            bad += count
    return round(total), round(bad) if coded else None


def _slow(
    grown: Mapping[Key, float], queries: QuerySet, objective_seconds: float
) -> tuple[int | None, tuple[int, int] | None]:
    groups: dict[Labels, dict[float, float]] = defaultdict(dict)
    for (name, labels), count in grown.items():
        if queries.bucket and name == queries.bucket:
            edge = next((value for key, value in labels if key == "le"), "")
            rest = tuple(pair for pair in labels if pair[0] != "le")
            try:
                groups[rest][float(edge)] = count
            except ValueError:
                return None, None
    objective = objective_seconds / queries.unit_seconds
    total = fewest = most = 0.0
    for buckets in groups.values():
        if math.inf not in buckets:
            return None, None
        count = buckets[math.inf]
        total += count
        fewest += count - buckets[min(edge for edge in buckets if edge >= objective * (1 - 1e-9))]
        below = [edge for edge in buckets if edge <= objective * (1 + 1e-9)]
        most += count - (buckets[max(below)] if below else 0.0)
    if not groups:
        return None, None
    whole = round(total)
    # Buckets and their sum are not read in one instant everywhere; counts may cross by a request.
    low = min(max(round(fewest), 0), whole)
    return whole, (low, min(max(round(most), low), whole))


def ratio_series(name: str, part: str) -> str:
    """The name under which a caller's count is kept in a reading; ``part`` is total, bad or good."""
    return f"signalbox:{name}:{part}"


def _ratios(grown: Mapping[Key, float]) -> dict[str, tuple[int, int]]:
    parts: dict[str, dict[str, float]] = defaultdict(dict)
    for (name, _), count in grown.items():
        if name.startswith("signalbox:"):
            _, ratio, part = name.split(":")
            parts[ratio][part] = count
    found = {}
    for ratio, counted in parts.items():
        total = round(counted["total"])
        bad = round(counted["bad"]) if "bad" in counted else total - round(counted["good"])
        # Two queries are not answered in one instant; counts may cross by a few.
        found[ratio] = (total, min(max(bad, 0), total))
    return found


def names(reading: Reading) -> set[str]:
    """Names of the series in a reading."""
    return {series.name for series in reading.series}
