"""What no type can say about ``environments:``: names that are not there, rules that cannot be meant.

``problems`` are mistakes: a policy that has one is refused with its line. ``lint`` names what is allowed but
hardly wanted, such as a role that nobody holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from signalbox.config import conditions
from signalbox.config.environments import Environments
from signalbox.config.yaml_lines import Lines
from signalbox.errors import InputError

Place = tuple[str | int, ...]
Problem = tuple[Place, str]


def refuse(environments: Environments, lines: Lines, where: str) -> None:
    """``InputError`` with the line of the first mistake that stands in the file itself.

    A table that was given may leave a shipped one pointing at nothing: then that table is named.
    """
    found: list[tuple[Place, Place, str]] = []
    for place, text in problems(environments):
        path: Place = ("environments", *place)
        while path not in lines:
            path = path[:-1]
        found.append((path, place, text))
    if not found:
        return
    path, place, text = max(found, key=lambda one: len(one[0]))
    if len(path) < 2:
        text += f" (so says the shipped table {place[0]!r}: give that one too)"
    raise InputError(text, where=f"{where}:{lines[path]}")


def problems(e: Environments) -> Iterator[Problem]:
    """Every mistake, with its place below ``environments``."""
    yield from _places(e)
    yield from _contracts(e)
    yield from _gates(e)
    yield from _routes(e)
    yield from _conditions(e)
    yield from _people(e)
    yield from _tables(e)


def _agents(e: Environments) -> set[str]:
    return {contract.agent_id for contract in e.contracts}


def _places(e: Environments) -> Iterator[Problem]:
    agents = _agents(e)
    for name, place in e.places.items():
        for agent in place.agents:
            if agent not in agents:
                yield ("places", name, "agents"), f"unknown agent {agent!r}: no contract names it"
        for check in place.checks:
            if check not in e.checks:
                yield ("places", name, "checks"), f"unknown check {check!r}"
        if place.exit not in e.gates:
            yield ("places", name, "exit"), f"unknown gate {place.exit!r}"
    for name, one in e.checks.items():
        if one.owner not in agents:
            yield ("checks", name, "owner"), f"unknown agent {one.owner!r}: no contract names it"


def _contracts(e: Environments) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for index, one in enumerate(e.contracts):
        at: Place = ("contracts", index)
        if one.environment not in e.places:
            yield (*at, "environment"), f"unknown environment {one.environment!r}"
        if (one.agent_id, one.environment) in seen:
            yield at, f"{one.agent_id} has two contracts in {one.environment}"
        seen.add((one.agent_id, one.environment))
        if both := {*one.actions, *one.needs_approval} & set(one.forbidden_actions):
            yield at, f"{one.agent_id} may and may not {', '.join(sorted(both))} in {one.environment}"
        if twice := set(one.actions) & set(one.needs_approval):
            text = "with and without a person's approval"
            yield at, f"{one.agent_id} may {', '.join(sorted(twice))} {text}"
    for index, one in enumerate(e.contracts):
        place = e.places.get(one.environment)
        if place and one.actions and one.agent_id not in place.agents:
            text = f"{one.agent_id} has a contract in {one.environment}, which does not list it"
            yield ("contracts", index, "agent_id"), text
    for agent in e.identities:
        if agent not in _agents(e):
            yield ("identities", agent), f"unknown agent {agent!r}: no contract names it"


def _gates(e: Environments) -> Iterator[Problem]:
    for name, gate in e.gates.items():
        for field, place in (("from", gate.from_), ("to", gate.to)):
            if place not in e.places:
                yield ("gates", name, field), f"unknown environment {place!r}"
        if gate.includes is not None and gate.includes not in e.gates:
            yield ("gates", name, "includes"), f"unknown gate {gate.includes!r}"
        if _circle({key: one.includes for key, one in e.gates.items()}, name):
            yield ("gates", name, "includes"), f"the gate {name!r} includes itself"
        if not (gate.auto or gate.human):
            yield ("gates", name), f"the gate {name!r} asks for nothing, so it can never fail"
        for index, auto in enumerate(gate.auto):
            if auto.check not in e.checks:
                yield ("gates", name, "auto", index, "check"), f"unknown check {auto.check!r}"
        for index, human in enumerate(gate.human):
            if human.role not in e.roles:
                yield ("gates", name, "human", index, "role"), f"unknown role {human.role!r}"
        for kind, ids in (("auto", [a.check for a in gate.auto]), ("human", [h.id for h in gate.human])):
            for index, one in enumerate(ids):
                if one in ids[:index]:
                    yield ("gates", name, kind, index), f"{one!r} stands twice in {name}"
    for environment, role in e.environment_roles.items():
        if role not in e.roles:
            yield ("environment-roles", environment), f"unknown role {role!r}"


def _routes(e: Environments) -> Iterator[Problem]:
    agents = _agents(e)
    then = {route.id: route.then for route in e.routes}
    for index, route in enumerate(e.routes):
        at: Place = ("routes", index)
        if route.id in [one.id for one in e.routes[:index]]:
            yield (*at, "id"), f"the route {route.id!r} is there twice"
        if route.gate not in e.gates:
            yield (*at, "gate"), f"unknown gate {route.gate!r}"
        if route.to != "owner" and route.to not in agents:
            yield (*at, "to"), f"unknown agent {route.to!r}: no contract names it"
        if route.then is not None and route.then not in then:
            yield (*at, "then"), f"unknown route {route.then!r}"
        elif _circle(then, route.id):
            yield (*at, "then"), f"the route {route.id!r} leads back to itself"


def _conditions(e: Environments) -> Iterator[Problem]:
    every: list[tuple[Place, str]] = []
    for name, gate in e.gates.items():
        every += [(("gates", name, "auto", i, "when"), a.when) for i, a in enumerate(gate.auto)]
        every += [(("gates", name, "human", i, "when"), h.when) for i, h in enumerate(gate.human)]
    every += [(("tiers", index, "when"), rule.when) for index, rule in enumerate(e.tiers)]
    for place, text in every:
        if not text:
            continue
        try:
            node = conditions.parse(text)
        except ValueError as error:
            yield place, f"this condition cannot be read: {error}"
            continue
        if place[0] == "tiers" and any(atom[1:2] == ("tier",) for atom in conditions.atoms(node)):
            yield place, "a tier cannot depend on the tier"
        elif conditions.outcomes(node) == {False}:
            yield place, f"{text!r} never holds, so this rule can never fail"


def _people(e: Environments) -> Iterator[Problem]:
    owner: dict[str, str] = {}
    for login, person in e.people.items():
        for name in (login, *person.emails, *person.logins, *([person.signer] if person.signer else [])):
            other = owner.setdefault(name.lower(), login)
            if other != login:
                yield ("people", login), f"{name} belongs to {other} already: one person, one entry"


def _tables(e: Environments) -> Iterator[Problem]:
    for kind, row in e.data.items():
        for place in row:
            if place not in e.places:
                yield ("data", kind, place), f"unknown environment {place!r}"
        if kind == "prompts" and (odd := set(row.values()) - {"full", "references"}):
            yield ("data", kind), f"prompts are kept full or as references, not {', '.join(sorted(odd))}"
    for vault in e.vaults:
        if vault not in e.data.get("secrets", {}).values():
            yield ("vaults", vault), f"unknown vault {vault!r}: data.secrets names it nowhere"
    agents = _agents(e)
    for index, rule in enumerate(e.rollback):
        at: Place = ("rollback", index)
        if rule.where not in e.places:
            yield (*at, "where"), f"unknown environment {rule.where!r}"
        if rule.proposes not in agents:
            yield (*at, "proposes"), f"unknown agent {rule.proposes!r}: no contract names it"
        if rule.approves not in ("human", "nobody") and rule.approves not in e.roles:
            yield (*at, "approves"), f"unknown role {rule.approves!r}"
        if any((r.severity, r.where) == (rule.severity, rule.where) for r in e.rollback[:index]):
            yield at, f"there are two lines for {rule.severity} in {rule.where}"


def _circle(then: dict[str, str | None], start: str) -> bool:
    seen: set[str] = set()
    at: str | None = start
    while at is not None and at not in seen:
        seen.add(at)
        at = then.get(at)
    return at == start


def lint(e: Environments) -> Iterator[Problem]:
    """What can be applied and is hardly meant: roles nobody holds, gates nothing leads to, lost failures."""
    yield from problems(e)
    for name, gate in e.gates.items():
        for index, human in enumerate(gate.human):
            held = e.roles.get(human.role, ())
            teams = any(holder.startswith("@") for holder in held)
            if not held:
                yield ("gates", name, "human", index), f"nobody holds the role {human.role!r}"
            elif not teams and len({login.lower() for login in held}) < human.count:
                text = f"{human.count} of {human.role!r} are asked for, and {len(held)} hold it"
                yield ("gates", name, "human", index), text
        for index, auto in enumerate(gate.auto):
            failure = e.checks[auto.check].failure if auto.check in e.checks else "none"
            if not any(r.gate == name and r.failure in (failure, "any") for r in e.routes):
                yield ("gates", name, "auto", index), f"nobody gets a {failure} of {name}"
    reached = {place.exit for place in e.places.values()}
    for name in e.gates:
        ways = {gate.from_ for key, gate in e.gates.items() if key != name} | set(e.places)
        if name not in reached and e.gates[name].from_ not in ways:
            yield ("gates", name), f"nothing leads to the gate {name!r}"
    for name, place in e.places.items():
        entered = any(gate.to == name for key, gate in e.gates.items() if gate.from_ != name)
        if not entered and name != next(iter(e.places)):
            yield ("places", name), f"no gate leads to {name}"
        for agent in place.agents:
            if not any(c.agent_id == agent and c.environment == name for c in e.contracts):
                yield ("places", name, "agents"), f"{agent} stands in {name} and has no contract there"
    for index, rule in enumerate(e.tiers):
        if conditions.outcomes(conditions.parse(rule.when)) == {True}:
            yield ("tiers", index), f"{rule.when!r} always holds: every change has at least tier {rule.tier}"
