"""``deployment:``: a plain Deployment whose annotation ``rollout.ai/traffic-percent`` something obeys.

At 0% the canary can also be undone: the container's image is set back to one pinned by digest. Never by
``rollout undo``, whose second run brings the bad image back.
"""

from __future__ import annotations

import re

from signalbox.errors import InputError
from signalbox.rollout.kube.client import Cluster, Object, Resource
from signalbox.rollout.kube.images import digests
from signalbox.rollout.traffic.base import Routed, TrafficError

ANNOTATION = "rollout.ai/traffic-percent"
_PINNED = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,250}@sha256:[0-9a-f]{64}")
_PERCENT = re.compile(r"\d{1,3}(?:\.\d{1,4})?")
_POINTER = "/metadata/annotations/" + ANNOTATION.replace("~", "~0").replace("/", "~1")


class Deployment:
    """``undo`` is the image to go back to at 0% (``REPO@sha256:…``), in ``container``; both or neither."""

    def __init__(
        self, cluster: Cluster, namespace: str, name: str, *, undo: str = "", container: str = ""
    ) -> None:
        if bool(undo) != bool(container) or (undo and not _PINNED.fullmatch(undo)):
            raise InputError(
                "undo= is an image pinned by digest, with container= beside it",
                where="--traffic",
                fix="For example undo=registry.example/web@sha256:…&container=web.",
            )
        self._cluster = cluster
        self._resource = Resource(
            group="apps", version="v1", plural="deployments", namespace=namespace, name=name
        )
        self._undo = undo
        self._container = container

    def describe(self) -> str:
        """A name for people."""
        return f"{self._resource.describe()} in {self._cluster.describe()}"

    def check(self, percents: tuple[float, ...]) -> None:
        """Dry-run the order for what is in force, and the undo where one was asked for."""
        share = self.read()
        self._cluster.change(self._resource, lambda found: self._patch(found, share), dry_run=True)
        self._cluster.change(self._resource, lambda found: self._patch(found, 0.0), dry_run=True)

    def read(self) -> float:
        """What the annotation says; a Deployment without it gets nothing yet."""
        found = self._cluster.get(self._resource)
        text = str((found["metadata"].get("annotations") or {}).get(ANNOTATION, "0"))
        percent = float(text) if _PERCENT.fullmatch(text) else -1.0
        if not 0 <= percent <= 100:
            raise TrafficError(f"{self.describe()} has {ANNOTATION}={text[:40]!r}, which is no percentage")
        return percent

    def write(self, percent: float) -> None:
        """Set the annotation; at 0 also the image, if there is one to go back to."""
        self._cluster.change(self._resource, lambda found: self._patch(found, percent))

    def finish(self) -> None:
        """Nothing is to do: the annotation stays until the next release."""

    def digests(self) -> tuple[str, ...]:
        """What is rolled out, as far as its images are pinned."""
        return digests(self._cluster.get(self._resource))

    def routed(self) -> Routed | None:
        """A Deployment does not count requests."""
        return None

    def _patch(self, found: Object, percent: float) -> list[Object]:
        value = f"{percent:.4f}".rstrip("0").rstrip(".")
        patch: list[Object] = []
        if not found["metadata"].get("annotations"):
            patch.append({"op": "add", "path": "/metadata/annotations", "value": {}})
        patch.append({"op": "add", "path": _POINTER, "value": value})
        if percent == 0 and self._undo:
            containers = found["spec"]["template"]["spec"]["containers"]
            names = [one["name"] for one in containers]
            if self._container not in names:
                raise TrafficError(f"{self.describe()} has no container {self._container!r}")
            at = f"/spec/template/spec/containers/{names.index(self._container)}"
            patch.append({"op": "test", "path": f"{at}/name", "value": self._container})
            patch.append({"op": "replace", "path": f"{at}/image", "value": self._undo})
        return patch
