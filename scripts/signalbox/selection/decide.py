"""The test plan: which tests and suites must run for a change, and how risky it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from signalbox.config import Settings
from signalbox.config.globs import first_match as _first
from signalbox.decision import (
    Decision,
    PolicyRef,
    Reason,
    Stamp,
    parse_time,
    strictest,
)

from .advised import advised
from .escapes import AUDITED, CODE, certify
from .facts import Inputs
from .plan import FULL, MEDIUM, Kinds, make_plan
from .risk import Risk, assess

__all__ = ["KIND", "Inputs", "decide"]

KIND = "test-plan"
TARGETED, WIDENED = "targeted", "widened"

_DAY = 86_400.0


def decide(inputs: Inputs, settings: Settings, policy: PolicyRef, stamp: Stamp) -> Decision:
    """Make the plan. Anything not known widens it, and advice can only widen it by one step."""
    kinds = Kinds(inputs.change.files, settings)
    risk = assess(inputs.change, kinds.source, kinds.cross_cutting, kinds.sensitive, inputs.risk_model)
    reasons = _widening(inputs, settings, kinds, risk, stamp)
    ruled = strictest(KIND, [TARGETED, *(r.effect for r in reasons if r.effect)])
    taken = advised(inputs, ruled, risk.tier, [name for name in settings.suites if name != FULL])
    verdict = taken.verdict
    reasons += taken.reasons
    certificate = certify(inputs.audits, settings.feedback.escape_limit)
    audited, propensity = verdict, 1.0
    rate = settings.selection.audit_rate
    if verdict != FULL and certificate.exceeded:
        text = f"{certificate.text} Everything runs until it falls."
        reasons.append(Reason(code=CODE, text=text, effect=FULL))
        verdict = FULL
    elif verdict != FULL and rate > 0 and inputs.draws:
        if inputs.audit_draw < rate:
            text = f"this run is one of the {rate:.0%} that run everything, so that misses are measured"
            reasons.append(Reason(code="audit", text=text, effect=FULL))
            verdict, propensity = FULL, rate
        else:
            propensity = 1.0 - rate
    plan = make_plan(inputs, settings, kinds, taken, verdict, reasons)
    outputs: dict[str, Any] = {}
    if audited != verdict:
        # What would have run: compared with what fails, it says whether selection would have missed it.
        skipping = make_plan(inputs, settings, kinds, taken, audited, reasons)
        outputs["audited_plan"] = {key: skipping[key] for key in AUDITED}
    return Decision(
        kind=KIND,
        id=stamp.id,
        subject=inputs.subject,
        verdict=verdict,
        mode=settings.mode,
        reasons=tuple(_ordered(reasons) or [_targeted(inputs, plan)]),
        next_action=_next_action(inputs, plan, verdict),
        evidence=inputs.evidence,
        advice=taken.advice,
        policy=policy,
        models=inputs.models,
        outputs=outputs
        | {
            "test_plan": plan,
            "escapes": {
                "audited": certificate.audited,
                "missed": certificate.missed,
                "bound": certificate.bound,
                "text": certificate.text,
            },
            "risk_tier": taken.tier,
            "risk": {
                "ruled": risk.tier,
                "points": risk.points,
                "probability": risk.probability,
                "model": risk.model,
                "features": [{"name": f.name, "value": f.value, "points": f.points} for f in risk.features],
            },
        },
        propensity=propensity,
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def _widening(inputs: Inputs, settings: Settings, kinds: Kinds, risk: Risk, stamp: Stamp) -> list[Reason]:
    reasons: list[Reason] = []

    def full(code: str, text: str, *sources: str) -> None:
        reasons.append(Reason(code=code, text=text, effect=FULL, sources=sources))

    if inputs.force:
        full("forced", f"everything was asked for by {inputs.force}")
    for code, text in inputs.change.troubles:
        full(code, text)
    if len(inputs.change.files) > settings.selection.max_changed_files:
        full("many-files", f"{len(inputs.change.files)} files are changed, more than the policy's limit")
    for path, glob in kinds.full[:5]:
        full("cross-cutting", f"{path} can change how anything is built or tested (policy: {glob})", path)
    if kinds.sensitive:
        full("sensitive", f"{kinds.sensitive} is security-sensitive by policy", kinds.sensitive)
    if risk.tier == "high" and not kinds.full and not kinds.sensitive:
        full("high-risk", f"the change is risky: {', '.join(f.value for f in risk.features[:3])}")
    _index_reasons(inputs, settings, kinds, stamp, reasons)
    if risk.tier == "medium" and MEDIUM in inputs.suites:
        text = f"medium risk adds the suite {MEDIUM}: {', '.join(f.value for f in risk.features[:3])}"
        reasons.append(Reason(code="medium-risk", text=text, effect=WIDENED))
    return reasons


def _index_reasons(
    inputs: Inputs, settings: Settings, kinds: Kinds, stamp: Stamp, reasons: list[Reason]
) -> None:
    index, policy = inputs.index, settings.selection

    def full(code: str, text: str, *sources: str) -> None:
        reasons.append(Reason(code=code, text=text, effect=FULL, sources=sources))

    if index is None:
        if inputs.index_problem:
            full("index-unusable", inputs.index_problem)
        elif kinds.code:
            text = "there is no impact index, so whole suites are chosen by the paths of the change"
            reasons.append(Reason(code="no-index", text=text, effect=WIDENED))
        return
    age = (parse_time(stamp.at) - parse_time(index.recorded_at)).total_seconds() / _DAY
    if age > policy.index_max_age_days:
        full("index-old", f"the index is {age:.0f} days old, the limit is {policy.index_max_age_days:g}")
    if index.behind is not None and index.behind > policy.index_max_commits:
        limit = policy.index_max_commits
        full("index-old", f"the index lies {index.behind} commits back, the limit is {limit}")
    if age < -1:
        full("index-future", "the index says it was recorded in the future: a clock is wrong")
    if inputs.python and _minor(inputs.python) != _minor(index.python):
        full(
            "index-python", f"the index was recorded on Python {index.python}, this run uses {inputs.python}"
        )
    for code, text in index.troubles[:5]:
        full("index-trouble", f"the recording has a hole ({code}): {text}")
    if index.tests and index.flaky / index.tests > policy.flaky_rate_limit:
        full("flaky", f"{index.flaky} of {index.tests} tests needed a rerun: outcomes here say little")
    known = {*inputs.new_test_files}
    unseen = [path for path in index.added if not _first(path, policy.docs_paths) and path not in known]
    if unseen:
        full("unseen-file", f"the index has never seen {_some(unseen)}", *unseen[:5])
    for path in (*index.changed, *index.deleted):
        glob = _first(path, policy.full_paths)
        if glob and path not in dict(kinds.full):
            full("cross-cutting", f"{path} differs from the indexed one (policy: {glob})", path)
    unknown = [name for name in index.extensions if not _first(name, policy.trusted_extensions)]
    data = [
        path
        for path in (*index.changed, *index.deleted)
        if not path.endswith((".py", ".pyi")) and not _first(path, policy.docs_paths)
    ]
    if unknown and data:
        text = f"{_some(data)} changed, and C code in {_some(unknown)} may read it unseen"
        full("unseen-reads", f"{text} (selection: trusted-extensions)", *data[:5])
    if index.evidence != "recorded":
        _weaker_reasons(inputs, settings, reasons)
    _unknown_tests(inputs, settings, reasons)
    untold = {f.path for f in kinds.code} - set(kinds.new_tests) - known
    untold -= {touched.path for touched in inputs.touched if touched.code == "no-code"}
    if untold and not inputs.touched_tests():
        text = "code is changed, yet no recorded test depends on it"
        if index.commit == inputs.change.head:
            text += ": the index was recorded after the change; record one at its base"
        full("empty-selection", text)


_WEAKER = {
    "imports": "there is no impact index, so tests were chosen by what their files import and what changed "
    "with them before: what a test reads, and what is loaded by a name nobody wrote, is not seen that way",
    "coverage": "tests were chosen by reports of which files they cover: what a test reads, constants that a "
    "compiler copies, and code loaded for the first time are not seen that way",
    "graph": "tests were chosen by the project's own graph, which is taken at its word",
}


def _weaker_reasons(inputs: Inputs, settings: Settings, reasons: list[Reason]) -> None:
    """Weaker evidence than a recording is named, and what it says nothing of runs everything."""
    index = inputs.index
    assert index is not None
    text = _WEAKER.get(index.evidence, f"tests were chosen by {index.evidence}")
    reasons.append(Reason(code=f"weaker-evidence-{index.evidence}", text=text, effect=WIDENED))
    told = {t.path for t in inputs.touched if t.tests and t.code != "together"}
    docs = settings.selection.docs_paths
    silent = [p for p in (*index.changed, *index.deleted) if p not in told and not _first(p, docs)]
    if index.evidence == "imports":  # whoever names a file need not be the only one who reads it
        silent += [p for p in (*index.changed, *index.deleted) if p in told and not p.endswith(".py")]
        silent = [path for path in silent if not _first(path, docs)]
    silent = [path for path in silent if path not in inputs.new_test_files]
    if silent:
        text = f"nothing says which tests depend on {_some(silent)}"
        reasons.append(Reason(code="unseen-reads", text=text, effect=FULL, sources=tuple(silent[:5])))


def _unknown_tests(inputs: Inputs, settings: Settings, reasons: list[Reason]) -> None:
    """A changed file among the tests that no test depends on may hold tests now that nobody knows."""
    index, policy = inputs.index, settings.selection
    assert index is not None
    told = {t.path for t in inputs.touched} | set(inputs.new_test_files)
    odd = [p for p in index.changed if p.endswith(".py") and p not in told and _first(p, policy.test_paths)]
    odd = [path for path in odd if not _first(path, policy.docs_paths)]
    if odd:
        text = f"{_some(odd)} lies among the tests and no known test depends on it"
        reasons.append(Reason(code="unknown-tests", text=text, effect=FULL, sources=tuple(odd[:5])))


def _targeted(inputs: Inputs, plan: dict[str, Any]) -> Reason:
    if not inputs.change.files:
        return Reason(
            code="no-change", text="nothing is changed: the unit suite runs as a baseline", effect=TARGETED
        )
    if inputs.index is None or not inputs.touched_tests():
        return Reason(
            code="no-code", text="no code is changed: the unit suite runs as a baseline", effect=TARGETED
        )
    text = f"{len(inputs.touched_tests())} of {inputs.index.tests} tests can be reached by the change"
    return Reason(code="targeted", text=text, effect=TARGETED)


def _next_action(inputs: Inputs, plan: dict[str, Any], verdict: str) -> str:
    if verdict == FULL:
        return "Run the whole suite."
    names = [s["name"] for s in plan["suites"] if s["how"] == "all"]
    tests = len(plan["tests"])
    parts = ([f"{tests} selected tests"] if tests else []) + (
        [f"the suite {', '.join(names)}"] if names else []
    )
    if plan["new_test_files"]:
        parts.append(f"{len(plan['new_test_files'])} new test files")
    return f"Run {' and '.join(parts)}." if parts else "Run the unit suite."


def _ordered(reasons: Sequence[Reason]) -> list[Reason]:
    weight = {FULL: 0, WIDENED: 1, TARGETED: 2, "": 3}
    return sorted(reasons, key=lambda reason: weight[reason.effect])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
