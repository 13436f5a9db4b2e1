"""Observing: the same looks and the same judge, and nothing is moved."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from signalbox.config.rollout import Rollout
from signalbox.errors import InputError
from signalbox.rollout import judge
from signalbox.rollout.assess import assess
from signalbox.rollout.clock import Clock
from signalbox.rollout.engine import Engine
from signalbox.rollout.looks import Looker
from signalbox.rollout.model import Inputs
from signalbox.rollout.observe import Source
from signalbox.rollout.progress import Journal
from signalbox.rollout.traffic import TrafficError


def watch_only(
    inputs: Inputs,
    policy: Rollout,
    *,
    source: Source,
    engine: Engine | None,
    journal: Journal,
    clock: Clock,
    new_id: Callable[[], str],
    stays: bool = False,
) -> Inputs:
    """Watch for one slice at the share that is in force now, and return the inputs of the decision.

    With a verdict it is done, unless it ``stays``: somebody asks for the verdict over HTTP, now and then.
    Without an engine the share is not known; the first slice's is assumed, which matters only for
    whether a baseline is left.
    """
    share = inputs.slices[0]
    if engine is not None:
        try:
            share = engine.read()
        except TrafficError as error:
            raise InputError(
                "the traffic adapter does not answer", where="--traffic", why=str(error)
            ) from None
    inputs = msgspec.structs.replace(inputs, slices=(share,), moves=False)
    rules = inputs.rules(policy)
    journal.rollout = new_id()
    looker = Looker(rules, source=source, engine=engine, clock=clock, journal=journal)
    looker.prepare(0.0)
    inputs = msgspec.structs.replace(inputs, cluster_size=looker.cluster_size)
    rules = inputs.rules(policy)
    journal.say(f"observing only, at {share:g}%: nothing will be moved")
    looker.begin(0, 0.0)
    looks = []
    judgement = judge.Judgement()
    ending = "observed"
    while True:
        if looker.wait():
            ending = "interrupted"
            break
        look = looker.look(0)
        looks.append(look)
        judgement = judge.advance(judgement, look, rules)
        found = assess(judgement, rules)
        journal.look(look, found, "none: observing")
        if look.since >= rules.slice_seconds or (found.verdict != "hold" and not stays):
            break
    journal.event("end", ending=ending, problem="")
    return msgspec.structs.replace(inputs, looks=tuple(looks), ending=ending)
