"""One session: judge first, then rounds until everything is decided, the digest watched all along."""

from __future__ import annotations

from collections.abc import Callable

from signalbox.config.evals import Evals
from signalbox.decision import Gap
from signalbox.evals.baseline import Baseline, mismatches
from signalbox.evals.gather import cases_of, judged_of
from signalbox.evals.integrity import row_gaps, shape_gaps
from signalbox.evals.judge import alarms
from signalbox.evals.model import Session
from signalbox.evals.plan import Order, first_order, next_orders

MOST_BATCHES = 200


def run_session(
    *,
    buy: Callable[[Order], Session],
    rejudge: Callable[[], Session] | None,
    running: Callable[[], Gap | None],
    baseline: Baseline | None,
    settings: Evals,
    rounds: int = 0,
    say: Callable[[str], None],
) -> list[Session]:
    """Buy draws by ``buy`` until nothing more would change the verdict.

    ``running`` says what is wrong with the digest that runs now, and is asked before, between and after.
    With ``rounds`` exactly so many are drawn, to record a baseline. Trouble ends the buying: what follows a
    broken row cannot make it whole.
    """
    sessions: list[Session] = []
    gap = running()
    if gap is None and rejudge is not None:
        say("judging anchors and stored outputs")
        sessions.append(rejudge())
        if _sound(sessions, baseline) and alarms(judged_of(sessions), settings.judge):
            say("the judge is not the judge it was; nothing is asked of the target")
            return sessions
    bought = False
    for _ in range(MOST_BATCHES):
        gap = gap or running()
        if gap is not None or not _sound(sessions, baseline):
            break
        orders = _orders(sessions, baseline, settings, rounds, bought)
        if not orders:
            break
        bought = True
        for order in orders:
            which = (order.role or "all roles") + (" (critical cases)" if order.critical else "")
            say(f"drawing {which}, {order.repeat} times each")
            sessions.append(buy(order))
    if gap is None:
        running()
    return sessions


def _orders(
    sessions: list[Session], baseline: Baseline | None, settings: Evals, rounds: int, bought: bool
) -> list[Order]:
    if rounds or baseline is None:
        return [] if bought else [Order(repeat=rounds or 1)]
    if not bought:
        return [first_order(baseline)]
    if not cases_of(sessions, baseline):
        return []
    return next_orders(cases_of(sessions, baseline), settings)


def _sound(sessions: list[Session], baseline: Baseline | None) -> bool:
    """Whether another draw can still lead to a verdict."""
    if any(session.gaps or row_gaps(session.rows) for session in sessions):
        return False
    drawn = [session for session in sessions if any(not row.anchor for row in session.rows)]
    if not drawn:
        return True
    return not shape_gaps(drawn) and not (baseline and mismatches(baseline, drawn))
