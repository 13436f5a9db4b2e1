"""The bench simulates many rollouts at once with arrays; it must be the shipped judge that it simulates."""

import importlib.util
import math
import sys

import numpy as np
import pytest

from doubles.rollout_rig import ROOT
from signalbox.config.rollout import Rollout
from signalbox.rollout import judge
from signalbox.rollout.model import Look
from signalbox.stats.eprocess import Pair


@pytest.fixture(scope="module")
def rules_of_the_bench():
    spec = importlib.util.spec_from_file_location("rollout_rules", ROOT / "bench" / "rollout_rules.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["rollout_rules"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["rollout_rules"]


@pytest.mark.parametrize("canary", [0.005, 0.01, 0.03])
@pytest.mark.parametrize("cluster", [1.0, 3.0])
def test_the_benchs_arrays_alarm_and_certify_when_the_shipped_judge_does(rules_of_the_bench, canary, cluster):
    slices = (5.0, 10.0, 20.0, 50.0)
    rules = Rollout(slices=slices, cluster_size=cluster, min_excess=1e-9, min_slow_excess=1e-9)
    certifying = Rollout(slices=(10.0,), signals=("errors",))
    rng = np.random.default_rng(9)
    seconds = 600
    arrays = rules_of_the_bench.ETest(1, seconds, share=0.1, signals=2, starts=4, cluster=cluster)
    certify = rules_of_the_bench.Certify(1, share=0.1, excess=certifying.min_excess)
    state, single = judge.Judgement(), judge.Judgement()
    alarm = certified = math.inf
    for step in range(1, seconds // 5 + 1):
        second = 5.0 * step
        errors = Pair(50, int(rng.binomial(50, canary)), 450, int(rng.binomial(450, 0.005)))
        slow = Pair(50, int(rng.binomial(50, 0.008)), 450, int(rng.binomial(450, 0.008)))
        columns = [
            tuple(np.array([float(n)]) for n in (p[0], p[1], p[2], p[3]))
            for p in map(tuple_of, (errors, slow))
        ]
        arrays.look(second, columns)
        certify.look(second, columns)
        index = min(3, int((second - 1e-9) // (seconds / 4)))
        common = {"at": "", "elapsed": second, "since": second}
        both = {"errors": (errors,), "latency": (slow,)}
        state = judge.advance(state, Look(slice=index, signals=both, **common), rules)
        single = judge.advance(single, Look(slice=0, signals={"errors": (errors,)}, **common), certifying)
        if judge.total_log_e(state, rules) >= judge.alarm(rules):
            alarm = min(alarm, second)
        if judge.certified_log_e(single.tracks["errors"], certifying, 0) >= -math.log(0.05):
            certified = min(certified, second)
    assert arrays.alarm[0] == alarm
    assert certify.alarm[0] == certified


def tuple_of(pair):
    return pair.treated, pair.treated_events, pair.control, pair.control_events
