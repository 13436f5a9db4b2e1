"""Pairs of a benchmark: who goes first is drawn, sides take turns, the least time of a side counts."""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.errors import InputError
from signalbox.promotion.interleave import Side, command_runner, default_environ, measure

SIDES = (Side(name="baseline", commit="", folder=Path()), Side(name="candidate", commit="", folder=Path()))


class Clock:
    """Times as they are given to each side, and the order in which the sides were asked."""

    def __init__(self, **times: list[float]) -> None:
        self.times, self.order = times, ""

    def __call__(self, side: Side) -> dict[str, float]:
        self.order += side.name[0]
        return {"parse": self.times[side.name].pop(0)}


@given(seed=st.integers(0, 10_000), repeats=st.integers(1, 4))
def test_each_side_runs_as_often_and_its_least_time_counts(seed: int, repeats: int) -> None:
    times = [round(1 + ((seed * 31 + k * 17) % 97) / 100, 2) for k in range(10 * repeats)]
    before, after = times[: 5 * repeats], times[5 * repeats :]
    clock = Clock(baseline=list(before), candidate=list(after))
    pairs = measure(SIDES, clock, rng=random.Random(seed), pairs=5, warm=0, repeats=repeats)
    wanted = [[min(side[i * repeats : (i + 1) * repeats]) for side in (before, after)] for i in range(5)]
    assert pairs == {"parse": wanted}
    for start in range(0, 10 * repeats, 2):
        assert sorted(clock.order[start : start + 2]) == ["b", "c"]
    # Within a pair the sides take turns at going first.
    for pair in range(5):
        firsts = clock.order[2 * repeats * pair : 2 * repeats * (pair + 1) : 2]
        assert all(a != b for a, b in itertools.pairwise(firsts))


def test_who_goes_first_is_drawn() -> None:
    orders = set()
    for seed in range(40):
        clock = Clock(baseline=[1.0] * 5, candidate=[1.0] * 5)
        measure(SIDES, clock, rng=random.Random(seed), pairs=5, warm=0)
        orders.add(clock.order[::2])
    assert len(orders) > 10


def test_a_benchmark_that_changes_its_names_is_refused() -> None:
    answers = iter(({"a": 1.0}, {"a": 1.0}, {"b": 1.0}))
    with pytest.raises(InputError, match="same names each time"):
        measure(SIDES, lambda _: next(answers), rng=random.Random(1), pairs=1, warm=0, repeats=2)


def test_processor_time_does_not_count_waiting(tmp_path: Path) -> None:
    side = Side(name="baseline", commit="", folder=tmp_path)
    sleeps = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(0.6)"]
    told = command_runner(sleeps, default_environ(), 60, cpu=True)(side)["command"]
    waited = command_runner(sleeps, default_environ(), 60)(side)["command"]
    assert 0 < told < waited
    assert waited >= 0.6
