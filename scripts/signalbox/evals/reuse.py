"""A verdict on the same digest, suite, baseline and policy is the same verdict: no call needs to be made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from signalbox.decision import parse_time
from signalbox.evals.inputs import Inputs
from signalbox.evals.model import Spent


def find_earlier(
    bundles: Iterable[Mapping[str, Any]], key: str, *, now: str, hours: float
) -> dict[str, Any] | None:
    """The newest recorded bundle with this key whose verdict was PASS or FAIL and is still fresh.

    What was not verified then may be verified now, so it is never taken again.
    """
    newest: dict[str, Any] | None = None
    for bundle in bundles:
        decision, inputs = bundle.get("decision"), bundle.get("inputs")
        if not isinstance(decision, dict) or not isinstance(inputs, dict) or inputs.get("key") != key:
            continue
        if decision.get("verdict") not in ("PASS", "FAIL") or inputs.get("reused"):
            continue
        try:
            age = parse_time(now) - parse_time(str(decision.get("decided_at")))
        except ValueError:
            continue
        if not timedelta(0) <= age <= timedelta(hours=hours):
            continue
        if newest is None or str(decision["decided_at"]) > str(newest["decision"]["decided_at"]):
            newest = dict(bundle)
    return newest


def reusable(bundle: Mapping[str, Any], key: str) -> Inputs:
    """The recorded inputs, to be decided again under today's stamp, with nothing spent."""
    inputs = msgspec.convert(bundle["inputs"], Inputs)
    return msgspec.structs.replace(inputs, reused=str(bundle["decision"]["id"]), spent=Spent(), key=key)
