"""The adapters that speak to a Kubernetes API, chosen by a URL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from signalbox.errors import InputError
from signalbox.rollout.traffic.base import Traffic

# kind → (options it needs, options it may have besides context)
OPTIONS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "httproute": (frozenset({"canary", "baseline"}), frozenset()),
    "virtualservice": (frozenset({"canary", "baseline"}), frozenset()),
    "argo-rollout": (frozenset(), frozenset()),
    "flagger": (frozenset({"gate"}), frozenset()),
    "deployment": (frozenset(), frozenset({"undo", "container"})),
}
FORMS = """\
  httproute:NAMESPACE/NAME?canary=SERVICE&baseline=SERVICE
      Gateway API: the weights of the rules that lead to both Services
  virtualservice:NAMESPACE/NAME?canary=HOST/SUBSET&baseline=HOST/SUBSET
      Istio: the weights of the routes that lead to both (HOST alone where there are no subsets)
  argo-rollout:NAMESPACE/NAME
      Argo Rollouts: steps of setWeight and an indefinite "pause: {}", promote and abort
  flagger:NAMESPACE/NAME?gate=http://flagger-loadtester.test
      Flagger: its gates for traffic increase, promotion and rollback
  deployment:NAMESPACE/NAME?undo=REPO@sha256:…&container=NAME
      a Deployment's annotation rollout.ai/traffic-percent; undo is optional
      (all five: the cluster of KUBECONFIG or of the pod; &context=NAME chooses another context)
"""
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def open_kubernetes(
    kind: str,
    rest: str,
    *,
    new_session: Callable[[], Any],
    environ: Mapping[str, str],
    folder: Path,
    wait: Callable[[float], object],
) -> Traffic:
    """The adapter of ``kind`` for what follows it in the URL; ``InputError`` says what is missing."""
    from signalbox.rollout.kube.client import Cluster
    from signalbox.rollout.kube.kubeconfig import find_access

    namespace, name, options = parse(kind, rest)
    access = find_access(environ, folder, context=options.get("context", ""))
    cluster = Cluster(access, session=new_session(), wait=wait)
    if kind in ("httproute", "virtualservice"):
        from signalbox.rollout.traffic.weighted import http_route, virtual_service

        build = http_route if kind == "httproute" else virtual_service
        return build(cluster, namespace, name, canary=options["canary"], baseline=options["baseline"])
    if kind == "argo-rollout":
        from signalbox.rollout.traffic.argo import ArgoRollout

        return ArgoRollout(cluster, namespace, name)
    if kind == "flagger":
        from signalbox.rollout.traffic.flagger import Flagger

        return Flagger(cluster, namespace, name, gate=options["gate"], session=new_session())
    from signalbox.rollout.traffic.deployment import Deployment

    undo, container = options.get("undo", ""), options.get("container", "")
    return Deployment(cluster, namespace, name, undo=undo, container=container)


def parse(kind: str, rest: str) -> tuple[str, str, dict[str, str]]:
    """(namespace, name, options) of ``NAMESPACE/NAME?option=value&…``."""
    place, _, query = rest.partition("?")
    namespace, _, name = place.partition("/")
    if not _NAME.fullmatch(namespace) or not _NAME.fullmatch(name):
        raise InputError(
            f"{place!r} is not NAMESPACE/NAME", where="--traffic", fix=f"The forms are:\n{FORMS}"
        )
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError as error:
        raise InputError("the part after '?' cannot be read", where="--traffic", why=str(error)) from None
    options = dict(pairs)
    needed, optional = OPTIONS[kind]
    missing = sorted(needed - {key for key, value in options.items() if value})
    unknown = sorted(options.keys() - needed - optional - {"context"})
    if missing or unknown or len(options) != len(pairs):
        why = "; ".join(
            f"{word}: {', '.join(names)}"
            for word, names in (("missing", missing), ("unknown", unknown))
            if names
        )
        raise InputError(
            f"the options of {kind} are not as they should be",
            where="--traffic",
            why=why or "an option is there twice",
            fix=f"The forms are:\n{FORMS}",
        )
    if needed == {"canary", "baseline"} and options["canary"] == options["baseline"]:
        raise InputError("canary and baseline are the same backend", where="--traffic")
    return namespace, name, options
