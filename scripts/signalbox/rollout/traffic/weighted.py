"""``httproute:`` and ``virtualservice:``: routes whose backends carry weights, in a Kubernetes API.

All rules that lead to both arms are changed in one JSON patch, which first tests that each place still
holds the backend that was read there: a merge patch would replace whole lists and delete what stands
beside the weights. A rule that leads to a third backend as well is refused, for a share of two would then
say nothing about the third.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from signalbox.rollout.kube.client import Cluster, Object, Resource
from signalbox.rollout.traffic.base import Routed, TrafficError
from signalbox.rollout.traffic.proxy import weights

_POLL_SECONDS = 0.25


class Place(msgspec.Struct, frozen=True):
    """One rule's two backends: JSON pointers, what to test there, and the weights in force."""

    pointers: tuple[str, str]
    identities: tuple[tuple[str, Any], tuple[str, Any]]
    weights: tuple[int, int]


class WeightedRoute:
    """A route object. ``find`` gives the places in an object; ``accepted`` why it is not in force, or ""."""

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        *,
        arms: tuple[str, str],
        find: Callable[[Object, tuple[str, str]], list[Place]],
        accepted: Callable[[Object], str],
        settle_seconds: float = 20.0,
    ) -> None:
        self._cluster = cluster
        self._resource = resource
        self._arms = arms
        self._find = find
        self._accepted = accepted
        self._settle_seconds = settle_seconds

    def describe(self) -> str:
        """A name for people."""
        return f"{self._resource.describe()} in {self._cluster.describe()}"

    def check(self, percents: tuple[float, ...]) -> None:
        """Dry-run a patch that changes nothing: permissions, admission and the backends' names."""
        share = self.read()
        self._cluster.change(self._resource, lambda found: self._patch(found, share), dry_run=True)

    def read(self) -> float:
        """The canary's share of the weights, once whoever serves the route has accepted them."""
        found = self._cluster.get(self._resource)
        trouble = self._accepted(found)
        if trouble:
            raise TrafficError(f"{self.describe()}: {trouble}")
        return self._share(found)

    def write(self, percent: float) -> None:
        """Set the weights in every rule, and wait until they were accepted."""
        self._cluster.change(self._resource, lambda found: self._patch(found, percent))
        waited = 0.0
        while waited < self._settle_seconds and self._accepted(self._cluster.get(self._resource)):
            if self._cluster.wait(_POLL_SECONDS) and percent > 0:
                return
            waited += _POLL_SECONDS

    def finish(self) -> None:
        """Nothing is to do: the weights stay until the next release."""

    def routed(self) -> Routed | None:
        """A route object does not count requests."""
        return None

    def _places(self, found: Object) -> list[Place]:
        try:
            places = self._find(found, self._arms)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise TrafficError(f"{self.describe()} has a shape that cannot be read") from None
        if not places:
            raise TrafficError(
                f"{self.describe()} has no rule that leads to both {self._arms[0]} and {self._arms[1]}"
            )
        return places

    def _share(self, found: Object) -> float:
        shares = set()
        for place in self._places(found):
            canary, baseline = place.weights
            if canary + baseline <= 0:
                raise TrafficError(f"{self.describe()} has a rule with weight 0 on both arms")
            shares.add(round(100.0 * canary / (canary + baseline), 6))
        if len(shares) > 1:
            listed = ", ".join(f"{share:g}%" for share in sorted(shares))
            raise TrafficError(f"{self.describe()} has rules with different shares: {listed}")
        return shares.pop()

    def _patch(self, found: Object, percent: float) -> list[Object]:
        wanted = weights(percent)
        patch: list[Object] = []
        for place in self._places(found):
            values = (wanted["canary"], wanted["baseline"])
            for pointer, identity, value in zip(place.pointers, place.identities, values, strict=True):
                below, expected = identity
                patch.append({"op": "test", "path": f"{pointer}/{below}", "value": expected})
                # "add" also replaces; "replace" fails where the weight was left to its default.
                patch.append({"op": "add", "path": f"{pointer}/weight", "value": value})
        return patch


