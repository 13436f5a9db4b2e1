"""The estimate is a range, only from enough runs, and never better than its low end deserves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signalbox.config import Settings
from signalbox.doctor import Assumptions, Replayed, estimate
from signalbox.doctor.estimate import MINIMUM, Timed, minutes_between, uneven
from signalbox.doctor.report import verdict

SETTINGS = Settings()


def job(name: str = "unit tests", minutes: float = 10.0, waited: float = 0.0) -> Timed:
    return Timed(name=name, minutes=minutes, waited=waited)


def run(*jobs: Timed, files: tuple[str, ...] | None = ("src/a.py",), day: int = 1) -> Replayed:
    return Replayed(run=1, at=f"2026-01-{day:02}T00:00:00Z", jobs=jobs or (job(),), files=files)


NAMES = st.sampled_from(["unit tests", "e2e (1)", "build", "deploy"])
JOBS = st.builds(job, NAMES, st.floats(0, 300), st.floats(0, 60))
PATHS = ["src/a.py", "tox.ini", "auth/x.py", "README.md"]
FILES = st.one_of(st.none(), st.lists(st.sampled_from(PATHS)).map(tuple))
RUNS = st.lists(st.builds(lambda jobs, files: run(*jobs, files=files), st.lists(JOBS, min_size=1), FILES))


@given(RUNS)
def test_the_range_is_in_order_and_within_what_there_was(runs: list[Replayed]) -> None:
    found = estimate(runs, SETTINGS)
    assert found.low <= found.high <= found.test_minutes <= found.minutes + 1e-6
    assert found.low >= -Assumptions().overhead * found.tested - 1e-6


@given(RUNS)
def test_a_run_that_widens_never_saves(runs: list[Replayed]) -> None:
    wide = [run(*r.jobs, files=("tox.ini",)) for r in runs]
    found = estimate(wide, SETTINGS)
    assert found.high <= 0
    assert found.widened == found.tested


@given(RUNS)
def test_an_unknown_change_counts_as_nothing_saved(runs: list[Replayed]) -> None:
    unknown = [run(*r.jobs, files=None) for r in runs]
    assert estimate(unknown, SETTINGS).high <= estimate(runs, SETTINGS).high
    assert not estimate(unknown * MINIMUM, SETTINGS).enough


def test_a_known_case_by_hand() -> None:
    runs = [run(job(minutes=10), job("build", 5), day=day) for day in range(1, 21)]
    found = estimate(runs, SETTINGS, Assumptions(selected_low=0.2, selected_high=0.6, overhead=1.0))
    # 20 runs of 10 test minutes, 95% of them not audited, minus one minute each
    assert (round(found.low, 6), round(found.high, 6)) == (18, 94)
    assert (found.minutes, found.test_minutes, found.days) == (300, 200, 19)
    assert verdict(found).startswith("Adopting test selection would have saved between 18 and 94 of 200")


def test_too_few_runs_say_nothing() -> None:
    found = estimate([run()] * (MINIMUM - 1), SETTINGS)
    assert not found.enough
    assert verdict(found).startswith(f"Too few runs to say: {MINIMUM - 1} with tests")
    assert estimate([run()] * MINIMUM, SETTINGS).enough
    assert verdict(estimate([], SETTINGS)).startswith("Too few runs to say: 0")


def test_a_loss_is_called_a_loss() -> None:
    found = estimate([run(job(minutes=0.1))] * MINIMUM, SETTINGS)
    assert "The low end is a loss." in verdict(found)


def test_uneven_shards_are_compared_within_their_job() -> None:
    shards = [job("e2e (1)", 2), job("e2e (2)", 4), job("e2e (3)", 12), job("unit", 30)]
    assert uneven(shards) == 6
    assert uneven([job("unit", 30), job("lint", 1)]) == 0


def test_waits_are_shown_and_not_counted() -> None:
    still = estimate([run(job(waited=0))] * 20, SETTINGS)
    waits = estimate([run(job(waited=w)) for w in range(1, 21)], SETTINGS)
    assert (waits.low, waits.high) == (still.low, still.high)
    assert (waits.waited_p50, waits.waited_p95) == (10, 19)


def test_times_that_are_missing_or_run_backwards_are_no_duration() -> None:
    assert minutes_between("2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z") == 1.5
    assert minutes_between("", "2026-01-01T00:01:30Z") is None
    assert minutes_between("2026-01-01T00:02:00Z", "2026-01-01T00:01:30Z") is None
