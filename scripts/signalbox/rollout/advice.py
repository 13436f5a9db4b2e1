"""What a model says of a rollout: advice that can only tighten, and the story in a few words."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp
from signalbox.rollout.blocks import story
from signalbox.rollout.decide import KIND, decide
from signalbox.rollout.model import Inputs

_STORY = "Tell in at most four sentences what happened in this rollout, for somebody who was not there."


def advised(
    inputs: Inputs,
    settings: Settings,
    policy: PolicyRef,
    stamp: Stamp,
    environment: str,
    environ: Mapping[str, str],
) -> Inputs:
    """``inputs`` with a model's advice and narration. The traffic has moved by then: what advice can still
    do is to turn "proceed" into "hold", so that a person looks. Silence costs nothing but a note.
    """
    from signalbox.advisor import Budget, ask, narrate

    ruled = decide(inputs, settings, policy, stamp)
    material = {
        "what the rules found": "\n".join(reason.text for reason in ruled.reasons),
        "how the watch ended": f"{ruled.verdict}, {inputs.ending or 'nothing was done'}",
        "the looks": story(inputs, settings.rollout),
    }
    budget = Budget()
    keep = settings.environments.keeps_prompts(environment)
    advice = ask(
        "",
        material,
        KIND,
        settings=settings.advisor,
        environment=environment,
        keep=keep,
        recorded=material,
        budget=budget,
        environ=environ,
    )
    told = narrate(
        _STORY,
        material,
        settings=settings.advisor,
        environment=environment,
        keep=keep,
        recorded=material,
        budget=budget,
        environ=environ,
    )
    return msgspec.structs.replace(
        inputs,
        advice=advice.advice,
        notes=tuple(dict.fromkeys((*advice.reasons, *told.reasons))),
        narration=told.text,
        models=advice.models | told.models,
    )
