"""The part of a service mesh that is not here: requests that follow a VirtualService's weights."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.api import Repeating

from doubles.rollout_rig import Rig, proxy_rig


def weigh(rig: Rig, percent: float) -> None:
    """Send this share of the requests to the canary."""
    body = json.dumps({"canary": percent, "baseline": 100 - percent}).encode()
    url = f"http://127.0.0.1:{rig.control_port}/_weights"
    with urllib.request.urlopen(urllib.request.Request(url, data=body, method="PUT"), timeout=5):
        pass


@contextlib.contextmanager
def mesh(api: Any, service: str, folder: Path) -> Iterator[Rig]:
    """Two real services behind a proxy that takes its weights from the VirtualService ``service``."""
    with proxy_rig(folder) as rig:
        known: list[int] = []

        def follow() -> None:
            routes = api.ask("GET", service)["spec"]["http"][0]["route"]
            weights = {one["destination"]["host"]: one.get("weight", 0) for one in routes}
            percent = weights["web-canary"]
            if known[-1:] == [percent]:
                return
            weigh(rig, percent)
            known.append(percent)

        with Repeating(follow, every=0.1):
            yield rig
