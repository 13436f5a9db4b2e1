"""The audit trail and the live line: what is written and said at each event."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from signalbox.actions import Annotation, Level, Workflow, plain
from signalbox.config.rollout import Rollout
from signalbox.rollout.assess import Assessment
from signalbox.rollout.clock import Clock, at
from signalbox.rollout.engine import Moved
from signalbox.rollout.judge import rate_of, weight_at
from signalbox.rollout.model import Look
from signalbox.rollout.serve import Board
from signalbox.rollout.state import Audit


class Journal:
    """Writes every event as a JSON line and says it in one line. ``rollout`` is the run's id.

    ``announce`` is called with a verdict and its reason when the verdict changes within a slice, and only
    then: whoever shows it loudly is not drowned in looks that say what the last one said.
    """

    def __init__(
        self,
        audit: Audit,
        clock: Clock,
        say: Callable[[str], None],
        board: Board | None = None,
        announce: Callable[[str, str], None] = lambda verdict, text: None,
    ) -> None:
        self.audit = audit
        self.rollout = ""
        self._clock = clock
        self._say = say
        self._board = board
        self._announce = announce
        # Every slice begins with holding; that is no news.
        self._standing = (-1, "hold")

    def say(self, text: str) -> None:
        """One line for people, with the time of day."""
        self._say(f"{at(self._clock.now())[11:19]}  {text}")

    def event(self, event: str, **fields: Any) -> None:
        """One line of the audit trail."""
        record = {"schema_version": 1, "rollout": self.rollout, "at": at(self._clock.now()), "event": event}
        self.audit.write({**record, **fields})

    def moved(self, moved: Moved, why: str) -> None:
        """A move that is in force."""
        self.event("moved", why=why, move=msgspec.to_builtins(moved))
        seen = "too few requests yet to see it" if moved.seen is None else f"{moved.seen:.0f}% seen"
        self.say(f"canary now at {moved.read_back:g}% ({seen}): {why}")

    def look(self, look: Look, found: Assessment, action: str) -> None:
        """One look, with all that the verdict rests on."""
        if self._board:
            self._board.post(look, found)
        values = {
            signal: {
                "counts": msgspec.to_builtins(figure.counts),
                "log10_e": _log10(figure.log_e),
                "log10_certified": _log10(figure.certified_log_e),
                "certified": figure.certified,
                "over_objective": figure.breach,
            }
            for signal, figure in found.figures.items()
        }
        self.event(
            "look",
            look=msgspec.to_builtins(look),
            figures=values,
            log10_e=_log10(found.log_e),
            log10_limit=_log10(found.threshold),
            verdict=found.verdict,
            reasons=[reason.code for reason in found.reasons],
            action=action,
        )
        self.say(line(look, found))
        before = self._standing[1] if self._standing[0] == look.slice else "hold"
        self._standing = (look.slice, found.verdict)
        if found.verdict != before:
            share = "" if look.percent is None else f" at {look.percent:g}%"
            self._announce(found.verdict, f"{found.verdict}{share}: {found.reasons[0].text}")


def announcer(workflow: Workflow | None) -> Callable[[str, str], None]:
    """Annotations of the run under Actions (None: elsewhere nothing), which only a changed verdict earns."""

    def announce(verdict: str, text: str) -> None:
        if workflow is not None:
            level: Level = "warning" if verdict == "rollback" else "notice"
            workflow.annotate([Annotation(level=level, title=f"rollout: {verdict}", text=plain(text))])

    return announce


def next_action(found: Assessment, rules: Rollout, index: int) -> str:
    """What the monitor does after a look in slice ``index``."""
    if found.verdict == "proceed":
        last = index + 1 == len(rules.slices)
        return "finish" if last else f"advance to {weight_at(rules, index + 1):g}%"
    if found.verdict == "rollback":
        return "roll back"
    return f"deadline: {rules.deadline_action}" if found.overdue else "hold"


def line(look: Look, found: Assessment) -> str:
    """The live line of a look."""
    share = "" if look.percent is None else f"{look.percent:g}%"
    parts = [f"{share:>5} {look.since:4.0f} s"]
    for signal, figure in found.figures.items():
        canary, baseline = rate_of(figure.counts)
        against = f" against {100 * baseline:.2f}%" if figure.counts.control else ""
        parts.append(f"{signal} {100 * canary:.2f}%{against}")
    parts.append(f"e {_short(found.log_e)}/{_short(found.threshold)}")
    reason = found.reasons[0]
    parts.append(f"{found.verdict} ({reason.code.lower().replace('_', ' ')})")
    return "  ".join(parts)


def _short(log_e: float) -> str:
    return f"{math.exp(log_e):.3g}" if log_e < 600 else f"1e{log_e / math.log(10):.0f}"


def _log10(log_e: float) -> float:
    # JSON has no infinity; an e-value of 1e-300 is as good as none.
    return round(max(log_e / math.log(10), -300.0), 4)
