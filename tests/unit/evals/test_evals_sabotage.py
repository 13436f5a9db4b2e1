"""Every way to make results lie is named, and none of them passes."""

from __future__ import annotations

import pytest

from doubles.evals_scene import verdict_of
from doubles.promptfoo_results import OUTAGES, SABOTAGE, honest


def test_an_honest_scene_passes() -> None:
    decision = verdict_of(honest())
    assert decision.verdict == "PASS", [reason.text for reason in decision.reasons]
    assert {role["state"] for role in decision.outputs["roles"]} == {"pass"}


@pytest.mark.parametrize("name", SABOTAGE)
def test_sabotage_is_named_and_never_passes(name: str) -> None:
    code, change = SABOTAGE[name]
    scene = honest()
    change(scene)
    decision = verdict_of(scene)
    assert decision.verdict in ("NOT_VERIFIED", "FAIL")
    assert code in {reason.code for reason in decision.reasons if reason.effect == decision.verdict}


@pytest.mark.parametrize("name", OUTAGES)
def test_an_outage_is_never_a_regression(name: str) -> None:
    scene = honest()
    OUTAGES[name][1](scene)
    assert verdict_of(scene).verdict == "NOT_VERIFIED"


def test_the_corpus_is_large_enough() -> None:
    assert len(SABOTAGE) >= 30
