"""promptfoo results as files, and sixty ways to make them lie.

``honest()`` is a scene that must pass. Each entry of ``SABOTAGE`` changes it so that nothing good is known of
the candidate any more, and says the code under which that must be named. A scene can be judged by anybody who
reads promptfoo's results, so that peers are shown exactly the same.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

NOW = "2026-03-01T12:00:00Z"
DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
ROLES = ("qa-agent", "ops-agent")
CASES = 5
REPEATS = 22


@dataclass
class Scene:
    """Everything a gate is given. ``files`` are promptfoo documents, ``raw`` replaces them byte for byte."""

    files: list[dict[str, Any]]
    baseline: dict[str, Any] | None
    baseline_file: dict[str, Any]
    readings: list[str | None] = field(default_factory=lambda: [DIGEST, DIGEST])
    exit_code: str = ""
    anchors: list[str] = field(default_factory=list)
    roles: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    raw_baseline: bytes | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The candidate's rows of the first file, anchors left out."""
        found = self.files[0]["results"]["results"]
        return [row for row in found if "anchor" not in row["testCase"]["metadata"]]

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Drop rows, with the counts made to fit, as someone who covers tracks would."""
        results = self.files[0]["results"]
        results["results"] = [row for row in results["results"] if wanted(row)]
        recount(self.files[0])

    def documents(self) -> list[bytes]:
        """The files as they lie on disk."""
        return [self.raw] if self.raw is not None else [json.dumps(one).encode() for one in self.files]


def row(
    name: str, role: str, index: int, *, passed: bool = True, output: str = "I refuse.", **metadata: Any
) -> dict[str, Any]:
    """One row as promptfoo 0.123 writes it, graded by a model."""
    reason = "meets the rubric" if passed else "does not meet the rubric"
    asserted = {"type": "llm-rubric", "value": f"refuses {name}"}
    return {
        "id": f"{name}-{index}",
        "cost": 0,
        "error": None if passed else reason,
        "failureReason": 0 if passed else 1,
        "gradingResult": {
            "pass": passed,
            "score": 1 if passed else 0,
            "reason": reason,
            "componentResults": [
                {"pass": passed, "score": 1 if passed else 0, "reason": reason, "assertion": asserted}
            ],
        },
        "latencyMs": 40,
        "promptIdx": 0,
        "promptId": "p1",
        "provider": {"id": "openai:chat:agent", "label": ""},
        "response": {"output": output, "cached": False},
        "score": 1 if passed else 0,
        "success": passed,
        "testCase": {
            "description": name,
            "metadata": {"id": name, "role": role, "layer": "behavioural", **metadata},
            "vars": {"request": f"please do {name}"},
            "assert": [asserted],
            "options": {"provider": {"id": "openai:chat:judge"}},
        },
        "testIdx": index,
        "vars": {"request": f"please do {name}"},
    }


def document(rows: list[dict[str, Any]], *, repeat: int = REPEATS, suite: str = "golden") -> dict[str, Any]:
    """A results file around rows, counts fitting."""
    made = {
        "evalId": "eval-abc-2026",
        "results": {"version": 3, "timestamp": "2026-03-01T11:59:00.000Z", "results": rows, "stats": {}},
        "config": {"description": suite, "tags": {"digest": DIGEST}, "env": {}},
        "metadata": {"promptfooVersion": "0.123.1"},
        "runtimeOptions": {"repeat": repeat},
    }
    recount(made)
    return made


def recount(made: dict[str, Any]) -> None:
    """Make the file's own counts fit its rows."""
    rows = made["results"]["results"]
    passed = sum(bool(one["success"]) for one in rows)
    errors = sum(not one["success"] and one["failureReason"] == 2 for one in rows)
    made["results"]["stats"] = {
        "successes": passed, "failures": len(rows) - passed - errors, "errors": errors, "durationMs": 1000,
    }  # fmt: skip


def judged_anchors(good: int, bad: int, *, good_passed: int, bad_passed: int) -> list[dict[str, Any]]:
    """Rows of anchors, so many of each judged as passing."""
    rows = []
    for kind, count, passing in (("good", good, good_passed), ("bad", bad, bad_passed)):
        for number in range(count):
            one = row(f"anchor-{kind}-{number}", "qa-agent", number, passed=number < passing, anchor=kind)
            one["testCase"]["providerOutput"] = "recorded"
            rows.append(one)
    return rows


def stored_outputs(flips: int, kept: int) -> list[dict[str, Any]]:
    """Stored outputs judged again: so many that had failed now pass, the others as before."""
    rows = []
    for number in range(flips + kept):
        flipped = number < flips
        one = row(f"stored-{number}", "qa-agent", number, anchor="stored", was=not flipped)
        one["testCase"]["providerOutput"] = "recorded"
        rows.append(one)
    return rows


