"""What a reader of the plan wants to see: why this tier, what runs, what does not and why that is safe."""

from __future__ import annotations

from typing import Any

from signalbox.arguments import below
from signalbox.decision import Decision
from signalbox.render import Block, Code, Fold, Table, Text

from .facts import Inputs

_LISTED = 100
HOW_TO_FORCE = (
    "To run everything: put the label full-tests on the pull request, write “Signalbox-Tests: full” as a "
    "line of the last commit's message, or start the workflow with the input full."
)


def blocks(inputs: Inputs, decision: Decision) -> list[Block]:
    """Tables and sentences of one plan, most wanted first."""
    plan: dict[str, Any] = decision.outputs["test_plan"]
    risk = decision.outputs["risk"]
    shown: list[Block] = [_summary(inputs, plan)]
    top = [(f["name"], f["value"], f["points"]) for f in risk["features"][:3]]
    shown.append(
        Table(
            title=f"Risk: {decision.outputs['risk_tier']} (by {risk['model']})",
            columns=("moved most by", "because", "log-odds against an average change"),
            rows=tuple(top),
        )
    )
    if plan["suites"]:
        suites = tuple((s["name"], s["how"], s["why"], s["minutes"] or None) for s in plan["suites"])
        shown.append(Table(title="Suites", columns=("suite", "runs", "because", "minutes"), rows=suites))
    chosen = [t for t in inputs.touched if t.tests]
    if chosen and not plan["full_suite"]:
        rows = tuple((t.text, t.code, len(t.tests)) for t in chosen[:50])
        parts: list[Table | Text] = [Table(columns=("because", "kind", "tests"), rows=rows)]
        if len(chosen) > 50:
            parts.append(Text(f"{len(chosen) - 50} more reasons are in the decision."))
        shown.append(Fold(f"Why {len(inputs.touched_tests())} tests were chosen", tuple(parts)))
    names = [inputs.tests[t].id for t in inputs.touched_tests()]
    if names and not plan["full_suite"]:
        more = f"\n… and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        shown.append(Fold("Which tests run", (Code("\n".join(names[:_LISTED]) + more),)))
    if not plan["full_suite"] and inputs.index is not None and plan["skipped_tests"]:
        shown.append(Fold("Why it is safe to skip the rest", (Text(_safe(inputs)),)))
    if inputs.index is not None:
        shown.append(Text(decision.outputs["escapes"]["text"]))
    shown.append(Text(HOW_TO_FORCE))
    return shown


def _summary(inputs: Inputs, plan: dict[str, Any]) -> Text:
    minutes, full = plan["estimated_minutes"], plan["full_minutes"]
    if plan["full_suite"]:
        return Text(f"Everything runs, about {_time(minutes)}.")
    known, skipped = plan["known_tests"], plan["skipped_tests"]
    what = f"{known - skipped} of {known} tests run" if known else "Whole suites run"
    text = f"{what}, about {_time(minutes)}"
    if full:
        text += f" instead of {_time(full)}"
        saved = 60 * plan["saved_minutes"]
        if saved >= max(1.0, 0.6 * full):  # less than a second or a hundredth is nothing to tell anybody of
            text += f": {_time(saved / 60)} saved on one runner"
            if plan["saved_money"] >= 0.005:
                text += f", worth {plan['saved_money']:.2f} at the policy's prices of waiting and of runners"
    if skipped:
        text += f". {skipped} tests are skipped"
    return Text(text + ".")


_SAFE = {
    "recorded": (
        "Each of them was recorded at commit {commit} on Python {python}. It executed no block that "
        "is changed since, imported no module whose import-time code is changed, opened, looked for "
        "or listed no file that is changed, new or deleted, and started no process that could not be "
        "followed. What only C code reads, and what one test leaves behind for another, cannot be "
        "seen this way; the audit runs measure it."
    ),
    "imports": (
        "At commit {commit} no import, no name in a string and no configuration led from their files "
        "to a changed one, none of the files that they load loads or starts anything by a name that "
        "is not written down, and every changed file is Python. That is weaker than a recording "
        "(index_tests.py): a test that reads a Python file as data, or is reached by a framework's "
        "own rules, is missed. The audit runs measure it."
    ),
    "coverage": (
        "At commit {commit} the reports show that they cover none of the changed files, and every "
        "changed file is covered by some test. That is weaker than a recording: files that a test "
        "reads and constants that a compiler copies are in no report. The audit runs measure it."
    ),
    "graph": (
        "At commit {commit} the project's own graph leads from none of them to a changed file, and it "
        "knows every changed file. It is as good as the graph; the audit runs measure it."
    ),
}


def _safe(inputs: Inputs) -> str:
    index = inputs.index
    assert index is not None
    text = _SAFE.get(index.evidence, _SAFE["graph"])
    return text.format(commit=index.commit[:12], python=index.python)


def _time(minutes: float) -> str:
    seconds = minutes * 60
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.1f} min"


def explain(inputs: Inputs, decision: Decision, test: str) -> str:
    """Why one test is chosen or skipped, in sentences."""
    plan: dict[str, Any] = decision.outputs["test_plan"]
    place = next((i for i, fact in enumerate(inputs.tests) if fact.id == test), None)
    because = [t.text for t in inputs.touched if place is not None and place in t.tests]
    lines = [f"{test}"]
    if plan["full_suite"]:
        lines.append("runs, because everything runs:")
        lines += [f"  - {r.text}" for r in decision.reasons if r.effect == "full"]
    elif because:
        lines.append("runs:")
    elif test.partition("::")[0] in plan["new_test_files"]:
        lines.append("runs, because nothing is known of its file yet")
    elif any(below(test.partition("::")[0], s["paths"]) for s in plan["suites"] if s["how"] == "all"):
        lines.append("runs, because its whole suite does")
    elif inputs.index is not None:
        lines.append(f"is skipped, or is no test the index knows. {_safe(inputs)}")
    else:
        lines.append("is in no suite that runs, and without an index nothing more is known of it")
    lines += [f"  - {text}" for text in because]
    return "\n".join(lines)
