"""What a reader of the plan wants to see: why this tier, what runs, what does not and why that is safe."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Decision
from signalbox.render import Block, Fold, Table, Text

from .facts import Inputs

HOW_TO_FORCE = (
    "To run everything: put the label “full-tests” on the pull request, write “Signalbox-Tests: full” as a "
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
            title=f"Risk: {decision.outputs['risk_tier']} ({risk['points']:g} points)",
            columns=("moved by", "because", "points"),
            rows=tuple(top),
        )
    )
    if plan["suites"]:
        suites = tuple((s["name"], s["how"], s["why"], s["minutes"] or None) for s in plan["suites"])
        shown.append(Table(title="Suites", columns=("suite", "runs", "because", "minutes"), rows=suites))
    chosen = [t for t in inputs.touched if t.tests]
    if chosen and not plan["full_suite"]:
        rows = tuple((t.text, t.code, len(t.tests)) for t in chosen[:50])
        table = Table(columns=("because", "kind", "tests"), rows=rows)
        shown.append(Fold(f"Why {len(plan['tests'])} tests were chosen", (table,)))
    if not plan["full_suite"] and inputs.index is not None:
        shown.append(Fold("Why it is safe to skip the rest", (Text(_safe(inputs)),)))
    if inputs.index is not None:
        shown.append(Text(decision.outputs["escapes"]["text"]))
    shown.append(Text(HOW_TO_FORCE))
    return shown


def _summary(inputs: Inputs, plan: dict[str, Any]) -> Text:
    minutes = plan["estimated_minutes"]
    if plan["full_suite"]:
        return Text(f"Everything runs, about {_time(minutes)}.")
    parts = [f"About {_time(minutes)} of tests"]
    if plan["full_minutes"]:
        saved = _time(max(0.0, plan["full_minutes"] - minutes))
        parts.append(f"instead of {_time(plan['full_minutes'])}: {saved} saved")
    if plan["skipped_tests"]:
        parts.append(f"{plan['skipped_tests']} of {plan['known_tests']} tests are skipped")
    return Text(", ".join(parts) + ".")


def _safe(inputs: Inputs) -> str:
    index = inputs.index
    assert index is not None
    return (
        f"Each of them was recorded at commit {index.commit[:12]} on Python {index.python}. It executed no "
        "block that is changed since, imported no module whose import-time code is changed, opened, looked "
        "for or listed no file that is changed, new or deleted, and started no process that could not be "
        "followed. What only C code reads, and what one test leaves behind for another, cannot be seen this "
        "way; the audit runs measure it."
    )


def _time(minutes: float) -> str:
    return f"{minutes * 60:.0f} s" if minutes < 2 else f"{minutes:.1f} min"


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
    elif place is None and inputs.index is not None:
        lines.append(f"is skipped, or is no test the index knows. {_safe(inputs)}")
    lines += [f"  - {text}" for text in because]
    return "\n".join(lines)
