"""Every failure to the agent that policy names, as a hand-over that needs no reading of logs."""

from __future__ import annotations

from collections.abc import Sequence

from signalbox.config.environments import Environments, Route
from signalbox.decision import Stamp
from signalbox.gates.model import Found, HandOver, Inputs


def hand_overs(lines: Sequence[Found], inputs: Inputs, e: Environments, stamp: Stamp) -> list[HandOver]:
    """One for each check that failed or could not be verified; approvals wait for people and are not routed.

    A failure that no line of policy routes goes to whoever owns the check.
    """
    found = []
    for line in lines:
        if line.decides != "evidence" or line.state not in ("fail", "not_verified"):
            continue
        route = _route(line, inputs.gate, e)
        gate = e.gates[line.gate]
        found.append(
            HandOver(
                id=f"{stamp.id}/{line.gate}/{line.id}",
                gate=line.gate,
                environment=gate.from_,
                failure=line.failure,
                check=line.id,
                status=line.state,
                to=_agent(route, line) if route else line.owner,
                task=route.task if route else "supply-evidence",
                details=route.details if route else "failure-details",
                text=line.text,
                codes=line.codes,
                source=line.source,
                sha256=line.sha256,
                findings=line.findings,
                then=_followers(route, line, e),
                commit=inputs.subject.commit,
                digest=inputs.subject.digest,
                decision=stamp.id,
            )
        )
    # What has failed comes before what nobody has shown yet.
    return sorted(found, key=lambda one: one.status != "fail")


def _route(line: Found, gate: str, e: Environments) -> Route | None:
    """The line for this failure at the line's own gate, else at the gate that asked, else "any" of either."""
    for wanted in (line.failure, "any"):
        for place in dict.fromkeys((line.gate, gate)):
            for route in e.routes:
                if route.gate == place and route.failure == wanted:
                    return route
    return None


def _agent(route: Route, line: Found) -> str:
    return line.owner if route.to == "owner" else route.to


def _followers(route: Route | None, line: Found, e: Environments) -> tuple[str, ...]:
    """Who comes after, as ``agent:task``; policy has been checked to have no circle."""
    by_id = {one.id: one for one in e.routes}
    found: list[str] = []
    while route and route.then and len(found) < len(e.routes):
        route = by_id.get(route.then)
        if route:
            found.append(f"{_agent(route, line)}:{route.task}")
    return tuple(found)
