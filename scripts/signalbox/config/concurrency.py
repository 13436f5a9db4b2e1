"""``concurrency:``: what a runner costs, what waiting costs, and how many there may be."""

from __future__ import annotations

from typing import Annotated

import msgspec

from signalbox.config.base import AtLeastOne, NotNegative, Positive, Section

MATRIX_LIMIT = 256
"""GitHub refuses a matrix of more jobs than this."""


class Module(Section, frozen=True, kw_only=True):
    """A part that is built by itself. ``command`` defaults to ``make build MODULE=<name>``."""

    command: str = ""
    """Builds it; by default ``make build MODULE=<name>``."""
    minutes: Positive | None = None
    """How long that takes, until it was measured."""


class Concurrency(Section, frozen=True, kw_only=True):
    """Prices and limits. Money is in the caller's currency, times in minutes."""

    max_runners: Annotated[int, msgspec.Meta(ge=1, le=MATRIX_LIMIT)] = 20
    """Never more jobs than this at once."""
    setup_minutes: NotNegative = 1.5
    """What a job takes before its first test, until that was measured."""
    runner_minute_price: NotNegative = 0.006
    """Price of a minute on a runner that ``prices`` does not name; minutes are paid whole."""
    runner: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = "ubuntu-latest"
    """The label of the runners that tests run on; for ARC the name of the scale set."""
    prices: dict[str, NotNegative] = msgspec.field(default_factory=dict)
    """Label of a runner → price of its minute."""
    wait_minute_value: NotNegative = 1.0
    """What a minute of people's waiting is worth, in the same currency."""
    usual_job_minutes: Positive = 3.0
    """How long a job that waits before ours keeps its runner."""
    default_test_seconds: Positive = 1.0
    """A test's duration while none is recorded."""
    prewarm_slowest: AtLeastOne = 3
    """So many of the slowest modules are named, whose caches are worth warming."""

    @property
    def minute_price(self) -> float:
        """What a minute costs on the runners that the tests run on."""
        return self.prices.get(self.runner, self.runner_minute_price)
