"""``flagger:``: Flagger moves the traffic; gates that we open and close decide how far.

The Canary's analysis must call, on the gate service, ``/gate/check`` for ``confirm-traffic-increase`` and
``confirm-promotion`` and ``/rollback/check`` for ``rollback``. The gate service is Flagger's load tester or
anything with its paths (``/gate/open``, ``/gate/close``, ``/rollback/open``, ``/rollback/close``). A gate
that nobody opened is closed: a monitor that is gone advances nothing. Flagger knows no way down but to 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from signalbox.rollout.kube.client import Cluster, Object, Resource
from signalbox.rollout.traffic.base import TOLERANCE_PERCENT, Routed, TrafficError
from signalbox.signals import http

_POLL_SECONDS = 0.25
_MOVING = ("Progressing", "Waiting", "WaitingPromotion")
_ENDING = ("Promoting", "Finalising", "Succeeded")
_GATED = ("confirm-traffic-increase", "confirm-promotion", "rollback")
_INTERVAL = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Flagger:
    """A Canary object and the service that holds its gates. ``settle_intervals`` of its analysis is how long
    Flagger gets to obey.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        *,
        gate: str,
        session: Any,
        timeout: float = 5.0,
        settle_intervals: float = 4.0,
    ) -> None:
        self._cluster = cluster
        self._resource = Resource(
            group="flagger.app", version="v1beta1", plural="canaries", namespace=namespace, name=name
        )
        self._gate = http.check_url(gate.rstrip("/"), "--traffic")
        self._session = session
        self._timeout = timeout
        self._settle_intervals = settle_intervals

    def describe(self) -> str:
        """A name for people."""
        return f"{self._resource.describe()} in {self._cluster.describe()}"

    def check(self, percents: tuple[float, ...]) -> None:
        """Every share must be a step, every gate must be asked, and the gates must be ours to close."""
        found = self._cluster.get(self._resource)
        steps = _steps(found)
        missing = [one for one in percents if not any(abs(one - step) <= TOLERANCE_PERCENT for step in steps)]
        if missing:
            raise TrafficError(
                f"{self.describe()} never stops at {_listed(missing)}%: its steps are {_listed(steps)}"
            )
        asked = {hook.get("type") for hook in _analysis(found).get("webhooks") or []}
        absent = [kind for kind in _GATED if kind not in asked]
        if absent:
            raise TrafficError(
                f"{self.describe()} asks no gate of type {', '.join(absent)}: it would not wait"
            )
        # Closing what is closed changes nothing, and proves that the gate answers.
        self._order("gate/close")
        self._order("rollback/close")
        self.read()

    def read(self) -> float:
        """The weight that Flagger says is in force."""
        return self._weight(self._cluster.get(self._resource))

    def write(self, percent: float) -> None:
        """Open the gate until this weight is reached, or the rollback gate; close it again in any case."""
        now = self.read()
        if abs(now - percent) <= TOLERANCE_PERCENT:
            self._order("gate/close")
            return
        if percent == 0:
            self._order("gate/close")
            self._through("rollback", lambda found: self._weight(found) == 0)
            return
        if percent < now:
            raise TrafficError(f"{self.describe()} is at {now:g}% and cannot go down except to 0%")
        self._through("gate", lambda found: self._weight(found) >= percent - TOLERANCE_PERCENT)

    def finish(self) -> None:
        """Let Flagger promote the canary to primary."""
        self._through("gate", lambda found: _phase(found) == "Succeeded", more=4.0)
        if _phase(self._cluster.get(self._resource)) != "Succeeded":
            raise TrafficError(f"{self.describe()} was told to promote and is not done")

    def routed(self) -> Routed | None:
        """A Canary does not count requests."""
        return None

    def _through(self, gate: str, reached: Callable[[Object], bool], *, more: float = 1.0) -> None:
        found = self._cluster.get(self._resource)
        seconds = _interval(found) * self._settle_intervals * more
        self._order(f"{gate}/open")
        try:
            waited = 0.0
            while waited < seconds and not reached(found):
                if self._cluster.wait(_POLL_SECONDS) and gate != "rollback":
                    # Told to stop: an open gate would let Flagger go on alone.
                    break
                waited += _POLL_SECONDS
                found = self._cluster.get(self._resource)
        finally:
            self._order(f"{gate}/close")

    def _weight(self, found: Object) -> float:
        phase, status = _phase(found), found.get("status") or {}
        if phase == "Failed":
            return 0.0
        if phase in _ENDING:
            return 100.0
        if phase not in _MOVING:
            raise TrafficError(f"{self.describe()} has no canary under way: it is {phase or 'unknown'}")
        try:
            return float(status["canaryWeight"])
        except (KeyError, TypeError, ValueError):
            raise TrafficError(f"{self.describe()} has a status that cannot be read") from None

    def _order(self, what: str) -> None:
        import requests

        body = {"name": self._resource.name, "namespace": self._resource.namespace}
        who = f"the gate at {http.public(self._gate)}"
        try:
            with self._session.request(
                "POST",
                f"{self._gate}/{what}",
                data=json.dumps(body),
                headers={"Content-Type": "application/json"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                status = response.status_code
        except requests.RequestException as error:
            raise TrafficError(f"{who}: {http.classify(error, self._timeout)[2]}") from None
        if status not in (200, 202):
            raise TrafficError(f"{who} refused {what} with HTTP status {status}")


def _listed(percents: list[float]) -> str:
    return ", ".join(f"{one:g}" for one in percents) or "none"


def _analysis(found: Object) -> Object:
    analysis = found.get("spec", {}).get("analysis")
    return analysis if isinstance(analysis, dict) else {}


def _phase(found: Object) -> str:
    return str((found.get("status") or {}).get("phase", ""))


def _steps(found: Object) -> list[float]:
    """The weights at which Flagger stops and asks."""
    analysis = _analysis(found)
    if analysis.get("stepWeights"):
        return [float(step) for step in analysis["stepWeights"]]
    step, top = float(analysis.get("stepWeight") or 0), float(analysis.get("maxWeight") or 100)
    return [step * n for n in range(1, int(top // step) + 1)] if step > 0 else []


def _interval(found: Object) -> float:
    """Seconds between two of Flagger's looks; a minute where it cannot be read."""
    matched = _INTERVAL.fullmatch(str(_analysis(found).get("interval", "")))
    hours, minutes, seconds = (int(part or 0) for part in matched.groups()) if matched else (0, 0, 0)
    return float(3600 * hours + 60 * minutes + seconds) or 60.0
