"""``argo-rollout:``: Argo Rollouts, whose controller moves the traffic and whose steps we choose.

The Rollout's canary steps must hold, for every share that may be ordered, ``setWeight`` followed by
``pause: {}`` without a duration: then a monitor that is gone leaves the traffic where it is. Steps are
chosen and aborts ordered on the *status subresource*; a patch of the object itself is accepted and ignored.
"""

from __future__ import annotations

from typing import Any

from signalbox.rollout.kube.client import Cluster, Object, Resource
from signalbox.rollout.kube.images import digests
from signalbox.rollout.traffic.base import TOLERANCE_PERCENT, Routed, TrafficError

_POLL_SECONDS = 0.5


class ArgoRollout:
    """A Rollout object; ``settle_seconds`` is how long its controller gets to obey."""

    def __init__(self, cluster: Cluster, namespace: str, name: str, *, settle_seconds: float = 60.0) -> None:
        self._cluster = cluster
        self._resource = Resource(
            group="argoproj.io", version="v1alpha1", plural="rollouts", namespace=namespace, name=name
        )
        self._settle_seconds = settle_seconds

    def describe(self) -> str:
        """A name for people."""
        return f"{self._resource.describe()} in {self._cluster.describe()}"

    def check(self, percents: tuple[float, ...]) -> None:
        """A canary must be under way, every share must be a step, and the status must be ours to patch."""
        found = self._cluster.get(self._resource)
        steps = self._steps(found)
        missing = [percent for percent in percents if percent and _index(steps, percent) is None]
        if missing:
            listed = ", ".join(f"{percent:g}" for percent in missing)
            raise TrafficError(
                f"{self.describe()} has no setWeight followed by an indefinite 'pause: {{}}' for {listed}"
            )
        self.read()
        if not _under_way(found):
            raise TrafficError(f"{self.describe()} has no canary under way: its pods are all of one version")
        step = _status(found).get("currentStepIndex")
        self._cluster.change(
            self._resource,
            lambda _: {"status": {"currentStepIndex": step}},
            subresource="status",
            dry_run=True,
        )

    def read(self) -> float:
        """The weight that the controller says is in force; an error while it has not caught up."""
        return self._in_force(self._cluster.get(self._resource))

    def write(self, percent: float) -> None:
        """Abort at 0, or go to the step with this weight; then wait until the controller did it."""
        self._cluster.change(self._resource, lambda found: self._order(found, percent), subresource="status")
        waited = 0.0
        while waited < self._settle_seconds:
            try:
                if abs(self.read() - percent) <= TOLERANCE_PERCENT:
                    return
            except TrafficError:
                # Also while it is between two weights: the reading after the write will say so.
                pass
            if self._cluster.wait(_POLL_SECONDS) and percent > 0:
                # Told to stop: the controller waits at the step that was ordered, and a retreat is finished.
                return
            waited += _POLL_SECONDS

    def finish(self) -> None:
        """Promote: the canary's version becomes the stable one."""
        done = self._cluster.get(self._resource)
        for _ in range(max(1, int(self._settle_seconds / _POLL_SECONDS))):
            if not _under_way(done):
                return
            done = self._cluster.change(self._resource, self._promotion, subresource="status")
            self._cluster.wait(_POLL_SECONDS)
        raise TrafficError(f"{self.describe()} was told to promote and is not done")

    def digests(self) -> tuple[str, ...]:
        """What is rolled out, as far as its images are pinned."""
        return digests(self._cluster.get(self._resource))

    def routed(self) -> Routed | None:
        """A Rollout does not count requests."""
        return None

    def _promotion(self, found: Object) -> Object | None:
        steps, status = self._steps(found), _status(found)
        if not _under_way(found) or status.get("currentStepIndex") == len(steps):
            return None
        return {"status": {"currentStepIndex": len(steps), "pauseConditions": None, "controllerPause": False}}

    def _steps(self, found: Object) -> list[Object]:
        strategy = found.get("spec", {}).get("strategy") or {}
        canary = strategy.get("canary")
        if not isinstance(canary, dict):
            raise TrafficError(f"{self.describe()} is no canary (its strategy is {', '.join(strategy)})")
        return list(canary.get("steps") or [])

    def _order(self, found: Object, percent: float) -> Object | None:
        status = _status(found)
        if percent == 0:
            return None if status.get("abort") is True else {"status": {"abort": True}}
        if not _under_way(found):
            # Everything runs one version: 100 is so already, and nothing else can be had.
            return None
        if status.get("abort") is True:
            raise TrafficError(f"{self.describe()} was aborted: only a new version starts it again")
        index = _index(self._steps(found), percent)
        if index is None:
            raise TrafficError(f"{self.describe()} has no step with setWeight {percent:g} and 'pause: {{}}'")
        # The pause after the weight: there the controller waits until it is told to go on.
        if status.get("currentStepIndex") == index + 1:
            return None
        return {"status": {"currentStepIndex": index, "pauseConditions": None, "controllerPause": False}}

    def _in_force(self, found: Object) -> float:
        status = _status(found)
        if str(status.get("observedGeneration", "")) != str(found["metadata"].get("generation", "")):
            raise TrafficError(f"{self.describe()}: its controller has not looked at it yet")
        if not _under_way(found):
            return 0.0 if status.get("abort") is True else 100.0
        weights: Any = (status.get("canary") or {}).get("weights")
        if isinstance(weights, dict):
            return self._routed_weight(weights)
        # Without a traffic router the split is the number of pods.
        total, canary = status.get("availableReplicas") or 0, status.get("updatedReplicas") or 0
        if not total:
            raise TrafficError(f"{self.describe()} has no pod that is available")
        if canary != (found.get("spec", {}).get("replicas") or 1) and total < canary:
            raise TrafficError(f"{self.describe()}: its pods are not available yet")
        return 100.0 * min(canary, total) / total

    def _routed_weight(self, weights: Object) -> float:
        if weights.get("verified") is False:
            raise TrafficError(f"{self.describe()}: its traffic router has not confirmed the weights yet")
        try:
            return float(weights["canary"]["weight"])
        except (KeyError, TypeError, ValueError):
            raise TrafficError(f"{self.describe()} has a status that cannot be read") from None


def _status(found: Object) -> Object:
    status = found.get("status")
    return status if isinstance(status, dict) else {}


def _under_way(found: Object) -> bool:
    """Whether two versions are there."""
    status = _status(found)
    return bool(status.get("stableRS")) and status.get("currentPodHash") != status.get("stableRS")


def _index(steps: list[Object], percent: float) -> int | None:
    """Place of the ``setWeight`` of this share that an indefinite pause follows."""
    for place, step in enumerate(steps[:-1]):
        after = steps[place + 1]
        weight = step.get("setWeight")
        if weight is None or abs(float(weight) - percent) > TOLERANCE_PERCENT / 2 or "pause" not in after:
            continue
        if not (after["pause"] or {}).get("duration"):
            return place
    return None
