"""Trust levels of agents, 0 to 3: raised by security and compliance together, never by an agent.

agents:
  developer-agent: {level: 2, security: ada, compliance: bob}
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from signalbox.config.environments import Environments
from signalbox.config.yaml_lines import Lines, load_with_lines
from signalbox.decision import format_time
from signalbox.errors import InputError
from signalbox.gates import trailers
from signalbox.gates.history import Commit, file_at, run_git
from signalbox.gates.people import bots, person_of

SECURITY, COMPLIANCE = "security-engineer", "compliance-officer"
_LOWERED_BY = "signalbox telemetry-feedback"


class Level(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One agent's level and the two people who raised it; level 0 needs nobody."""

    level: Annotated[int, msgspec.Meta(ge=0, le=3)]
    security: str = ""
    compliance: str = ""
    lowered: str = ""


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    agents: dict[str, Level] = {}


def read(repo: Path, e: Environments, commit: str) -> dict[str, int]:
    """Level of each agent from the trust file at ``commit``; no file is level 0 for everybody.

    ``InputError`` names the line of a level that nobody was entitled to give, and of one that an agent wrote.
    """
    data = file_at(repo, commit, e.trust_file)
    if data is None:
        return {}
    levels = parse(data, e, e.trust_file)
    _refuse_agents(repo, e, commit, data)
    return levels


def parse(data: bytes, e: Environments, where: str) -> dict[str, int]:
    """The levels in ``data``; ``InputError`` with the line."""
    plain, lines = load_with_lines(data, where)
    try:
        file = msgspec.convert(plain or {}, _File)
    except msgspec.ValidationError as error:
        raise InputError("this is not a trust file", where=where, why=str(error)) from None
    agents = {contract.agent_id for contract in e.contracts}
    for agent, level in file.agents.items():
        line = lines.get(("agents", agent), 1)
        if why := _unfounded(agent, level, e, agents):
            raise InputError(why, where=f"{where}:{line}")
    return {agent: level.level for agent, level in file.agents.items()}


def lowest(levels: dict[str, int], agents: Iterable[str]) -> int:
    """The level that counts for work of ``agents``: the lowest; 0 for work of people alone."""
    return min((levels.get(agent, 0) for agent in agents), default=0)


def lower(data: bytes, agent: str, reason: str, where: str = "trust file") -> bytes:
    """The trust file with ``agent`` at level 0; nobody need agree to that. Other agents' lines stay."""
    import json

    _, lines = load_with_lines(data, where)
    text = data.decode("utf-8-sig").splitlines(keepends=True)
    start, end = _span(lines, agent, len(text))
    said = " ".join(reason.split())
    line = f"  {agent}: {{level: 0, lowered: {json.dumps(f'{_LOWERED_BY}: {said}'[:300])}}}\n"
    shared = sum(at == start for place, at in lines.items() if len(place) == 2) > 1
    if shared or lines.get(("agents",)) == start:
        return _anew(data, agent, line)
    return "".join([*text[: start - 1], line, *text[end - 1 :]]).encode()


def _anew(data: bytes, agent: str, line: str) -> bytes:
    """The whole file written again, for one whose agents share a line: then nobody vouches for the others."""
    import yaml

    plain = yaml.safe_load(data)
    rest = {name: level for name, level in plain["agents"].items() if name != agent}
    text = "agents:\n" + line
    return (
        text + "".join(f"  {name}: {yaml.safe_dump(v, default_flow_style=True)}" for name, v in rest.items())
    ).encode()


def _span(lines: Lines, agent: str, length: int) -> tuple[int, int]:
    """The first line of an agent's entry, and the first that is no longer of it; both from 1."""
    start = lines["agents", agent]
    later = [line for place, line in lines.items() if len(place) == 2 and line > start]
    return start, max(start + 1, min(later, default=length + 1))


def written(repo: Path, e: Environments, commit: str, data: bytes) -> dict[str, str]:
    """Agent → when its lines were last written, by git; empty for a working tree."""
    if not commit or not data:
        return {}
    plain, lines = load_with_lines(data, e.trust_file)
    found: dict[str, str] = {}
    times = {line.number: line.at for line in _blame(repo, e.trust_file, commit)}
    for agent in (plain or {}).get("agents") or {}:
        start, end = _span(lines, agent, max(times, default=0))
        found[agent] = max(times[number] for number in range(start, end) if number in times)
    return found


def _unfounded(agent: str, level: Level, e: Environments, agents: set[str]) -> str:
    if agent not in agents:
        return f"unknown agent {agent!r}: no contract names it"
    if not level.level:
        return ""
    for role, name in ((SECURITY, level.security), (COMPLIANCE, level.compliance)):
        held = {person_of(holder, e) for holder in e.roles.get(role, ())}
        # A team cannot be looked up in a file; whoever is named must stand in policy by name.
        if not name or person_of(name, e) not in held:
            return f"{agent} has level {level.level}, and {name or 'nobody'} of {role} raised it"
    if person_of(level.security, e) == person_of(level.compliance, e):
        return f"{agent} was raised by one person under two roles"
    return ""


class _Line(msgspec.Struct, frozen=True):
    """One line of a file as git blames it: its number, the commit, its author, and when it was committed."""

    number: int
    id: str
    author: str
    at: str


def _blame(repo: Path, name: str, commit: str) -> list[_Line]:
    text = run_git(repo, "blame", "--line-porcelain", commit, "--", name).decode("utf-8", "replace")
    found: list[_Line] = []
    number, id, author, at = 0, "", "", ""
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) >= 3 and len(words[0]) >= 40 and words[2].isdigit():
            id, number = words[0], int(words[2])
        elif line.startswith("author-mail "):
            author = line.removeprefix("author-mail ").strip("<>")
        elif line.startswith("committer-time "):
            at = format_time(datetime.fromtimestamp(int(words[1]), UTC))
        elif line.startswith("\t"):
            found.append(_Line(number, id, author, at))
    return found


def _refuse_agents(repo: Path, e: Environments, commit: str, data: bytes) -> None:
    """Every line that gives a level was last written by a person, by git's own account of it.

    A line that takes the level away may be anybody's: the nightly job's, above all.
    """
    if not commit:
        return  # a working tree: what is not committed has no author yet
    plain, lines = load_with_lines(data, e.trust_file)
    blamed = _blame(repo, e.trust_file, commit)
    giving: set[int] = set()
    for agent, level in ((plain or {}).get("agents") or {}).items():
        if level.get("level"):
            giving |= set(range(*_span(lines, agent, len(blamed))))
    suspects: dict[str, bool] = {}
    for line in blamed:
        if line.id not in suspects:
            suspects[line.id] = _by_agent(repo, e, line.id, line.author)
        if suspects[line.id] and line.number in giving:
            why = f"{line.id[:12]} by {line.author}"
            fix = "A trust file is written by people: revert it, and have security and compliance raise it."
            raise InputError(
                "an agent wrote this line", where=f"{e.trust_file}:{line.number}", why=why, fix=fix
            )


def _by_agent(repo: Path, e: Environments, id: str, author: str) -> bool:
    message = run_git(repo, "show", "-s", "--format=%B", id, "--").decode("utf-8", "replace")
    commit = Commit(id=id, author=author, committer=author, merge=False, message=message)
    said = trailers.attribution(repo, commit.message)
    who = person_of(author, e)
    named = set(said.agents) | {person_of(mail, e) for mail in said.co_authors}
    known = bots(e) | {contract.agent_id for contract in e.contracts}
    return who in known or who.endswith("[bot]") or bool(named & known) or bool(said.agents)
