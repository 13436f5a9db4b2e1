"""How failures cluster: measured on the baseline before traffic moves, and evidence tempered by it."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.rollout_world import RULES, Killed, World, run_monitor
from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp
from signalbox.rollout.bursts import cluster_size, dispersion
from signalbox.rollout.decide import decide
from signalbox.rollout.state import StateFile

MEASURED = msgspec.structs.replace(RULES, burst_seconds=300)


def stretches(rng, size, count=400, requests=450, rate=0.01):
    """Failures in clusters of exactly ``size``: their dispersion is that size."""
    return [(requests, min(requests, size * int(rng.poisson(requests * rate / size)))) for _ in range(count)]


@pytest.mark.parametrize("size", [1, 3, 8])
def test_the_dispersion_of_clusters_is_their_size(size):
    found = [dispersion(stretches(np.random.default_rng(seed), size)) for seed in range(20)]
    assert np.mean(found) == pytest.approx(size, rel=0.05)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=40))
def test_whatever_was_counted_the_answer_is_none_or_at_least_one(pairs):
    pairs = [(requests, min(requests, events)) for requests, events in pairs]
    found = cluster_size([pairs])
    assert found is None or found >= 1


@pytest.mark.parametrize("pairs", [[], [(100, 0)] * 50, [(100, 5)] * 9, [(100, 100)] * 50, [(0, 0)] * 50])
def test_too_little_is_not_an_answer(pairs):
    assert dispersion(pairs) is None


def clustered(size):
    """A world whose failures come ``size`` at a time on both arms."""
    world = World(per_second=2000.0)
    plain = world.rng.binomial

    class Rng:
        def __getattr__(self, name):
            return getattr(world_rng, name)

        def binomial(self, n, p):
            # Shares of traffic are drawn as ever; only failures (small rates) cluster.
            return min(n, size * int(plain(max(n // size, 0), p))) if p < 0.02 else plain(n, p)

    world_rng, world.rng = world.rng, Rng()
    return world


def test_it_is_measured_before_any_traffic_moves_written_down_and_used(tmp_path):
    world = clustered(4)
    world.errors = {"canary": 0.01, "baseline": 0.01}
    moved_at = []
    world.on_operation = lambda: world.history and not moved_at and moved_at.append(world.time)
    inputs = run_monitor(world, tmp_path, MEASURED)
    assert moved_at[0] > 290
    assert 2.5 < inputs.cluster_size < 6
    assert inputs.rules(MEASURED).cluster_size == inputs.cluster_size
    events = [json.loads(text) for text in (tmp_path / "audit.jsonl").read_text().splitlines()]
    [measured] = [event for event in events if event["event"] == "bursts"]
    assert measured["cluster_size"] == inputs.cluster_size
    assert len(measured["stretches"]["errors"]) >= 50
    decision = decide(
        inputs,
        Settings(rollout=MEASURED),
        PolicyRef(sha256="0" * 64),
        Stamp(id="0", at="2027-01-15T09:00:00Z", producer="test"),
    )
    assert "TEMPERED" in [reason.code for reason in decision.reasons]


def test_a_run_that_resumes_keeps_what_was_measured(tmp_path):
    world = clustered(4)
    world.errors = {"canary": 0.01, "baseline": 0.01}
    world.on_operation = lambda: setattr(world, "die_at", world.operations if world.percent >= 50 else None)
    with pytest.raises(Killed):
        run_monitor(world, tmp_path, MEASURED)
    measured = StateFile(tmp_path / "state.json").read().cluster_size
    world.on_operation = lambda: None
    assert run_monitor(world, tmp_path, MEASURED).cluster_size == measured > 2
    text = (tmp_path / "audit.jsonl").read_text()
    assert text.count('"event":"bursts"') == 1


def test_the_policys_own_size_counts_where_it_is_larger(tmp_path):
    rules = msgspec.structs.replace(MEASURED, cluster_size=9.0)
    inputs = run_monitor(World(), tmp_path, rules)
    assert inputs.cluster_size < 2
    assert inputs.rules(rules).cluster_size == 9
