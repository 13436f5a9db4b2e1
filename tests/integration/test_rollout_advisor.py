"""A model beside a rollout: it tells the story and may ask for a second look; it moves nothing."""

import json

import msgspec
import pytest

from doubles.model import INJECTION
from doubles.model.fixtures import model_double as model_double
from doubles.rollout_world import RULES, World, run_monitor
from signalbox.config import Settings
from signalbox.config.advisor import AdvisorSettings
from signalbox.decision import PolicyRef, Stamp
from signalbox.render.markdown import markdown
from signalbox.rollout.advice import advised
from signalbox.rollout.blocks import blocks
from signalbox.rollout.decide import decide

STAMP = Stamp(id="0", at="2027-01-15T09:00:00Z", producer="test")
REF = PolicyRef(sha256="0" * 64)


def rolled(tmp_path, model, *, errors=0.004):
    """A finished rollout, then what the model says of it: inputs and decision."""
    world = World()
    world.errors["canary"] = errors
    settings = Settings(
        rollout=RULES, advisor=AdvisorSettings(endpoint=model.url, model="stand-in", timeout_seconds=5)
    )
    inputs = advised(run_monitor(world, tmp_path), settings, REF, STAMP, "staging", {})
    return inputs, decide(inputs, settings, REF, STAMP)


def says(verdict, text="Look at the tail of the latency."):
    asked = {
        "when": {"contains": "Tell in at most four"},
        "do": "say",
        "text": "It went from 10% to all traffic.",
    }
    return {"rules": [asked], "default": {"do": "answer", "fields": {"verdict": verdict, "text": text}}}


@pytest.mark.parametrize(
    ("errors", "ruled", "asks", "verdict"),
    [
        (0.004, "proceed", "proceed", "proceed"),
        (0.004, "proceed", "hold", "hold"),
        # At most a person is asked: a model, or whoever speaks through it, rolls nothing back.
        (0.004, "proceed", "rollback", "hold"),
        (0.08, "rollback", "proceed", "rollback"),
    ],
)
def test_advice_only_tightens_and_no_further_than_a_person(
    tmp_path, model_double, errors, ruled, asks, verdict
):
    model_double.follow(says(asks))
    inputs, decision = rolled(tmp_path, model_double, errors=errors)
    assert decision.verdict == verdict
    assert decision.advice[0].accepted == (verdict != ruled)
    assert inputs.ending == ("done" if ruled == "proceed" else "rolled-back"), "nothing was moved by it"
    assert decision.next_action.startswith("Look at what the adviser") == (verdict != ruled)
    assert decision.models == {"advisor": "stand-in"}
    replayed = msgspec.json.decode(msgspec.json.encode(inputs), type=type(inputs))
    again = decide(replayed, Settings(rollout=RULES), REF, STAMP)
    assert (again.verdict, again.advice) == (decision.verdict, decision.advice)


def test_the_story_is_shown_as_a_models_and_the_model_saw_the_looks(tmp_path, model_double):
    model_double.follow(says("proceed"))
    inputs, decision = rolled(tmp_path, model_double)
    shown = markdown(decision, blocks(inputs, RULES))
    assert "which decide nothing" in shown
    assert "from 10% to all traffic" in shown.replace("\\", "")
    seen = json.dumps([asked.body for asked in model_double.asked])
    assert "Proved to be less than 2 times worse" in seen
    assert len(model_double.asked) == 2


@pytest.mark.parametrize("do", ["garbage", "inject", "gone"])
def test_nonsense_or_silence_leaves_a_note_and_the_rules_verdict(tmp_path, model_double, do):
    if do == "gone":
        model_double.stop()
    else:
        text = "{{{ not json" if do == "garbage" else INJECTION
        model_double.follow({"default": {"do": "say", "text": text}})
    _, decision = rolled(tmp_path, model_double)
    assert decision.verdict == "proceed"
    assert decision.advice == ()
    assert any(reason.code.startswith("advisor-") and not reason.effect for reason in decision.reasons)
