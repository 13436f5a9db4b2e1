"""The rooms' decisions: evals, the environments' gates, readiness, promotion, rollout, agents."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from fail_closed import Gate

DIGEST = "sha256:" + "a" * 64


def gates(folder: Path, fast: bool) -> Iterator[Gate]:
    """Every gate of the rooms."""
    yield evals()
    yield from environments()
    yield readiness()
    yield promotion(folder)
    yield agents()
    if not fast:
        yield rollout(folder)


def evals() -> Gate:
    """pre-promote: promptfoo's results, made to lie or to be missing."""
    from fail_closed import Gate

    from doubles.evals_scene import verdict_of
    from doubles.promptfoo_results import OUTAGES, SABOTAGE, Scene, honest

    def permits(change: Any = None) -> bool:
        scene = honest()
        if change:
            change(scene)
        return verdict_of(scene).verdict == "PASS"

    def raw(data: bytes) -> Any:
        def change(scene: Scene) -> None:
            scene.raw = data

        return partial(permits, change)

    def named(*names: str) -> list[Any]:
        every = {**SABOTAGE, **OUTAGES}
        return [partial(permits, every[name][1]) for name in names]

    whole = honest().documents()[0]
    ways = {
        "empty": [raw(b""), raw(b"{}"), *named("zero tests matched", "no baseline"),
                  *named("baseline without cases")],
        "malformed": [
            raw(b"\xff\xfe"),
            *named("results are a login page", "results of another shape", "judge answers prose"),
            *named("judge answers JSON without a verdict"),
        ],
        "timeout": named("target too slow", "judge too slow"),
        "5xx": named("target down", "target down now and then", "judge down", "judge down now and then"),
        "masked": named(
            "answers empty", "answers masked", "the digest is masked", "ids masked by the runner",
            "failures exit with 0",
        ),
        "skipped": named("a lane that did not run", "a role deleted", "no assertions", "a case deleted"),
        "cancelled": [*named("results cut short", "the digest cannot be read"),
                      raw(whole[: len(whole) // 2])],
    }  # fmt: skip
    return Gate("evals (pre-promote)", permits, ways)


def environments() -> Iterator[Gate]:
    """Gates 3, 5, 6 and 7: each check and each approval of each, one at a time."""
    import gates_faults
    from fail_closed import Gate
    from gates_world import DIGEST as TESTED

    from signalbox.decision import Subject
    from signalbox.gates.gather import Job, of_runs

    policy = gates_faults.POLICY.environments

    def permits(inputs: Any) -> bool:
        return gates_faults.verdict(inputs) == "PASS"

    for gate in policy.gates:
        good = gates_faults.passing(gate)
        ways: dict[str, list[Any]] = {}

        def add(column: str, inputs: Any, ways: dict[str, list[Any]] = ways) -> None:
            ways.setdefault(column, []).append(partial(permits, inputs))

        for item in good.evidence:
            rest = tuple(one for one in good.evidence if one is not item)

            def given(*found: Any, good: Any = good, rest: Any = rest) -> Any:
                return msgspec.structs.replace(good, evidence=(*rest, *found))

            def ended(conclusion: str, item: Any = item) -> list[Any]:
                job = Job(name=item.kind, at=gates_faults.at(-0.1), conclusion=conclusion, app=15368)
                return of_runs([job], policy.checks, gates_faults.SUBJECT, trusted=True)

            unread = msgspec.structs.replace(item, status="not_verified", facts={})
            add("empty", given())
            add("malformed", given(unread))
            add("timeout", given(*ended("timed_out")))
            add("5xx", given())
            add("masked", given(*ended("")))
            add("masked", given(msgspec.structs.replace(item, subject=Subject())))
            add("skipped", given(*ended("skipped")))
            add("skipped", given(*ended("neutral")))
            add("cancelled", given(*ended("cancelled")))
        for index in range(len(good.approvals)):
            kept = good.approvals[:index] + good.approvals[index + 1 :]
            add("empty", msgspec.structs.replace(good, approvals=kept))
            masked = msgspec.structs.replace(good.approvals[index], digest="", login="")
            add("masked", msgspec.structs.replace(good, approvals=(*kept, masked)))
        assert good.subject.digest == TESTED
        yield Gate(gate, partial(permits, good), ways)


def readiness() -> Gate:
    """Merge, release, deploy: every fact that must be there, left out one at a time."""
    from fail_closed import Gate

    from signalbox.config import Settings
    from signalbox.decision import PolicyRef, Stamp, Subject
    from signalbox.gates.readiness import Inputs, decide

    texts = ("scope", "risk_review", "release_notes", "operational_plan", "rollback_plan",
             "observability_plan", "acceptance_docs", "evidence_ref")  # fmt: skip
    good = Inputs(
        subject=Subject(digest=DIGEST), wanted="deploy", evidence_gate="PASS", post_deploy_checks=("health",),
        learning_review=True, **dict.fromkeys(texts, "written down"),
    )  # fmt: skip

    def permits(inputs: Inputs) -> bool:
        stamp = Stamp(id="0", at="2026-03-01T12:00:00Z", producer="bench")
        return decide(inputs, Settings(), PolicyRef(sha256="0" * 64), stamp).verdict == "READY"

    def given(**change: Any) -> Any:
        return partial(permits, msgspec.structs.replace(good, **change))

    ways = {
        "empty": [given(post_deploy_checks=())] + [given(**{name: ""}) for name in texts],
        "malformed": [given(evidence_gate="maybe"), given(evidence_gate="pass")],
        "masked": [given(evidence_gate=""), given(evidence_gate="***")],
        "skipped": [given(evidence_gate="skipped")],
        "cancelled": [given(evidence_gate="cancelled"), given(evidence_gate="NOT_VERIFIED")],
    }
    return Gate("readiness", partial(permits, good), ways)


def promotion(folder: Path) -> Gate:
    """score-artifact with a history that lets it promote by itself; its reports are files."""
    from fail_closed import Gate

    from signalbox.config import Settings
    from signalbox.config.scoring import Scoring
    from signalbox.decision import Evidence, PolicyRef, Stamp, Subject, not_verified, verify
    from signalbox.evidence import Provenance, read_folder
    from signalbox.promotion import Inputs, Past, decide
    from signalbox.promotion.supply import narrow

    now, numbers = "2026-05-01T12:00:00Z", itertools.count()
    whole = (
        '<testsuite name="u" tests="2" failures="0" errors="0" skipped="0" timestamp="2026-05-01T11:00:00Z">'
        '<testcase name="a"/><testcase name="b"/></testsuite>'
    )
    skipped = whole.replace('"a"/>', '"a"><skipped/></testcase>').replace(
        '"b"/>', '"b"><skipped/></testcase>'
    )
    skipped = skipped.replace('skipped="0"', 'skipped="2"')
    rules = Settings(scoring=Scoring(auto_promote_at=0.75))
    past = tuple(Past(label="clean", features={"risk": 0.5}, at=f"{i:04}") for i in range(60))
    healthy = Evidence(kind="production-health", status="pass", origin="protected", observed_at=now,
                       facts={"value": 0.0, "limit": 1.0})  # fmt: skip

    def permits(report: bytes | None, *more: Evidence, digest: str = DIGEST) -> bool:
        place = folder / f"reports-{next(numbers)}"
        place.mkdir()
        if report is not None:
            (place / "junit.xml").write_bytes(report)
        subject = Subject(repository="acme/shop", commit="b" * 40, digest=digest)
        known = Provenance(origin="protected", tier="installed-command")
        found = [verify(item, now=now, subject=subject) for item in read_folder(place, provenance=known)]
        inputs = Inputs(subject=subject, evidence=tuple(narrow([*found, *more])), past=past)
        stamp = Stamp(id="0", at=now, producer="bench")
        return decide(inputs, rules, PolicyRef(sha256="0" * 64), stamp).verdict == "auto-promote"

    def signal(state: str) -> Any:
        bad = not_verified("production-health", f"signal-{state}", state, observed_at=now)
        return partial(permits, whole.encode(), bad)

    ways: dict[str, list[Any]] = {
        "empty": [partial(permits, data) for data in (None, b"", b"<testsuite/>", b"{}")] + [signal("empty")],
        "malformed": [
            partial(permits, data) for data in (b"<html>502</html>", b"\xff\x00", b"{}}", b"<a>" * 99)
        ],
        "timeout": [signal("timeout")],
        "5xx": [signal("error"), signal("down")],
        "masked": [partial(permits, whole.encode(), digest=""), partial(permits, b"***")],
        "skipped": [partial(permits, skipped.encode())],
        "cancelled": [partial(permits, whole.encode()[:cut]) for cut in (40, 120, len(whole) - 5)],
    }
    return Gate("promotion (score-artifact)", partial(permits, whole.encode(), healthy), ways)


def agents() -> Gate:
    """authorize-agent: a question that is allowed, with what it rests on taken away."""
    from fail_closed import Gate

    from signalbox.config import Settings
    from signalbox.decision import PolicyRef, Stamp, Subject
    from signalbox.gates.authorize import Inputs, decide

    good = Inputs(subject=Subject(environment="development"), agent="developer-agent",
                  environment="development", action="write-code", identity="the workflow w",
                  identity_required=True)  # fmt: skip

    def permits(inputs: Inputs) -> bool:
        stamp = Stamp(id="0", at="2026-03-01T12:00:00Z", producer="bench")
        return decide(inputs, Settings(), PolicyRef(sha256="0" * 64), stamp).verdict == "allow"

    def given(**change: Any) -> Any:
        return partial(permits, msgspec.structs.replace(copy.copy(good), **change))

    ways = {
        "empty": [given(identity=""), given(agent=""), given(action=""), given(environment="")],
        "malformed": [given(agent="developer-agent\n"), given(action="*"), given(classification="Secret")],
        "timeout": [given(identity="")],
        "5xx": [given(identity="")],
        "masked": [given(identity="", mismatch="***"), given(agent="***"), given(environment="***")],
        "skipped": [given(action="skipped")],
        "cancelled": [given(identity="", action="write-code")],
    }
    return Gate("agents (authorize-agent)", partial(permits, good), ways)


def rollout(folder: Path) -> Gate:
    """monitor-rollout: a healthy canary, and each arm in each state that says nothing of use."""
    from fail_closed import Gate

    from doubles.rollout_world import RULES, World, run_monitor
    from signalbox.config import Settings
    from signalbox.decision import PolicyRef, Stamp
    from signalbox.errors import InputError
    from signalbox.rollout.decide import decide

    numbers = itertools.count()

    def permits(trouble: str = "", arm: str = "canary", stop: int | None = None) -> bool:
        world = World()
        world.stop_at = stop
        if trouble:
            world.trouble[arm] = trouble
        place = folder / f"rollout-{next(numbers)}"
        place.mkdir()
        try:
            inputs = run_monitor(world, place)
        except InputError:
            return world.percent > 0  # it could not begin, and must have moved nothing
        stamp = Stamp(id="0", at="2027-01-15T09:00:00Z", producer="bench")
        said = decide(inputs, Settings(rollout=RULES), PolicyRef(sha256="0" * 64), stamp)
        return said.verdict == "proceed" or world.percent == 100

    def states(*names: str) -> list[Any]:
        return [partial(permits, name, arm) for name in names for arm in ("canary", "baseline")]

    ways: dict[str, list[Any]] = {
        "empty": states("empty", "stale"),
        "malformed": states("nan", "several"),
        "timeout": states("timeout"),
        "5xx": states("error", "down"),
        "masked": states("partial"),
        "cancelled": [partial(permits, stop=operations) for operations in (5, 20, 60)],
    }
    return Gate("rollout (monitor-rollout)", permits, ways)
