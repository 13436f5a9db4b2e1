"""Counting approvals: per role, never the author's, each person once, bound to what is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from signalbox.config.environments import Environments, Human
from signalbox.decision import parse_time
from signalbox.gates.model import Approval, Found, Inputs


def person_of(name: str, e: Environments) -> str:
    """The one name of whoever goes by ``name`` (a login, an address or a signer), in lower case."""
    wanted = name.lower()
    local, _, host = wanted.partition("@")
    # GitHub's own addresses carry the login.
    known_as = local.rpartition("+")[2] if host == "users.noreply.github.com" else wanted
    for login, person in e.people.items():
        names = {one.lower() for one in (login, person.signer, *person.emails, *person.logins)}
        if names & {wanted, known_as}:
            return login.lower()
    return known_as


def bots(e: Environments) -> set[str]:
    """Logins that belong to agents."""
    return {login.lower() for one in e.identities.values() for login in one.logins}


def refusal(approval: Approval, gate: str, role: str, inputs: Inputs, e: Environments, now: str) -> str:
    """Why ``approval`` does not count for ``role`` at ``gate``; empty when it does."""
    who = person_of(approval.login, e)
    if not who or not approval.verified:
        return "nobody has verified whose it is"
    if approval.bot or who.endswith("[bot]") or who in bots(e):
        return f"{approval.login} is no person"
    if inputs.change.contributors is None:
        return "who wrote the change is not known"
    if who in {person_of(name, e) for name in inputs.change.contributors}:
        return f"{approval.login} wrote or pushed part of the change"
    if role not in inputs.holders:
        return f"who holds the role {role} is not known: {inputs.unresolved.get(role, 'nobody was named')}"
    if who not in {person_of(name, e) for name in inputs.holders[role]}:
        return f"{approval.login} does not hold the role {role}"
    return _unbound(approval, gate, inputs, e) or _expired(approval, now)


def _unbound(approval: Approval, gate: str, inputs: Inputs, e: Environments) -> str:
    subject = inputs.subject
    if approval.source == "review":
        # A review is bound by GitHub to a commit; it says nothing of a digest, so it counts where none is.
        if not subject.commit or approval.commit != subject.commit:
            return "the review is of another commit"
        if e.gates[gate].from_ != next(iter(e.places)):
            return "a review of the code is no approval of an artifact"
        return ""
    if approval.gate != gate:
        return f"it is for the gate {approval.gate or '(none)'}"
    wanted = e.gates[gate].to
    if approval.environment != wanted:
        return f"it is for the environment {approval.environment or '(none)'}, not {wanted}"
    if subject.digest and approval.digest != subject.digest:
        return "it is for another digest"
    if not subject.digest and (not subject.commit or approval.commit != subject.commit):
        return "it is for another commit"
    if not inputs.nonce or approval.nonce != inputs.nonce:
        return "it answers another request (its nonce differs)"
    return ""


def _expired(approval: Approval, now: str) -> str:
    if approval.source == "review":
        return ""
    try:
        moment = parse_time(now)
        if moment > parse_time(approval.expires):
            return f"it expired at {approval.expires}"
        if (parse_time(approval.at) - moment).total_seconds() > 60:
            return "it is dated in the future"
    except ValueError:
        return "its times cannot be read"
    return ""


def assign(wanted: Sequence[tuple[str, int]], able: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Give each line its persons so that as many places as possible are filled, each person once.

    ``wanted``: (line, how many); ``able``: line → persons who may. Augmenting paths, in a fixed order.
    """
    seats = [(line, number) for line, count in wanted for number in range(count)]
    holder: dict[str, tuple[str, int]] = {}

    def seat(place: tuple[str, int], seen: set[str]) -> bool:
        for person in able.get(place[0], ()):
            if person in seen:
                continue
            seen.add(person)
            if person not in holder or seat(holder[person], seen):
                holder[person] = place
                return True
        return False

    for place in seats:
        seat(place, set())
    found: dict[str, list[str]] = {line: [] for line, _ in wanted}
    for person, (line, _) in sorted(holder.items()):
        found[line].append(person)
    return found


def count(asked: Sequence[tuple[str, Human, str]], inputs: Inputs, e: Environments, now: str) -> list[Found]:
    """How each asked line (gate, line, why it is asked) stands. A rejection by a holder fails its line."""
    able: dict[str, list[str]] = {}
    refused: dict[str, list[str]] = {}
    rejected: dict[str, str] = {}
    for gate, human, _ in asked:
        key = f"{gate}/{human.id}"
        able[key], refused[key] = [], []
        for approval in inputs.approvals:
            if approval.role and approval.role != human.role:
                continue
            why = refusal(approval, gate, human.role, inputs, e, now)
            if why and approval.source != "review" and approval.gate not in ("", gate):
                continue  # an answer to another gate's request says nothing here
            if why:
                refused[key].append(f"{approval.login or 'somebody'}: {why}")
            elif approval.state == "rejected":
                rejected[key] = approval.login
            else:
                able[key].append(person_of(approval.login, e))
    chosen = assign([(f"{gate}/{human.id}", human.count) for gate, human, _ in asked], able)
    return [_found(gate, human, why, chosen, able, refused, rejected, inputs) for gate, human, why in asked]


def _found(
    gate: str,
    human: Human,
    why: str,
    chosen: Mapping[str, list[str]],
    able: Mapping[str, list[str]],
    refused: Mapping[str, list[str]],
    rejected: Mapping[str, str],
    inputs: Inputs,
) -> Found:
    key, title = f"{gate}/{human.id}", human.title or human.id
    by = chosen[key]
    state, codes = "pass", []
    if key in rejected:
        state, codes, text = "fail", ["rejected"], f"{title}: {rejected[key]} said no"
    elif inputs.change.strangers:
        # One of these could be the approver: an author nobody can name excludes nobody.
        state, codes = "not_verified", ["author-unknown"]
        text = f"{title}: nobody knows who {', '.join(inputs.change.strangers[:3])} is"
    elif not inputs.holders.get(human.role) and human.role not in inputs.unresolved:
        state, codes = "not_verified", ["nobody-holds-it"]
        text = f"{title}: nobody holds the role {human.role}, so nobody can answer"
    elif len(by) < human.count:
        state, codes = "not_verified", ["unapproved"]
        waits = f"waits for {human.count - len(by)} of {human.role}"
        twice = [name for name in able[key] if name not in by]
        says = refused[key][:3] + [f"{name}: counts for another role already" for name in twice]
        text = f"{title}: {waits}" + (f" ({'; '.join(says)})" if says else "")
    else:
        text = f"{title}: {', '.join(by)}"
    return Found(
        gate=gate,
        id=human.id,
        title=title,
        decides=human.role,
        state=state,  # type: ignore[arg-type]
        text=text,
        codes=tuple(codes),
        failure="",
        by=tuple(by) if state == "pass" else (),
        why_asked=why,
    )
