"""What to buy next: whole rounds of the roles that are still open, and no draw more."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from signalbox.config.evals import Evals
from signalbox.evals.compare import undecided
from signalbox.evals.inputs import Case

FIRST_ROUNDS = 2


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Draws to buy: ``repeat`` of every case, of one role's cases, or of one role's critical cases."""

    repeat: int
    role: str = ""
    critical: bool = False


def next_orders(cases: Sequence[Case], settings: Evals) -> list[Order]:
    """All cases ``FIRST_ROUNDS`` times; then half of what each open role is forecast to need, or a quarter of
    what it has, so that little is drawn past the decision. Once a failure is shown, nothing.
    """
    if not cases:
        return [Order(repeat=FIRST_ROUNDS)]
    open_roles, lacking, failed = undecided(cases, settings)
    if failed:
        return []
    orders = []
    for role, trial in open_roles.items():
        group = [case for case in cases if case.role == role and case.baseline]
        stored = min(len(case.baseline) for case in group)
        left = min(stored - trial.rounds, (settings.budget - trial.draws) // len(group))
        if left > 0:
            forecast = ((trial.needed or 0) - trial.draws) // (2 * len(group))
            orders.append(Order(repeat=min(max(1, trial.rounds // 4, forecast), left), role=role))
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
