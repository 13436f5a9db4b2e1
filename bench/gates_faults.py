"""Every check and every approval of every gate, broken in every way there is: none may permit anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec
from gates_world import COUNTS, DIGEST, FACTS, NONCE, PEOPLE

from signalbox.config import Settings
from signalbox.config.environments import Environments
from signalbox.decision import Evidence, PolicyRef, Stamp, Subject, format_time, parse_time
from signalbox.gates.decide import Inputs, decide
from signalbox.gates.gather import Job, of_runs
from signalbox.gates.model import Approval, Change

NOW = "2026-03-02T12:00:00Z"
STAMP = Stamp(id="00000000-0000-4000-8000-000000000001", at=NOW, producer="bench")
SUBJECT = Subject(repository="acme/shop", commit="c" * 40, digest=DIGEST)
OTHER = "sha256:" + "b" * 64
SCANS = ("sast-critical", "sast", "dast", "dependency-scan", "no-open-findings")


def at(hours: float) -> str:
    return format_time(parse_time(NOW) + timedelta(hours=hours))


def settings() -> Settings:
    """The shipped policy with people, and with checks that only one app's protected run may report."""
    e = Environments(
        roles={role: (login,) for role, login in PEOPLE.items()}, feature_flags=True, environment_roles={}
    )
    checks = {
        name: msgspec.structs.replace(one, app=15368, origin="protected") for name, one in e.checks.items()
    }
    return msgspec.structs.replace(Settings(), environments=msgspec.structs.replace(e, checks=checks))


POLICY = settings()


def passing(gate: str) -> Inputs:
    """Inputs with which ``gate`` passes."""
    e = POLICY.environments
    chain, place = [], gate
    while place:
        chain.append(place)
        place = e.gates[place].includes or ""
    evidence, approvals = [], []
    for name in chain:
        for auto in e.gates[name].auto:
            facts = {"by_severity": COUNTS} if auto.check in SCANS else FACTS.get(auto.check, {})
            evidence.append(
                Evidence(
                    kind=auto.check,
                    status="pass",
                    subject=SUBJECT,
                    observed_at=at(-0.1),
                    tier="live-acceptance",
                    origin="protected",
                    facts=dict(facts),
                )
            )
        approvals += [approval(name, human.role) for human in e.gates[name].human]
    return Inputs(
        subject=SUBJECT,
        gate=gate,
        evidence=tuple(evidence),
        approvals=tuple(approvals),
        change=Change(
            risk="high",
            severity="high",
            classification="Internal",
            paths=("a.py",),
            flags=True,
            trust=0,
            contributors=("ada@example.com", "ada"),
        ),
        holders=dict(POLICY.environments.roles),
        nonce=NONCE,
        adapter="haproxy",
        deployment="web",
    )


def approval(gate: str, role: str) -> Approval:
    return Approval(
        role=role,
        login=PEOPLE[role],
        verified=True,
        gate=gate,
        environment=POLICY.environments.gates[gate].to,
        digest=DIGEST,
        commit=SUBJECT.commit,
        nonce=NONCE,
        at=at(-0.1),
        expires=at(5),
    )


def faults(gate: str) -> Iterator[tuple[str, str, Inputs]]:
    """(what, how, inputs) of every fault: one thing at a time, all else passing."""
    good = passing(gate)
    swap = msgspec.structs.replace
    for item in good.evidence:
        rest = tuple(one for one in good.evidence if one is not item)
        run = {"name": item.kind, "at": at(-0.1)}
        wrong_app = of_runs(
            [Job(conclusion="success", app=1, **run)], POLICY.environments.checks, SUBJECT, trusted=True
        )
        ended = {
            name: of_runs(
                [Job(conclusion=name, app=15368, **run)], POLICY.environments.checks, SUBJECT, trusted=True
            )
            for name in (
                "skipped",
                "cancelled",
                "neutral",
                "stale",
                "failure",
                "queued",
                "in_progress",
                "nonsense",
            )
        }
        broken: dict[str, list[Evidence]] = {
            "missing, as when the API is down": [],
            "stale": [swap(item, fresh_until=at(-0.01))],
            "old": [swap(item, observed_at=at(-1000))],
            "from the future": [swap(item, observed_at=at(5))],
            "undated": [swap(item, observed_at=None)],
            "wrong digest": [swap(item, subject=swap(SUBJECT, digest=OTHER))],
            "wrong commit": [swap(item, subject=swap(SUBJECT, commit="d" * 40))],
            "no subject": [swap(item, subject=Subject())],
            "self-reported": [swap(item, origin="self-reported")],
            "reported by another app": wrong_app,
            "failed": [swap(item, status="fail", facts={})],
            "failed once and passed once": [swap(item, status="fail", facts={}), item],
            **ended,
        }
        for how, given in broken.items():
            yield item.kind, how, swap(good, evidence=(*rest, *given))
    for index, one in enumerate(good.approvals):
        others = good.approvals[:index] + good.approvals[index + 1 :]
        author = swap(one, login="ada")
        changed = {
            "missing": [],
            "by the author": [author],
            "by the author, who holds the role": [author],
            "by a co-author": [one],
            "of another digest": [swap(one, digest=OTHER)],
            "of another gate": [swap(one, gate="gate-7")],
            "of another environment": [swap(one, environment="development")],
            "with another nonce": [swap(one, nonce="1")],
            "expired": [swap(one, expires=at(-0.01))],
            "not verified": [swap(one, verified=False)],
            "by a bot": [swap(one, bot=True)],
            "by a stranger": [swap(one, login="mallory")],
            "a rejection": [swap(one, state="rejected")],
            "by whom another role needs": [swap(one, login=others[0].login)] if others else [],
        }
        for how, given in changed.items():
            broken_inputs = swap(good, approvals=(*others, *given))
            if how == "by the author, who holds the role":
                broken_inputs = swap(broken_inputs, holders=good.holders | {one.role: ("ada",)})
            if how == "by a co-author":
                people = (*(good.change.contributors or ()), one.login)
                broken_inputs = swap(broken_inputs, change=swap(good.change, contributors=people))
            if how == "by whom another role needs" and others:
                both = (*good.holders[one.role], others[0].login)
                broken_inputs = swap(broken_inputs, holders=good.holders | {one.role: both})
            yield one.role, how, broken_inputs
        gone = {role: held for role, held in good.holders.items() if role != one.role}
        yield one.role, "API down: the role's team is unknown", swap(good, holders=gone)
        yield (
            one.role,
            "API down: the authors are unknown",
            swap(good, change=swap(good.change, strangers=("someone@example.com",))),
        )
        yield one.role, "nobody knows who wrote it", swap(good, change=swap(good.change, contributors=None))


def verdict(inputs: Inputs) -> str:
    return decide(inputs, POLICY, PolicyRef(sha256="0" * 64), STAMP).verdict


def permits() -> tuple[int, list[str]]:
    """How many faults were tried, and the names of those that a gate let through."""
    tried, through = 0, []
    for gate in POLICY.environments.gates:
        if verdict(passing(gate)) != "PASS":
            raise AssertionError(f"{gate} does not pass when nothing is broken")
        for what, how, inputs in faults(gate):
            tried += 1
            if verdict(inputs) == "PASS":
                through.append(f"{gate}: {what}, {how}")
    return tried, through
