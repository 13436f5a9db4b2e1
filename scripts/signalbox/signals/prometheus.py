"""Prometheus through prometheus-api-client, with what that client drops or decides taken back.

The client returns only ``data.result``: warnings and infos (a partial answer), the type of the result and
the time of evaluation are lost; without being told it waits for ever and retries. Here a hook on the
session keeps the whole answer, and time-out and retries are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from signalbox.errors import InputError
from signalbox.signals.http import classify, public
from signalbox.signals.native import classic
from signalbox.signals.queries import QUERY_SETS, QuerySet, names_of, recognise
from signalbox.signals.reading import Reading, Sample, Series, State
from signalbox.signals.scrape import check_series


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer to one query: ``kind`` is Prometheus's resultType."""

    state: State
    detail: str = ""
    kind: str = ""
    result: Any = None


class Prometheus:
    """A Prometheus server, or anything with its HTTP API.

    ``session`` is a ``requests.Session`` (:func:`signalbox.signals.http.new_session`); ``now`` gives
    seconds since 1970; ``stale_seconds`` is the age from which a value is ``stale``.
    """

    def __init__(
        self,
        url: str,
        *,
        session: Any,
        now: Callable[[], float],
        timeout: float = 5.0,
        stale_seconds: float = 60.0,
        query_sets: Sequence[QuerySet] = QUERY_SETS,
    ) -> None:
        from prometheus_api_client import PrometheusConnect
        from urllib3.util import Retry

        self.url = public(url)
        self._now = now
        self._timeout = timeout
        self._stale_seconds = stale_seconds
        self._query_sets = query_sets
        self._last: dict[str, Any] = {}
        session.hooks["response"].append(self._keep)
        # read=False: else a time-out arrives as a failed connection, and slow looks like down.
        retry = Retry(total=0, read=False)
        self._client = PrometheusConnect(url.rstrip("/"), session=session, retry=retry, timeout=timeout)

    def _keep(self, response: Any, *_: Any, **__: Any) -> None:
        try:
            body = response.json()
        except ValueError:
            body = None
        self._last = body if isinstance(body, dict) else {}

    def query(self, promql: str) -> Answer:
        """One instant query; a partial answer (with warnings) is ``partial``, whatever it holds."""
        import requests
        from prometheus_api_client.exceptions import PrometheusApiClientException

        self._last = {}
        try:
            self._client.custom_query(promql, timeout=self._timeout)
        except PrometheusApiClientException:
            why = self._last.get("error") or "an HTTP error"
            if self._last.get("errorType") == "timeout":
                return Answer(state="timeout", detail=f"the query timed out there: {why}")
            return Answer(state="error", detail=f"Prometheus answered: {str(why)[:300]}")
        except requests.exceptions.JSONDecodeError:
            return Answer(state="error", detail="the answer is not JSON")
        except requests.RequestException as error:
            state, _, detail = classify(error, self._timeout)
            return Answer(state=state, detail=detail)
        except (KeyError, TypeError, AttributeError, ValueError):
            return Answer(state="error", detail="the answer is not Prometheus's")
        data = self._last.get("data")
        if self._last.get("status") != "success" or not isinstance(data, dict):
            return Answer(state="error", detail="the answer is not Prometheus's")
        warnings = self._last.get("warnings")
        if warnings:
            return Answer(state="partial", detail=f"Prometheus warns: {str(warnings)[:300]}")
        return Answer(state="ok", kind=str(data.get("resultType")), result=data.get("result"))

    def read(self, selector: str) -> Reading:
        """Every series of the first convention found under ``selector`` (label matchers, no braces)."""
        at = self._now()

        def trouble(state: State, detail: str) -> Reading:
            return Reading(state=state, at=at, source=self.url, detail=detail)

        # A native histogram is one series under the base name, without _bucket and _count.
        bases = [queries.histogram for queries in self._query_sets if queries.histogram]
        wanted = "|".join(dict.fromkeys([*names_of(self._query_sets), *bases]))
        answer = self.query(f'{{__name__=~"{wanted}",{selector}}}')
        if answer.state != "ok":
            return trouble(answer.state, answer.detail)
        if answer.kind != "vector":
            return trouble("error", f"the result is a {answer.kind}, not a vector")
        try:
            series, evaluated = _vector(answer.result)
        except (KeyError, TypeError, ValueError, IndexError):
            return trouble("error", "a series in the answer cannot be read")
        queries = recognise(s.name for s in series)
        if queries is None:
            return trouble("empty", f"no requests counted under {{{selector}}}")
        series = [s for s in series if s.name in queries.names]
        state, detail = check_series(series)
        if state != "ok":
            return trouble(state, detail)
        either = "|".join(name for name in (queries.requests, queries.histogram) if name)
        newest = self.scalar(f'max(timestamp({{__name__=~"{either}",{selector}}}))')
        if newest.state != "ok" or newest.value is None:
            return trouble(newest.state if newest.state != "ok" else "empty", newest.detail)
        age = evaluated - newest.value
        if age > self._stale_seconds:
            return trouble("stale", f"the newest value is {age:.0f} s old")
        # Ages are taken on the server's clock; only the difference is moved to ours.
        return Reading(
            state="ok", at=at, source=self.url, sampled_at=at - max(age, 0.0), series=tuple(series)
        )

    def scalar(self, promql: str) -> Sample:
        """The one number that ``promql`` gives; several series, none and no number are told apart."""
        at = self._now()
        answer = self.query(promql)

        def sample(state: State, detail: str = "", value: float | None = None) -> Sample:
            return Sample(state=state, at=at, source=self.url, detail=detail, value=value)

        if answer.state != "ok":
            return sample(answer.state, answer.detail)
        try:
            if answer.kind == "scalar":
                value = float(answer.result[1])
            elif answer.kind == "vector":
                if len(answer.result) != 1:
                    count = len(answer.result)
                    return sample("several" if count else "empty", f"{count} series where one was asked for")
                value = float(answer.result[0]["value"][1])
            else:
                return sample("error", f"the result is a {answer.kind}, not a number")
        except (KeyError, TypeError, ValueError, IndexError):
            return sample("error", "the value in the answer cannot be read")
        if not math.isfinite(value):
            return sample("nan", f"the value is {value}")
        return sample("ok", value=value)

    def check(self, promql: str, option: str) -> None:
        """``InputError`` if ``promql`` can never be one number: it is malformed, a string or a range."""
        answer = self.query(promql)
        if answer.state == "ok" and answer.kind not in ("scalar", "vector"):
            raise InputError(
                f"the query gives a {answer.kind}, not a number", where=option, fix="Ask for one number."
            )
        if answer.state == "error" and self._last.get("errorType") == "bad_data":
            raise InputError("Prometheus does not understand the query", where=option, why=answer.detail)


def _vector(result: Any) -> tuple[list[Series], float]:
    found: list[Series] = []
    native: list[Series] = []
    evaluated = 0.0
    for item in result:
        labels = {str(key): str(value) for key, value in item["metric"].items()}
        name, sorted_labels = labels.pop("__name__"), tuple(sorted(labels.items()))
        if "histogram" in item:
            evaluated = float(item["histogram"][0])
            native += classic(name, sorted_labels, item["histogram"][1])
            continue
        evaluated, value = float(item["value"][0]), float(item["value"][1])
        found.append(Series(name, sorted_labels, value))
    # Some keep both forms of one histogram: then the classic one, whose edges the service chose.
    known = {series.name for series in found}
    return found + [series for series in native if series.name not in known], evaluated
