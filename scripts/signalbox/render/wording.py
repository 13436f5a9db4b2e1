"""How verdicts are said to people: a sign, a colour class and the words."""

from __future__ import annotations

import math
import re

from signalbox.decision import Decision, exit_code

SIGNS = {0: "🟢", 1: "🔴", 3: "🟡"}
TONES = {0: "go", 1: "stop", 3: "wait"}

NAMES = {
    "test-plan": "Test plan",
    "risk": "Risk",
    "concurrency": "Runner plan",
    "promotion": "Promotion",
    "rollout": "Rollout",
    "evals": "Evals",
    "gate": "Gate",
    "readiness": "Release readiness",
    "authorization": "Agent's action",
}

MODES = {
    "observe": "Observing only: nothing was moved and nothing can fail because of this.",
    "advise": "Advisory: shown to people, cannot fail the job.",
    "enforce": "",
}


def sign(decision: Decision) -> str:
    """One character that says permit, ask or deny; words always stand beside it."""
    return SIGNS[exit_code(decision.kind, decision.verdict)]


def tone(decision: Decision) -> str:
    """``go``, ``wait`` or ``stop``, for style sheets."""
    return TONES[exit_code(decision.kind, decision.verdict)]


def name(decision: Decision) -> str:
    """What this kind of decision is called."""
    return NAMES.get(decision.kind, decision.kind)


def anchor(decision: Decision) -> str:
    """The heading of ``docs/why.md`` about this kind of decision, as GitHub links to it."""
    return re.sub(r"[^a-z -]", "", name(decision).lower()).replace(" ", "-")


def number(value: float) -> str:
    """A number as people write it: whole when it is, else about four significant digits.

    Powers of ten only below 0.0001 and from a quadrillion on.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if abs(value) < 1e15 and (value == int(value) or abs(value) >= 1000):
        return f"{value:.0f}"
    return f"{value:.4g}"
