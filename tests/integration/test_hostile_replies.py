"""Hostile text in a model's mouth: no verdict gets looser, none passes its cap, and text stays text."""

import os

import hostile
import pytest

from doubles.model import ModelDouble
from signalbox.advisor import ask
from signalbox.config import Settings
from signalbox.config.advisor import AdvisorSettings
from signalbox.decision import ORDERS, Decision, PolicyRef, Reason, Subject, digest_of, take_advice
from signalbox.render.markdown import comment, markdown

EVERYTHING = os.environ.get("SIGNALBOX_HOSTILE") == "all"
KINDS = sorted(ORDERS)
SAID = {name: text.encode("utf-8", "replace").decode() for name, text in hostile.STRINGS.items()}


@pytest.fixture(scope="module")
def model():
    with ModelDouble() as double:
        yield double


def put(double, kind):
    settings = AdvisorSettings(endpoint=double.url, model="stand-in", timeout_seconds=5.0)
    return ask("Is there a reason to look?", {"diff": "- a\n+ b"}, kind, settings=settings, environ={})


def shown(kind, verdict, advice):
    rules = Settings()
    return Decision(
        kind=kind, id="0", subject=Subject(), verdict=verdict, mode="advise", advice=advice,
        reasons=(Reason(code="c", text="because"),),
        next_action="Look.", policy=PolicyRef(sha256=digest_of(rules)),
        decided_at="2026-01-01T00:00:00Z", producer="test",
    )  # fmt: skip


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_no_reply_loosens_anything_or_passes_its_cap(number, model):
    """Each kind is told its share of the strings, as the advice's words, its verdict and its whole reply."""
    kind = KINDS[number]
    order = ORDERS[kind]
    for name in sorted(SAID)[number :: len(KINDS) * (1 if EVERYTHING else 3)]:
        loosest = order.verdicts[0]
        for do in (
            {"do": "answer", "fields": {"verdict": loosest, "text": SAID[name]}},
            {"do": "answer", "fields": {"verdict": SAID[name], "text": SAID[name]}},
            {"do": "say", "text": SAID[name]},
        ):
            model.follow({"default": do})
            advice = put(model, kind).advice
            for ruled in order.verdicts:
                verdict, taken = take_advice(kind, ruled, advice)
                assert order.rank(verdict) >= order.rank(ruled), name
                cap = order.rank(order.cap) if order.cap else order.rank(ruled) + 1
                assert order.rank(verdict) <= max(order.rank(ruled), cap), name
            made = shown(kind, verdict, taken)
            for page in (markdown(made), comment(made)):
                assert hostile.problems_of_markdown(page) == [], name
