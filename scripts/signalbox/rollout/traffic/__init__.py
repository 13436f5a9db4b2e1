"""Moving traffic: adapters behind one small interface, chosen by a URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from signalbox.errors import InputError
from signalbox.rollout.traffic import kubernetes
from signalbox.rollout.traffic.base import KnowsDigests, Routed, Traffic, TrafficError, move

__all__ = ["FORMS", "KnowsDigests", "Routed", "Traffic", "TrafficError", "move", "open_traffic"]

FORMS = (
    """\
  proxy:http://127.0.0.1:8080
      a weighted proxy: GET and PUT /_weights {"canary": 10, "baseline": 90}, counters on /metrics
  haproxy:unix:/run/haproxy.sock?backend=web&canary=c1&baseline=b1,b2
  haproxy:tcp:127.0.0.1:9999?backend=web&canary=c1&baseline=b1,b2
      HAProxy's runtime API (level admin); servers by name, several with commas
  command:./traffic.sh --service web
      your program: "… get" prints {"canary": 10, "baseline": 90}; "… set --canary 25 --baseline 75"
"""
    + kubernetes.FORMS
)


def open_traffic(
    url: str,
    *,
    new_session: Callable[[], Any],
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    wait: Callable[[float], object] = time.sleep,
) -> Traffic:
    """The adapter that ``url`` names; ``InputError`` says which forms there are.

    ``environ`` (KUBECONFIG, HOME) and ``folder`` (private, for a kubeconfig's certificates) are for the
    adapters of a cluster, as is ``wait``, which lets time pass and says whether the monitor was told to stop.
    """
    kind, _, rest = url.partition(":")
    if kind == "proxy" and rest:
        from signalbox.rollout.traffic.proxy import Proxy

        return Proxy(rest, session=new_session())
    if kind == "command" and rest:
        from signalbox.rollout.traffic.command import Command

        return Command(rest)
    if kind == "haproxy" and rest:
        return _haproxy(rest)
    if kind in kubernetes.OPTIONS and rest and folder is not None:
        return kubernetes.open_kubernetes(
            kind, rest, new_session=new_session, environ=environ or {}, folder=folder, wait=wait
        )
    raise InputError(f"{url!r} names no traffic adapter", where="--traffic", fix="The forms are:\n" + FORMS)


def _haproxy(rest: str) -> Traffic:
    from signalbox.rollout.traffic.haproxy import HAProxy

    address, _, query = rest.partition("?")
    kind, _, place = address.partition(":")
    port = place.rpartition(":")[2]
    if not place or kind not in ("unix", "tcp") or (kind == "tcp" and not port.isdigit()):
        raise InputError(
            f"{address!r} is no address of HAProxy's runtime API",
            where="--traffic",
            fix="Give unix:/path or tcp:host:port.",
        )
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))
    except ValueError as error:
        raise InputError("the part after '?' cannot be read", where="--traffic", why=str(error)) from None
    missing = {"backend", "canary", "baseline"} - options.keys()
    if missing or len(options) > 3:
        raise InputError(
            "HAProxy needs backend=, canary= and baseline=, and nothing else",
            where="--traffic",
            why=f"missing: {', '.join(sorted(missing))}" if missing else "",
        )
    return HAProxy(
        address,
        backend=options["backend"],
        canary=[name for name in options["canary"].split(",") if name],
        baseline=[name for name in options["baseline"].split(",") if name],
    )
