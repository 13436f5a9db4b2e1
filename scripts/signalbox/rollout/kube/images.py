"""Which digests an object's pods run. Pure."""

from __future__ import annotations

import re

from signalbox.rollout.kube.client import Object

_PINNED = re.compile(r"@(sha256:[0-9a-f]{64})$")


def digests(found: Object) -> tuple[str, ...]:
    """Digests of the pod template's images; empty where no image is pinned, or there is no template."""
    pod = ((found.get("spec") or {}).get("template") or {}).get("spec") or {}
    images = [str(one.get("image") or "") for one in pod.get("containers") or []]
    return tuple(match[1] for match in map(_PINNED.search, images) if match)
