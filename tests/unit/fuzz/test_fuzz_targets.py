"""Every target of the fuzzer takes its seeds and some mutations of them; and the fuzzer does find faults."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "fuzz"))
import fuzz
import seeds


@pytest.mark.parametrize("name", sorted(seeds.TARGETS))
def test_a_reader_returns_or_raises_what_is_its_own(name):
    made = fuzz.campaign(name, seconds=60, seed=7, most=20)
    assert made.found == {}
    assert made.reached, "no line of the library was executed: the target reads something else"


def test_a_fault_behind_two_conditions_is_found_and_shortened(monkeypatch):
    def target(data):
        # Each step is a line of its own, so that the first is seen to be progress.
        if b"<" in data:
            fuzz.seeds.parse_purl("pkg:npm/a@1")
            if b"<x" in data:
                raise KeyError("found")

    monkeypatch.setitem(seeds.TARGETS, "planted", (target, lambda: [b"ax"]))
    made = fuzz.campaign("planted", seconds=60, seed=1, most=20_000)
    [found] = made.found.values()
    assert fuzz.shortest(target, found) == b"<x"


def test_what_never_ends_is_a_finding(monkeypatch):
    monkeypatch.setattr(fuzz, "SLOWEST", 1)

    def target(data):
        while True:
            pass

    _, how = fuzz.run(target, b"")
    assert how.startswith("TimeoutError")