def http_route(cluster: Cluster, namespace: str, name: str, *, canary: str, baseline: str) -> WeightedRoute:
    """Gateway API: backends are Services by name."""
    resource = Resource(
        group="gateway.networking.k8s.io", version="v1", plural="httproutes", namespace=namespace, name=name
    )
    return WeightedRoute(
        cluster, resource, arms=(canary, baseline), find=_route_places, accepted=_route_accepted
    )


def virtual_service(
    cluster: Cluster, namespace: str, name: str, *, canary: str, baseline: str
) -> WeightedRoute:
    """Istio: destinations are ``HOST`` or ``HOST/SUBSET``."""
    resource = Resource(
        group="networking.istio.io", version="v1", plural="virtualservices", namespace=namespace, name=name
    )
    # Istio writes no status unless told to; that the sidecars obey shows in the requests only.
    return WeightedRoute(
        cluster, resource, arms=(canary, baseline), find=_service_places, accepted=lambda found: ""
    )


def _route_places(found: Object, arms: tuple[str, str]) -> list[Place]:
    return _places(found["spec"].get("rules") or [], "rules", "backendRefs", arms, _backend)


def _service_places(found: Object, arms: tuple[str, str]) -> list[Place]:
    return _places(found["spec"].get("http") or [], "http", "route", arms, _destination)


def _backend(entry: Object) -> tuple[str, str, Any, int]:
    # Gateway API: no weight means 1.
    return str(entry["name"]), "name", entry["name"], int(entry.get("weight", 1))


def _destination(entry: Object) -> tuple[str, str, Any, int]:
    destination = entry["destination"]
    name = str(destination["host"])
    if destination.get("subset"):
        name += f"/{destination['subset']}"
    return name, "destination", destination, int(entry.get("weight", 0))


def _places(
    rules: list[Object],
    above: str,
    below: str,
    arms: tuple[str, str],
    parse: Callable[[Object], tuple[str, str, Any, int]],
) -> list[Place]:
    places = []
    for number, rule in enumerate(rules):
        entries = [parse(entry) for entry in rule.get(below) or []]
        names = [entry[0] for entry in entries]
        if not all(arm in names for arm in arms):
            continue
        if names.count(arms[0]) != 1 or names.count(arms[1]) != 1:
            raise TrafficError(f"rule {number} names a backend of the rollout twice")
        others = [entry[0] for entry in entries if entry[0] not in arms and entry[3]]
        if others:
            raise TrafficError(f"rule {number} also leads to {others[0]}; a rollout splits between two")
        at = [names.index(arm) for arm in arms]
        places.append(
            Place(
                pointers=(
                    f"/spec/{above}/{number}/{below}/{at[0]}",
                    f"/spec/{above}/{number}/{below}/{at[1]}",
                ),
                identities=(
                    (entries[at[0]][1], entries[at[0]][2]),
                    (entries[at[1]][1], entries[at[1]][2]),
                ),
                weights=(entries[at[0]][3], entries[at[1]][3]),
            )
        )
    return places


def _route_accepted(found: Object) -> str:
    generation = found["metadata"].get("generation", 0)
    parents = (found.get("status") or {}).get("parents") or []
    if not parents:
        return "no gateway has taken up this route, so nobody would obey its weights"
    for parent in parents:
        seen = {one.get("type"): one for one in parent.get("conditions") or []}
        for kind in ("Accepted", "ResolvedRefs"):
            condition = seen.get(kind)
            if condition is None or condition.get("observedGeneration", 0) < generation:
                return f"the gateway has not looked at these weights yet ({kind})"
            if condition.get("status") != "True":
                return f"the gateway says {kind} is {condition.get('status')}: {condition.get('message', '')}"
    return ""
