"""What earlier runs teach: durations, the runners there really are, how long one waits, what a plan cost."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.concurrency.decide import Inputs, QueueFact, Work, decide
from signalbox.concurrency.learned import LEAST, Learned, Observed, durations, history, learn, predict, regret
from signalbox.concurrency.metrics import exposition
from signalbox.config import Settings
from signalbox.config.concurrency import Concurrency
from signalbox.decision import PolicyRef, Stamp, Subject

PRICES = Concurrency(setup_minutes=1.0, runner_minute_price=0.1, wait_minute_value=1.0, max_runners=50)


def run(planned=(60.0,), took=(60.0,), jobs=None, waiting=0):
    jobs = jobs if jobs is not None else [(0.0, 5.0, 5.0 + 90.0 + seconds) for seconds in took]
    return Observed(planned_seconds=planned, shard_seconds=took, jobs=tuple(jobs), waiting=waiting)


def test_too_few_runs_teach_nothing():
    assert learn([run()] * (LEAST - 1)) == Learned(runs=LEAST - 1)


def test_slower_machines_are_followed_and_one_bad_night_is_not():
    usual, slow = run(took=(60.0,)), run(took=(90.0,))
    assert learn([usual] * 10).factor == 1.0
    assert learn([usual] * 10 + [run(took=(6000.0,))]).factor == 1.0
    assert learn([usual] * 30 + [slow] * 15).factor == 1.5
    assert learn([run(took=(6000.0,))] * 10).factor == 2.0, "never wilder than that"


def test_set_up_is_what_a_job_takes_beside_its_tests():
    assert learn([run()] * 6).setup_minutes == 1.5
    assert learn([run(jobs=())] * 6).setup_minutes is None


def with_ceiling(ceiling, asked=8, seconds=300.0):
    """Jobs of equal length on so many runners: the later ones begin when the first have ended."""
    waves = [
        (0.0, 10.0 + seconds * (i // ceiling), 10.0 + seconds * (1 + i // ceiling)) for i in range(asked)
    ]
    return run(planned=(seconds,) * asked, took=(seconds,) * asked, jobs=waves)


@pytest.mark.parametrize("ceiling", [1, 2, 3, 5, 7])
def test_the_ceiling_is_seen_where_our_own_jobs_waited_for_one_another(ceiling):
    assert learn([with_ceiling(ceiling)] * 6).ceiling == ceiling


def test_runners_that_sufficed_show_no_ceiling():
    assert learn([with_ceiling(8)] * 6).ceiling is None


def test_a_queue_before_the_first_job_is_no_ceiling():
    late = [(0.0, 600.0, 700.0), (0.0, 605.0, 705.0)]
    assert learn([run(planned=(60.0,) * 2, took=(60.0,) * 2, jobs=late)] * 6).ceiling is None


def test_waiting_follows_the_queue():
    rng = random.Random(1)
    runs = []
    for _ in range(20):
        waiting = rng.randrange(30)
        start = 60 * (0.5 + 0.2 * waiting) + rng.gauss(0, 5)
        runs.append(run(jobs=[(0.0, start, start + 150)], waiting=waiting))
    runs[7] = run(jobs=[(0.0, 9000.0, 9150.0)], waiting=2)  # one outlier
    found = learn(runs)
    assert found.wait_base == pytest.approx(0.5, abs=0.2)
    assert found.wait_per_job == pytest.approx(0.2, abs=0.03)


def test_a_queue_nobody_knew_of_teaches_nothing():
    assert learn([run(waiting=None)] * 10).wait_base is None


@pytest.mark.parametrize(
    ("runs", "expected"),
    [([4.0], 4.0), ([2.0, 4.0], 3.0), ([1.0] * 4 + [50.0], 1.0), ([9.0, 1.0, 1.0, 1.0, 1.0, 1.0], 1.0)],
)
def test_the_next_duration(runs, expected):
    assert predict(runs) == expected


@given(st.lists(st.lists(st.floats(0, 500), min_size=1, max_size=4), min_size=1, max_size=6))
def test_nothing_costs_less_than_the_least(shards):
    paid, least, runners = regret(shards, PRICES)
    assert 0 < least <= paid
    assert 1 <= runners <= max(len(shards), sum(map(len, shards)))


def test_regret_of_one_runner_for_work_that_divides():
    paid, least, runners = regret([[600.0, 600.0]], PRICES)
    assert (paid, runners) == (pytest.approx(21 + 2.1), 2)
    assert least == pytest.approx(11 + 2.2)


def test_durations_are_a_tests_own_last_runs_else_what_was_recorded():
    def ran(day, **seconds):
        return {"observed_at": f"2026-01-0{day}", "facts": {"seconds": seconds}}

    own = {"tests.test_a.T::test_x[a::b]": 9.0, "tests.test_b::test_y": 2.0}
    records = [ran(3, **{"tests.test_b::test_y": 4.0}), ran(1, **own), {"facts": {"seconds": 3}}, {}]
    recorded = {
        "tests/test_a.py::T::test_x[a::b]": 1.0,
        "tests/test_b.py::test_y": 1.0,
        "x.py::test_new": 2.0,
    }
    assert durations(recorded, records, 1.5) == {
        "tests/test_a.py::T::test_x[a::b]": 9.0,
        "tests/test_b.py::test_y": 3.0,
        "x.py::test_new": 3.0,
    }


def test_a_ledgers_records_are_read_in_order_and_hostile_ones_left_out():
    good = {"observed_at": "2026-01-02T00:00:00Z", "facts": {"observed": {"waiting": 2}}}
    first = {"observed_at": "2026-01-01T00:00:00Z", "facts": {"observed": {"waiting": 1}}}
    bad = [{}, {"facts": 3}, {"facts": {"observed": {"jobs": [["x"]]}}}, {"facts": {"observed": {}}}]
    assert [one.waiting for one in history([good, *bad, first])] == [1, 2]


def decided(learned, jobs=10, max_runners=None, **prices):
    work = tuple(Work(name=f"t{i}", seconds=600.0) for i in range(12))
    queue = QueueFact(jobs=jobs, source="test")
    inputs = Inputs(
        subject=Subject(repository='a"b/c'), work=work, queue=queue, learned=learned, max_runners=max_runners
    )
    settings = Settings(concurrency=Concurrency(**prices))
    stamp = Stamp(id="i", at="2026-01-01T00:00:00Z", producer="test")
    return decide(inputs, settings, PolicyRef(sha256="0" * 64), stamp)


def test_a_plan_asks_for_no_more_runners_than_there_ever_were():
    assert decided(Learned()).outputs["runners"] == 12
    assert decided(Learned(runs=9, ceiling=4)).outputs["runners"] == 4
    assert decided(Learned(runs=9, ceiling=4), max_runners=3).outputs["runners"] == 3
    assert decided(Learned(runs=9, ceiling=4), max_runners=9).outputs["runners"] == 4


def test_learned_waiting_and_setting_up_stand_for_the_policys_guesses():
    learned = Learned(runs=9, wait_base=2.0, wait_per_job=0.5, setup_minutes=4.0)
    [row] = [row for row in decided(learned).outputs["costs"] if row["runners"] == 12]
    assert row["minutes"] == pytest.approx(2.0 + 5.0 + 4.0 + 10.0)
    told = [reason.text for reason in decided(learned).reasons if reason.code == "learned"]
    assert told == [
        "from the last 9 runs: a job waits 2.0 minutes and 0.50 more for each that waits before it; "
        "setting up takes 4.0 minutes"
    ]


def test_the_price_is_that_of_the_runners_that_are_used():
    cheap = decided(Learned(), runner="big", prices={"big": 99.0, "other": 0.0})
    assert cheap.outputs["runners"] == 1, "nothing is worth that"
    assert cheap.outputs["runner"] == "big"


def test_the_demand_as_metrics():
    text = exposition(decided(Learned()))
    assert 'signalbox_runners_wanted{repository="a\\"b/c",runner="ubuntu-latest"} 12\n' in text
    assert "signalbox_jobs_waiting{" in text
    assert "signalbox_jobs_waiting{" not in exposition(decided(Learned(), jobs=None)), "unknown is no zero"