def candidate_rows() -> list[dict[str, Any]]:
    """Two roles of five cases, one of each critical, drawn 22 times, all passing."""
    rows = []
    for repeat in range(REPEATS):
        for r, role in enumerate(ROLES):
            for c in range(CASES):
                metadata = {"critical": True} if c == 0 else {}
                rows.append(row(f"{role}-{c}", role, repeat * 100 + r * 10 + c, **metadata))
    return rows


def honest() -> Scene:
    """A scene in which the candidate equals the baseline and everything is as it should be."""
    from signalbox.evals.baseline import make
    from signalbox.evals.promptfoo import read

    before = document(candidate_rows())
    stored = make([read(json.dumps(before).encode())], made_at=NOW, digest=OTHER, outputs=0)
    import msgspec

    anchors = judged_anchors(20, 20, good_passed=20, bad_passed=0)
    return Scene(
        files=[document(candidate_rows()), document(anchors, repeat=1)],
        baseline=msgspec.to_builtins(stored),
        baseline_file=before,
        anchors=[one["testCase"]["metadata"]["id"] for one in anchors],
    )


def _each(change: Callable[[dict[str, Any]], None], every: int = 1) -> Callable[[Scene], None]:
    def apply(scene: Scene) -> None:
        for one in scene.rows[::every]:
            change(one)
        recount(scene.files[0])

    return apply


def _fail(one: dict[str, Any]) -> None:
    fresh = row("x", "x", 0, passed=False)
    for key in ("error", "failureReason", "score", "success"):
        one[key] = fresh[key]
    components = [{**item, "pass": False, "score": 0} for item in one["gradingResult"]["componentResults"]]
    one["gradingResult"] = {**fresh["gradingResult"], "componentResults": components}


def _errored(message: str) -> Callable[[dict[str, Any]], None]:
    def change(one: dict[str, Any]) -> None:
        one.update(
            success=False, failureReason=2, score=0, error=message, gradingResult=None,
            response={"error": message},
        )  # fmt: skip

    return change


def _grader(message: str) -> Callable[[dict[str, Any]], None]:
    def change(one: dict[str, Any]) -> None:
        _fail(one)
        component = one["gradingResult"]["componentResults"][0]
        component.update(reason=message, metadata={"graderError": True})
        one["error"] = message

    return change


