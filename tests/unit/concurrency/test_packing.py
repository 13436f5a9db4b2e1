"""Packing and pricing of shards."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from signalbox.concurrency.decide import Inputs, ModuleWork, QueueFact, Work, decide, shards_of, table
from signalbox.concurrency.packing import Piece, makespan, pack, quantile
from signalbox.concurrency.shards import Shard, shards
from signalbox.concurrency.work import work_of
from signalbox.config import Settings
from signalbox.config.concurrency import Concurrency
from signalbox.decision import Decision, PolicyRef, Stamp, Subject, digest_of, make_bundle
from signalbox.kinds import replay

STAMP = Stamp(id="00000000-0000-4000-8000-000000000003", at="2026-05-10T12:00:00Z", producer="test")
seconds = st.floats(0, 1000, allow_nan=False)
pieces = st.lists(seconds, max_size=40).map(lambda found: [Piece(f"p{i}", s) for i, s in enumerate(found)])


def planned(*work: Work, prices: Concurrency | None = None, **more: Any) -> tuple[Decision, Inputs, Settings]:
    settings = Settings(concurrency=prices or Concurrency())
    inputs = Inputs(subject=Subject(), work=work, **more)
    return decide(inputs, settings, PolicyRef(sha256=digest_of(settings)), STAMP), inputs, settings


@given(pieces, st.integers(0, 300))
def test_no_shard_is_empty_and_nothing_is_lost(given_pieces: list[Piece], shards: int):
    packed = pack(given_pieces, shards)
    assert len(packed) == min(shards, len(given_pieces))
    assert all(packed)
    if shards:
        assert sorted(p.name for s in packed for p in s) == sorted(p.name for p in given_pieces)


@given(pieces, st.integers(1, 8), st.randoms())
def test_the_order_of_the_pieces_does_not_matter(given_pieces: list[Piece], shards: int, randomness: Any):
    shuffled = list(given_pieces)
    randomness.shuffle(shuffled)
    assert pack(given_pieces, shards) == pack(shuffled, shards)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=7), st.integers(1, 3))
@hypothesis_settings(max_examples=60, deadline=None)
def test_the_longest_shard_keeps_to_grahams_bound(lengths: list[int], shards: int):
    found = makespan(pack([Piece(str(i), float(s)) for i, s in enumerate(lengths)], shards))
    best = min(
        max(sum(s for s, where in zip(lengths, places, strict=True) if where == k) for k in range(shards))
        for places in itertools.product(range(shards), repeat=len(lengths))
    )
    assert found <= best * (4 / 3 - 1 / (3 * shards)) + 1e-9


def test_quantiles():
    assert quantile([], 0.75) is None
    assert quantile([4.0], 0.75) == 4.0
    assert quantile([1.0, 2.0, 3.0, 4.0, 5.0], 0.75) == 4.0


def test_the_cost_is_the_formula_of_the_page():
    prices = Concurrency(setup_minutes=1.5, runner_minute_price=0.006, wait_minute_value=1.0, max_runners=2)
    rows = table([Piece("a", 600), Piece("b", 300)], prices, 2.0)
    assert rows[0] == {
        "runners": 1,
        "minutes": 18.5,
        "billed_minutes": 17,
        "cost": round(18.5 + 17 * 0.006, 4),
    }
    assert rows[1] == {
        "runners": 2,
        "minutes": 13.5,
        "billed_minutes": 19,
        "cost": round(13.5 + 19 * 0.006, 4),
    }


def test_waiting_that_is_worth_nothing_needs_one_runner():
    work = [Work(name=f"w{i}", seconds=300.0, arguments=(f"w{i}",)) for i in range(8)]
    cheap, *_ = planned(*work, prices=Concurrency(wait_minute_value=0))
    assert cheap.outputs["runners"] == 1
    dear, *_ = planned(*work, prices=Concurrency(wait_minute_value=100))
    assert dear.outputs["runners"] == 8


def test_nothing_to_run_asks_for_no_runner():
    decision, *_ = planned(queue=QueueFact(jobs=0, source="x"))
    assert decision.outputs["matrix"] == {"include": []}
    assert decision.verdict == "planned"


def test_what_is_not_known_is_said_to_be_assumed():
    known = [Work(name=f"k{i}", seconds=float(i)) for i in range(1, 6)]
    decision, *_ = planned(*known, Work(name="new"))
    assert decision.verdict == "assumed"
    assert {"queue-assumed", "unknown-durations"} <= {r.code for r in decision.reasons}
    total = sum(e["minutes"] for e in decision.outputs["matrix"]["include"])
    assert total == pytest.approx((15 + 4) / 60, abs=0.001)


@given(st.lists(st.one_of(st.none(), seconds), max_size=300), st.integers(1, 256))
@hypothesis_settings(max_examples=20, deadline=None)
def test_the_matrix_is_within_its_limits_and_replays(durations: list[float | None], runners: int):
    work = [Work(name=f"w{i}", seconds=s, arguments=(f"t{i}",)) for i, s in enumerate(durations)]
    decision, inputs, settings = planned(*work, max_runners=runners)
    matrix = decision.outputs["matrix"]["include"]
    assert len(matrix) <= min(runners, 256)
    assert all(shard["tests"] for shard in matrix)
    written = shards(shards_of(inputs, settings, decision), ())
    assert sorted(line for shard in written for line in shard.tests) == sorted(
        f"t{i}" for i in range(len(work))
    )
    assert replay(make_bundle(decision, inputs, settings).encode()).same


def test_builds_come_slowest_first_and_name_what_to_prewarm():
    modules = tuple(
        ModuleWork(name=n, command=f"make {n}", minutes=m) for n, m in (("a", 1.0), ("b", 9.0), ("c", None))
    )
    decision, *_ = planned(modules=modules, prices=Concurrency(prewarm_slowest=1))
    build = decision.outputs["concurrency_matrix"]["include"]
    assert [entry["module"] for entry in build] == ["b", "c", "a"]
    assert decision.outputs["prewarm"] == ["b"]


DURATIONS = {"tests/a.py::x": 1.0, "tests/a.py::y": 2.0, "tests/b.py::z[1]": 100.0, "tests/b.py::z[2]": 100.0,
             "tests/b.py::w": 90.0}  # fmt: skip


def test_files_stay_together_unless_one_is_too_long():
    work = work_of({"full_suite": True, "suites": []}, DURATIONS, 4, {}).work
    assert [(w.name, w.seconds) for w in work] == [("tests/a.py", 3.0), ("tests/b.py", 290.0)]
    assert work[0].arguments == ("tests/a.py",)
    assert work[0].parts == ()
    assert [(p.name, p.seconds) for p in work[1].parts] == [
        ("tests/b.py::w", 90.0),
        ("tests/b.py::z[1]", 100.0),
        ("tests/b.py::z[2]", 100.0),
    ]
    assert work[1].parts[0].functions == ("tests/b.py::w",)


def test_a_class_stays_together_and_what_its_file_shares_is_paid_again():
    durations = {f"t.py::A::m{i}": 10.0 for i in range(5)} | {f"t.py::B::m{i}": 10.0 for i in range(5)}
    durations["t.py::A::m0"] = 40.0
    parts = work_of({"full_suite": True, "suites": []}, durations, 1, {}).work[0].parts
    assert [(p.name, p.seconds) for p in parts] == [("t.py::A::m0", 40.0)] + [
        (f"t.py::A::m{i}", 40.0) for i in range(1, 5)
    ] + [("t.py::B", 80.0)]


def test_the_cases_of_a_long_parametrised_test_are_spread_and_new_ones_run_once():
    durations = {f"t.py::z[{i}]": 50.0 for i in range(6)} | {"t.py::w": 1.0}
    asked = work_of({"full_suite": True, "suites": [], "full_paths": ["."]}, durations, 3, {})
    parts = asked.work[0].parts
    assert [(p.name, p.seconds) for p in parts if p.functions != ("t.py::w",)] == [
        (f"t.py::z[{i}]", 50.0) for i in range(1, 7)
    ]
    packed = [[parts[0], parts[1]], [parts[2], parts[3]], list(parts[4:])]
    written = shards(packed, asked.rest)
    for test in (*durations, "t.py::z[new]", "t.py::new"):
        assert sum(runs(shard, test) for shard in written) == 1, test


def decided(durations: dict[str, float], prices: Concurrency) -> Decision:
    asked = work_of({"full_suite": True, "suites": []}, durations, prices.max_runners, {})
    return planned(*asked.work, prices=prices, rest=asked.rest)[0]


def test_a_file_is_taken_apart_only_where_that_costs_less():
    long = {f"t.py::test_{i}": 60.0 for i in range(20)}
    assert decided(long, Concurrency(setup_minutes=1)).outputs["split"] is True
    assert decided(long, Concurrency(setup_minutes=60, runner_minute_price=2)).outputs["split"] is False
    # One test carries a fixture of ten minutes, which every other part would pay for again.
    shared = {f"t.py::test_{i}": 2.0 for i in range(20)} | {"t.py::test_0": 600.0}
    assert decided(shared, Concurrency(setup_minutes=1)).outputs["split"] is False


def test_what_collecting_takes_counts_for_every_runner():
    work = [Work(name=f"w{i}", seconds=60.0, arguments=("x",)) for i in range(4)]
    quick, *_ = planned(
        *work, prices=Concurrency(setup_minutes=1, runner_minute_price=0.3), collect_seconds=0.0
    )
    slow, *_ = planned(
        *work, prices=Concurrency(setup_minutes=1, runner_minute_price=0.3), collect_seconds=120.0
    )
    assert slow.outputs["costs"][0]["minutes"] == quick.outputs["costs"][0]["minutes"] + 2
    assert slow.outputs["runners"] < quick.outputs["runners"]


def test_a_plan_of_some_tests_runs_just_those():
    asked = work_of({"tests": ["tests/a.py::x"], "suites": [], "new_test_files": ["-x.py"]}, DURATIONS, 4, {})
    assert [w.arguments for w in asked.work] == [("tests/a.py::x",), ("./-x.py",)]
    assert asked.work[1].seconds is None
    assert asked.rest == ()


def test_a_full_plan_without_history_still_runs_the_suite():
    plan = {
        "full_suite": True,
        "suites": [{"name": "full", "how": "all", "paths": ["tests"], "command": "", "minutes": 5}],
    }
    asked = work_of(plan, {}, 4, {"full": 5.0})
    assert [w.arguments for w in asked.work] == [("tests",)]


def test_a_suites_own_command_gets_its_tests():
    suite = {
        "name": "go",
        "how": "selected",
        "paths": ["pkg"],
        "command": "go test",
        "tests": ["pkg/a", "pkg/b"],
    }
    asked = work_of({"suites": [suite], "tests": []}, {"pkg/a": 3.0}, 4, {})
    [shard] = shards([list(asked.work)], asked.rest)
    assert [(c.suite, c.command, c.tests) for c in shard.commands] == [("go", "go test", ("pkg/a", "pkg/b"))]
    assert shard.tests == ()
    whole = suite | {"how": "all", "minutes": 1.0}
    [shard] = shards([list(work_of({"suites": [whole]}, {}, 4, {}).work)], ())
    assert shard.commands[0].tests == ("pkg",)


def test_tests_that_are_gone_or_of_another_runner_are_not_given_to_pytest():
    plan = {"full_suite": True, "suites": [], "gone_test_files": ["tests/b.py"], "full_paths": ["tests"]}
    assert [w.name for w in work_of(plan, DURATIONS, 4, {}).work] == ["tests/a.py"]
    assert work_of(plan | {"not_pytest": ["tests"]}, DURATIONS, 4, {}).work == ()


def runs(shard: Shard, test: str) -> int:
    """How often pytest runs a test (``file::function``) for the arguments of a shard."""
    file, _, _ = test.partition("::")
    if file in shard.files or test in shard.functions:
        return 0
    named = {a for a in shard.tests if a in (".", test, file) or file.startswith(a + "/")}
    return len({a for a in named if not any(a.startswith(f"{b}/") for b in named)})


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["", "sub/"]), st.integers(0, 4)),
        st.sampled_from([1.0, 50.0, 400.0]),
        min_size=1,
    ),
    st.integers(1, 6),
    st.booleans(),
)
@hypothesis_settings(max_examples=80, deadline=None)
def test_every_test_runs_once_known_or_not(
    known: dict[tuple[str, str, int], float], runners: int, everything: bool
):
    durations = {f"tests/{folder}{file}.py::f{n}": s for (file, folder, n), s in known.items()}
    plan: dict[str, Any] = {"full_suite": True, "suites": [], "full_paths": ["tests"]}
    if not everything:
        unit = {"name": "unit", "how": "all", "paths": ["tests"]}
        plan = {"suites": [unit], "tests": [], "new_test_files": ["tests/sub/new.py"]}
    prices = Concurrency(max_runners=runners, wait_minute_value=100)
    asked = work_of(plan, durations, runners, {})
    decision, inputs, settings = planned(*asked.work, prices=prices, rest=asked.rest)
    written = shards(shards_of(inputs, settings, decision), inputs.rest)
    assert all(shard.tests for shard in written)
    files = {test.partition("::")[0] for test in durations}
    unknown = {f"{file}::new" for file in files} | {"tests/new.py::f", "tests/sub/new.py::f"}
    for test in {*durations, *unknown}:
        assert sum(runs(shard, test) for shard in written) == 1, test
    assert replay(make_bundle(decision, inputs, settings).encode()).same
