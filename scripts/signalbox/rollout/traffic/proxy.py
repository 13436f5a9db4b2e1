"""``proxy:URL``: a weighted proxy with an HTTP control API, such as the storefront example's own.

``GET URL/_weights`` answers ``{"canary": n, "baseline": m}``, ``PUT`` sets the same, and ``URL/metrics``
counts requests in a counter ``*_requests_total`` with the label ``backend``.
"""

from __future__ import annotations

import json
from typing import Any

from signalbox.rollout.traffic.base import Routed, TrafficError
from signalbox.signals import http
from signalbox.signals.exposition import Malformed, parse

ARMS = ("canary", "baseline")


class Proxy:
    """A proxy at ``url``; ``session`` as for :mod:`signalbox.signals`, ``timeout`` in seconds."""

    def __init__(self, url: str, *, session: Any, timeout: float = 3.0) -> None:
        self._url = http.check_url(url.rstrip("/"), "--traffic")
        self._session = session
        self._timeout = timeout

    def describe(self) -> str:
        """A name for people, without credentials."""
        return f"the proxy at {http.public(self._url)}"

    def check(self, percents: tuple[float, ...]) -> None:
        """The weights can be read; any share can be ordered."""
        self.read()

    def read(self) -> float:
        """The canary's share in force, in percent."""
        answer = http.get(self._session, self._url + "/_weights", timeout=self._timeout)
        if answer.state != "ok":
            raise TrafficError(f"{self.describe()} did not say its weights: {answer.detail}")
        return share_of(answer.text, self.describe())

    def write(self, percent: float) -> None:
        """Put the weights; a refusal is an error, an acceptance proves nothing yet."""
        import requests

        body = json.dumps(weights(percent))
        try:
            with self._session.request(
                "PUT",
                self._url + "/_weights",
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                status = response.status_code
        except requests.RequestException as error:
            why = http.classify(error, self._timeout)[2]
            raise TrafficError(f"{self.describe()} did not take the weights: {why}") from None
        if status not in (200, 204):
            raise TrafficError(f"{self.describe()} refused the weights with HTTP status {status}")

    def finish(self) -> None:
        """Nothing is to do: the weights stay until the next release."""

    def routed(self) -> Routed | None:
        """Requests per backend from the proxy's own counters."""
        answer = http.get(self._session, self._url + "/metrics", timeout=self._timeout)
        if answer.state != "ok":
            return None
        try:
            series = parse(answer.text)
        except Malformed:
            return None
        counted = dict.fromkeys(ARMS, 0.0)
        for one in series:
            backend = one.label("backend")
            if one.name.endswith("_requests_total") and backend in counted and one.value >= 0:
                counted[backend] += one.value
        return Routed(int(counted["canary"]), int(counted["baseline"]))


def weights(percent: float) -> dict[str, int]:
    """The two weights, whole numbers, for a canary's share in percent (to a hundredth of a percent)."""
    canary, whole = round(percent * 100), 10_000
    if canary % 100 == 0:
        canary, whole = canary // 100, 100
    return {"canary": canary, "baseline": whole - canary}


def share_of(text: str, who: str) -> float:
    """The canary's percent in ``{"canary": n, "baseline": m}``."""
    try:
        found = json.loads(text)
        canary, baseline = (float(found[arm]) for arm in ARMS)
    except (ValueError, KeyError, TypeError):
        raise TrafficError(f"{who} answered weights that cannot be read") from None
    # "not >" also refuses NaN.
    if not (canary >= 0 and baseline >= 0 and 0 < canary + baseline < float("inf")):
        raise TrafficError(f"{who} answered weights that are no weights: {canary:g} and {baseline:g}")
    return 100.0 * canary / (canary + baseline)
