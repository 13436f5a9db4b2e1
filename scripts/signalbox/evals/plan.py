"""What to buy next: whole rounds of the roles that are still open, and no draw more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from signalbox.config.evals import Evals
from signalbox.evals.baseline import Baseline
from signalbox.evals.compare import undecided
from signalbox.evals.inputs import Case

# Starting the runner costs seconds whatever it draws, so a batch is not smaller than this.
LEAST_DRAWS = 20


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Draws to buy: ``repeat`` of every case, of one role's cases, or of one role's critical cases."""

    repeat: int
    role: str = ""
    critical: bool = False


def first_order(baseline: Baseline) -> Order:
    """All cases, so often that the smallest role gets a batch's worth."""
    sizes = Counter(case.role for case in baseline.cases)
    return Order(repeat=max(1, LEAST_DRAWS // min(sizes.values())))


def next_orders(cases: Sequence[Case], settings: Evals) -> list[Order]:
    """One round more of each open role; several where its cases are few, or where half of what is forecast
    and a quarter of what was drawn both say so. So little is drawn past the decision. Once a failure is
    shown, nothing.
    """
    open_roles, lacking, failed = undecided(cases, settings)
    if failed:
        return []
    orders = []
    for role, trial in open_roles.items():
        group = [case for case in cases if case.role == role and case.baseline]
        stored = min(len(case.baseline) for case in group)
        left = min(stored - trial.rounds, (settings.budget - trial.draws) // len(group))
        if left > 0:
            forecast = ((trial.needed or settings.budget) - trial.draws) // (2 * len(group))
            step = max(1, LEAST_DRAWS // len(group), min(trial.rounds // 4, forecast))
            orders.append(Order(repeat=min(step, left), role=role))
    if orders:
        return _together(orders, cases)
    # Only critical cases lack draws now; they are drawn on their own.
    return [Order(repeat=count, role=role, critical=True) for role, count in sorted(lacking.items())]


def _together(orders: list[Order], cases: Sequence[Case]) -> list[Order]:
    """One call of the runner instead of many, where every role wants the same."""
    repeats = {order.repeat for order in orders}
    if len(repeats) == 1 and {order.role for order in orders} == {case.role for case in cases}:
        return [Order(repeat=repeats.pop())]
    return orders
