"""Hostile text through every input of every script, option by option and file by file.

`make test` gives each input its share of the corpus, so that every input and every string has its turn;
`make test-hostile` gives every string to every input (SIGNALBOX_HOSTILE=all).
"""

import os

import hostile
import hostile_scenes
import pytest
from hostile_judge import problems
from hostile_scenes import SCENES, SCRIPTS, inputs
from hostile_world import World, metrics

from doubles.github import GitHubDouble
from signalbox.decision import ORDERS

EVERYTHING = os.environ.get("SIGNALBOX_HOSTILE") == "all"
STRINGS = {name: text for name, text in hostile.STRINGS.items() if hostile.is_text_for_a_process(text)}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    with GitHubDouble(folder / "github") as github, metrics() as port:
        github.add_repository("acme/shop")
        github.add_run("acme/shop", id=1, approvals=[])
        answers = int(github.url.rsplit(":", 1)[1])
        yield World(folder / "world", github, {9: port, answers: answers})


@pytest.fixture(scope="module")
def plain(world):
    """What each scene does when nobody is hostile."""
    return {scene.title: world.run(scene) for scene in SCENES}


INPUTS = inputs()


def shares():
    """The strings that each input is given: all of them, or in turn one.

    The options that all scripts share, and the runner's variables, are read by the same few lines for all:
    of those every eighth has its turn.
    """
    names = sorted(STRINGS)
    if EVERYTHING:
        return [(one, names) for one in INPUTS]
    kept = []
    for number, one in enumerate(INPUTS):
        shared = one.name in hostile_scenes.COMMON or one.name.startswith("env:")
        if not shared or number % 8 == 0:
            kept.append((one, [names[len(kept) % len(names)]]))
    return kept


SHARES = shares()


def test_the_corpus_is_as_large_as_promised():
    assert len(hostile.STRINGS) >= 50
    assert len(STRINGS) >= len(hostile.STRINGS) - 4


def test_every_string_has_its_turn():
    assert {name for _, names in SHARES for name in names} == set(STRINGS)


def test_every_script_has_a_scene():
    assert {scene.script for scene in SCENES} == set(SCRIPTS)


def test_scenes_end_as_they_say(plain):
    found = []
    for scene in SCENES:
        ran = plain[scene.title]
        said = f"{scene.title}: {ran.code} {ran.stdout[-300:]} {ran.stderr[-600:]}"
        verdict = ran.outputs.get("verdict", "")
        good = "a fault in" not in ran.stderr and (ran.code == 0) == scene.permits
        if not good or (scene.kind and verdict not in ORDERS[scene.kind].verdicts):
            found.append(said)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_text_in_an_input_gets_anywhere(script, world, plain):
    found = []
    for one, names in SHARES:
        if one.scene.script != script:
            continue
        for name in names:
            text = STRINGS[name]
            if (one.flag and text == "true") or not text.strip():
                continue  # what the input is for; and what an input that is left out looks like
            if one.name.startswith("env:"):
                ran = world.run(one.scene, environ={one.name[4:]: text})
            else:
                ran = world.run(one.scene, given={one.name: text})
            troubles = problems(plain[one.scene.title], ran, one, text, world)
            found += [f"{one.title} ← {name}: {trouble}" for trouble in troubles]
    assert not found, "\n".join(found)