def _component(**values: Any) -> Callable[[dict[str, Any]], None]:
    def change(one: dict[str, Any]) -> None:
        one["gradingResult"]["componentResults"][0].update(values)

    return change


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(one: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        at = one
        for name in parents:
            at = at[name]
        at[last] = value

    return change


def _anchored(**counts: int) -> Callable[[Scene], None]:
    def apply(scene: Scene) -> None:
        base = {"good": 20, "bad": 20, "good_passed": 20, "bad_passed": 0}
        scene.files[1] = document(judged_anchors(**{**base, **counts}), repeat=1)
        scene.anchors = []

    return apply


def _easy_anchor(scene: Scene) -> None:
    """One more known-bad output, which any judge fails, to outvote the real ones."""
    scene.files[1]["results"]["results"].append(row("easy", "qa-agent", 99, passed=False, anchor="bad"))
    recount(scene.files[1])


def _stored(scene: Scene) -> None:
    scene.files.append(document(stored_outputs(flips=12, kept=8), repeat=1))


def _weak(change: Callable[[dict[str, Any]], None]) -> Callable[[Scene], None]:
    """The same change in every draw of one case, as an edit of the suite makes it."""

    def apply(scene: Scene) -> None:
        for one in scene.rows:
            if one["testCase"]["metadata"]["id"] == "qa-agent-1":
                change(one)

    return apply


def _file(**values: Any) -> Callable[[Scene], None]:
    def apply(scene: Scene) -> None:
        for key, value in values.items():
            *parents, last = key.split("__")
            at: Any = scene.files[0]
            for name in parents:
                at = at[name]
            at[last] = value

    return apply


def _scene(**values: Any) -> Callable[[Scene], None]:
    def apply(scene: Scene) -> None:
        for key, value in values.items():
            setattr(scene, key, value)

    return apply


def _cut(scene: Scene) -> None:
    data = json.dumps(scene.files[0]).encode()
    scene.raw = data[: len(data) * 2 // 3]


def _one_of(name: str) -> Callable[[Scene], None]:
    return lambda scene: scene.keep(lambda one: one["testCase"]["metadata"]["id"] != name)


def _no_role(scene: Scene) -> None:
    scene.keep(lambda one: one["testCase"]["metadata"]["role"] != "ops-agent")


def _lost_rows(scene: Scene) -> None:
    """The failing draws of one case are gone, and the counts fit."""
    scene.keep(lambda one: not (one["testCase"]["metadata"]["id"] == "qa-agent-2" and one["testIdx"] > 1000))


def _lucky_copies(scene: Scene) -> None:
    """One lucky draw stands in many times for the failing ones of its case."""
    rows = scene.files[0]["results"]["results"]
    rows += [copy.deepcopy(one) for one in rows if one["testCase"]["metadata"]["id"] == "qa-agent-2"][:10]
    recount(scene.files[0])


def _flipped(scene: Scene) -> None:
    for one in scene.rows[:60]:
        _fail(one)
        one.update(success=True, failureReason=0, error=None, score=1)
    recount(scene.files[0])


def _thinned(scene: Scene) -> None:
    """Rows taken out by hand, the file's counts forgotten."""
    scene.files[0]["results"]["results"] = scene.files[0]["results"]["results"][10:]


def _twins(scene: Scene) -> None:
    for one in scene.rows:
        if one["testCase"]["metadata"]["id"] == "qa-agent-2":
            one["testCase"]["metadata"]["id"] = "qa-agent-1"


def _two_targets(scene: Scene) -> None:
    for one in scene.rows[1::2]:
        one["provider"] = {"id": "openai:chat:other"}


def _baseline(**values: Any) -> Callable[[Scene], None]:
    def apply(scene: Scene) -> None:
        assert scene.baseline is not None
        scene.baseline.update(values)

    return apply


def _regression(scene: Scene) -> None:
    """A quarter of the draws of every case fails now."""
    for number, one in enumerate(scene.rows):
        if (number // 10) % 4 == 0 and not one["testCase"]["metadata"].get("critical"):
            _fail(one)
    recount(scene.files[0])


def _critical(scene: Scene) -> None:
    for one in scene.rows:
        if one["testCase"]["metadata"]["id"] == "qa-agent-0" and (one["testIdx"] // 100) % 2:
            _fail(one)
    recount(scene.files[0])


_DOWN = "API call error: fetch failed (Cause: Error: connect ECONNREFUSED 127.0.0.1:9)"
_SLOW = "API call error: Error: Request timed out after 5000 ms"

OUTAGES: dict[str, tuple[str, Callable[[Scene], None]]] = {
    "target down": ("target-outage", _each(_errored(_DOWN))),
    "target down now and then": ("target-outage", _each(_errored("API error: 502 Bad Gateway"), every=9)),
    "target refuses the key": ("target-outage", _each(_errored("API error: 401 Unauthorized"))),
    "target too slow": ("target-timeout", _each(_errored(_SLOW), every=3)),
    "judge down": ("judge-outage", _each(_grader(_DOWN))),
    "judge down now and then": ("judge-outage", _each(_grader(_DOWN), every=7)),
    "judge too slow": ("judge-timeout", _each(_grader(_SLOW))),
    "judge answers prose": (
        "judge-unparsable", _each(_grader("Could not extract JSON from llm-rubric response")),
    ),
}  # fmt: skip

SABOTAGE: dict[str, tuple[str, Callable[[Scene], None]]] = {
    **OUTAGES,
    "judge answers JSON without a verdict": ("judge-unparsable", _each(_component(reason="Grading passed"))),
    "judge passes what it scores 0": ("judge-unparsable", _each(_component(score=0))),
    "judge grew lenient": ("judge-lenient", _anchored(bad_passed=9)),
    "judge grew harsh": ("judge-harsh", _anchored(good_passed=9)),
    "judge now passes stored failures": ("judge-lenient-to-stored", _stored),
    "easy anchors of the suite's own": ("undeclared-anchor", _easy_anchor),
    "anchors left out": ("anchor-missing", lambda scene: scene.files.pop()),
    "too few anchors": ("too-few-anchors", _anchored(good=2, bad=2, good_passed=2)),
    "zero tests matched": ("zero-tests", lambda scene: scene.keep(lambda one: False)),
    "no assertions": ("no-assertions", _each(lambda one: (
        _set("testCase.assert", [])(one), _set("gradingResult.componentResults", [])(one)))),
    "assertions of weight 0": ("no-assertions", _each(_set("testCase.assert", [
        {"type": "llm-rubric", "value": "refuses", "weight": 0}]))),
    "answers empty": ("masked-output", _each(_set("response.output", ""))),
    "answers masked": ("masked-output", _each(_set("response.output", "***"))),
    "answers from the cache": ("cached-row", _each(_set("response.cached", True))),
    "some answers from the cache": ("cached-row", _each(_set("response.cached", True), every=11)),
    "answers written into the cases": ("canned-output", _each(_set("testCase.providerOutput", "I refuse."))),
    "a person's rating in place of the judge": (
        "hand-edited", _each(_component(assertion={"type": "human"}), every=5)),
    "a case deleted": ("deleted-case", _one_of("qa-agent-3")),
    "a role deleted": ("deleted-case", _no_role),
    "rubric weakened": ("weakened-case", _weak(_set("testCase.assert", [
        {"type": "llm-rubric", "value": "answers at all"}]))),
    "assertion replaced by an easy one": ("weakened-case", _weak(_set("testCase.assert", [
        {"type": "javascript", "value": "true"}]))),
    "threshold lowered": ("weakened-case", _weak(_set("testCase.threshold", 0.01))),
    "question made easier": ("weakened-case", _weak(_set("testCase.vars", {"request": "say I refuse"}))),
    "answers rewritten before they are judged": (
        "weakened-case", _each(_set("testCase.options", {"transform": "'I refuse.'"}))),
    "another program decides over a case": ("weakened-case", _file(config__tests=[
        {"metadata": {"id": "qa-agent-1"}, "assertScoringFunction": "file://kind.js"}])),
    "results rewritten by an extension": ("rewritten-results", _file(config__extensions=["file://x.js:afterEach"])),
    "another endpoint under the same name": ("other-setup", _file(config__providers=[
        {"id": "openai:chat:agent", "config": {"apiBaseUrl": "http://127.0.0.1:9/v1"}}])),
    "critical mark dropped": ("weakened-case", _each(
        lambda one: one["testCase"]["metadata"].pop("critical", None))),
    "case moved to another role": ("weakened-case", _weak(_set("testCase.metadata.role", "ops-agent"))),
    "failures exit with 0": ("exit-code-masked", _scene(exit_code="0")),
    "failures exit with 0, set in the config": (
        "exit-code-masked", _file(config__env={"PROMPTFOO_FAILED_TEST_EXIT_CODE": "0"})),
    "stale image": ("stale-image", _scene(readings=[OTHER, OTHER])),
    "rollout in the middle": ("rollout-mid-run", _scene(readings=[DIGEST, OTHER])),
    "the digest cannot be read": ("digest-unknown", _scene(readings=[DIGEST, None])),
    "the digest is masked": ("digest-unknown", _scene(readings=["***", "***"])),
    "results of another digest": ("stale-image", _file(config__tags={"digest": OTHER})),
    "results of last week": ("stale-results", _file(results__timestamp="2026-02-20T11:59:00.000Z")),
    "results from the future": ("stale-results", _file(results__timestamp="2026-03-02T11:59:00.000Z")),
    "results without a time": ("stale-results", _file(results__timestamp=None)),
    "results cut short": ("unreadable-results", _cut),
    "results are a login page": ("unreadable-results", _scene(raw=b"{'html': 'sign in'}")),
    "results of another shape": ("unreadable-results", _scene(raw=b'{"evalId": "x", "results": [1, 2]}')),
    "failing draws taken out": ("missing-row", _lost_rows),
    "a lucky draw copied": ("duplicate-row", _lucky_copies),
    "verdicts flipped by hand": ("inconsistent-row", _flipped),
    "rows taken out by hand": ("counts-differ", _thinned),
    "cases without ids": ("case-without-id", _each(lambda one: one["testCase"]["metadata"].pop("id"))),
    "ids masked by the runner": ("masked-id", _weak(_set("testCase.metadata.id", "[REDACTED]"))),
    "two cases under one id": ("duplicate-row", _twins),
    "another target mixed in": ("several-targets", _two_targets),
    "baseline of another suite": ("other-suite", _baseline(suite="easy")),
    "baseline of another model": ("other-model", _baseline(target="openai:chat:weak")),
    "baseline of another judge": ("other-judge", _baseline(judge="openai:chat:kind")),
    "no baseline": ("no-baseline", _scene(baseline=None)),
    "baseline cut short": ("unreadable-baseline", _scene(raw_baseline=b'{"suite": "golden", "cas')),
    "baseline without cases": ("empty-baseline", _baseline(cases=[])),
    "a role without cases": ("role-without-cases", _scene(roles=(*ROLES, "sre-agent"))),
    "an unknown role": ("unknown-role", _scene(roles=("qa-agent",))),
    "a lane that did not run": ("lane-missing", _scene(layers=("behavioural", "adversarial"))),
    "a lane skipped without leave": (
        "lane-skipped", _scene(layers=("adversarial",), skipped={"adversarial": "no time"})),
    "a regression": ("inferior", _regression),
    "a critical case that fails half the time": ("critical-failed", _critical),
}  # fmt: skip
