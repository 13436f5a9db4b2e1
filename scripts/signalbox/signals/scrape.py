"""``/metrics`` read directly, where there is no Prometheus."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from signalbox.signals.exposition import Malformed, parse
from signalbox.signals.http import Session, get, public
from signalbox.signals.queries import QUERY_SETS, QuerySet, names_of
from signalbox.signals.reading import Reading, Series, State, worst

_ACCEPT = {"Accept": "text/plain;version=0.0.4", "Cache-Control": "no-cache"}


class Endpoints:
    """One arm: the ``/metrics`` of each of its instances. All must answer for the reading to count.

    ``now`` gives seconds since 1970. ``timeout`` is seconds for each instance.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        session: Session,
        now: Callable[[], float],
        timeout: float = 3.0,
        query_sets: Sequence[QuerySet] = QUERY_SETS,
    ) -> None:
        self.urls = tuple(urls)
        self._session = session
        self._now = now
        self._timeout = timeout
        self._names = names_of(query_sets)

    def read(self) -> Reading:
        """All series of all instances; the instance's position is added to the labels as ``instance``."""
        at = self._now()
        states: list[State] = []
        details: list[str] = []
        series: list[Series] = []
        for number, url in enumerate(self.urls):
            state, detail, found = self._one(url)
            states.append(state)
            if detail:
                details.append(f"{public(url)}: {detail}")
            series += [Series(s.name, (*s.labels, ("instance", str(number))), s.value) for s in found]
        state = worst(states)
        if state != "ok" and "ok" in states:
            state = "partial"
        return Reading(
            state=state,
            at=at,
            sampled_at=at,
            source=", ".join(public(url) for url in self.urls),
            detail="; ".join(details),
            series=tuple(series) if state == "ok" else (),
        )

    def _one(self, url: str) -> tuple[State, str, list[Series]]:
        answer = get(self._session, url, timeout=self._timeout, headers=_ACCEPT)
        if answer.state != "ok":
            return answer.state, answer.detail, []
        if not answer.text:
            return "empty", "the page is empty", []
        if not answer.text.endswith("\n"):
            return "partial", "the page ends in the middle of a line", []
        try:
            found = parse(answer.text, self._names)
        except Malformed as error:
            return "error", str(error), []
        if not found:
            return "empty", f"none of {', '.join(self._names)} is there", []
        return (*check_series(found), found)


def check_series(found: Sequence[Series]) -> tuple[State, str]:
    """``several`` for a series that is there twice, ``nan`` for a value that is no count, or ``ok``."""
    keys = {(s.name, s.labels) for s in found}
    if len(keys) != len(found):
        return "several", "a series is there twice"
    odd = next((s for s in found if not math.isfinite(s.value) or s.value < 0), None)
    if odd:
        return "nan", f"{odd.name} is {odd.value}"
    return "ok", ""
