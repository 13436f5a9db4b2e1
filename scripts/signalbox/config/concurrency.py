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
    minutes: Positive | None = None


class Concurrency(Section, frozen=True, kw_only=True):
    """Prices and limits. Money is in the caller's currency, times in minutes."""

    max_runners: Annotated[int, msgspec.Meta(ge=1, le=MATRIX_LIMIT)] = 20
    setup_minutes: NotNegative = 1.5
    runner_minute_price: NotNegative = 0.006
    wait_minute_value: NotNegative = 1.0
    usual_job_minutes: Positive = 3.0
    """How long a job that waits before ours keeps its runner."""
    default_test_seconds: Positive = 1.0
    prewarm_slowest: AtLeastOne = 3
