"""What has drifted, since when, and what to do: one alarm each for escapes, promotions, scores, deployments.

Every alarm has the same stated chance of being false within the horizon, which counts observations of its own
stream. An alarm may tighten at once; loosening always needs a proposal.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from signalbox.config import Settings
from signalbox.decision import format_time
from signalbox.feedback.history import History, Made
from signalbox.stats.drift import Drift, detect, runs_of


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """One stream: what was found in it, in a sentence, and the setting that an alarm tightens.

    ``tighten`` is (section, key, value), None where people must find the cause first. ``at`` are the times
    of the observations.
    """

    name: str
    sentence: str
    drift: Drift
    at: tuple[str, ...]
    tighten: tuple[str, str, float | None] | None = None

    @property
    def alarmed(self) -> bool:
        """Whether it alarmed."""
        return self.drift.alarm is not None


def watch(history: History, settings: Settings) -> tuple[Watched, ...]:
    """Every stream of the history, oldest first; those without any observation are left out."""
    scoring, feedback = settings.scoring, settings.feedback
    audited = [m for m in history.of("test-plan") if m.label is not None and m.label.source == "audit"]
    promoted = [m for m in history.of("promotion") if m.bad is not None]
    scored = [(m, p) for m in promoted if (p := _probability(m)) is not None]
    deployed = [m for m in history.of("rollout", "proceed") if m.bad is not None]
    rate = settings.selection.audit_rate
    runs = f", about {runs_of(feedback.drift_horizon, rate):,.0f} runs at {rate:.0%} audits" if rate else ""
    streams: list[tuple[str, Sequence[Made], list[tuple[float, bool]], str, str, _Tighten]] = [
        (
            "escapes",
            audited,
            [(feedback.escape_limit, m.bad is True) for m in audited],
            "audited test plans missed a failing test",
            f"retrain the index (index_tests.py) and audit more{runs}",
            ("selection", "audit-rate", min(0.5, 2 * rate) if rate else 0.05),
        ),
        (
            "automatic promotions",
            promoted,
            [(scoring.risk_budget, m.verdict == "auto-promote" and m.bad is True) for m in promoted],
            "artifacts were promoted automatically and turned out bad",
            "review everything until the score is recalibrated",
            ("scoring", "auto-promote-at", None),
        ),
        (
            "score",
            [m for m, _ in scored],
            [(min(max(1 - p, 0.005), 0.995), m.bad is True) for m, p in scored],
            "scored artifacts turned out bad, more than their scores foretold",
            "review everything and recalibrate the score",
            ("scoring", "auto-promote-at", None),
        ),
        (
            "deployments",
            deployed,
            [(feedback.bad_deployment_limit, m.bad is True) for m in deployed],
            "deployments that were let through turned out bad",
            "look at what they have in common; longer slices see more",
            None,
        ),
    ]
    found = []
    for name, made, stream, what, advice, tighten in streams:
        if not made:
            continue
        drift = detect(stream, horizon=feedback.drift_horizon, false_alarm=feedback.drift_false_alarm)
        at = tuple(format_time(m.at) for m in made)
        found.append(
            Watched(
                name=name,
                sentence=_sentence(drift, at, what, advice, settings),
                drift=drift,
                at=at,
                tighten=tighten if drift.alarm is not None else None,
            )
        )
    return tuple(found)


_Tighten = tuple[str, str, float | None] | None


def _sentence(drift: Drift, at: Sequence[str], what: str, advice: str, settings: Settings) -> str:
    feedback = settings.feedback
    chance = f"{feedback.drift_false_alarm:.0%} in {feedback.drift_horizon:,} observations"
    if drift.alarm is None or drift.since is None:
        share = drift.path[-1] / drift.threshold if drift.path else 0.0
        return f"no drift in {drift.observations:,} observations (evidence at {share:.1%} of the alarm)"
    seen = drift.alarm - drift.since
    return (
        f"{drift.events} of {seen} {what} from {at[drift.since][:10]} to {at[drift.alarm - 1][:10]}, where "
        f"{drift.expected:.1f} would be in order; {advice}. False alarms: {chance}."
    )


def _probability(made: Made) -> float | None:
    value = made.outputs.get("probability")
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return float(value) if good else None  # type: ignore[arg-type]
