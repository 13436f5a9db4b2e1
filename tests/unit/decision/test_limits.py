"""Limits and forms that records promise to their readers, each at its edge."""

import pytest

from signalbox.decision import Subject, canonical, decode_bundle
from signalbox.decision import bundle as bundles
from signalbox.decision.model import SCHEMA_VERSION
from signalbox.errors import InputError


def test_the_limit_of_a_bundle_is_64_mebibytes_to_the_byte(monkeypatch):
    assert bundles.MAX_BUNDLE_BYTES == 67_108_864
    monkeypatch.setattr(bundles, "MAX_BUNDLE_BYTES", 10)
    with pytest.raises(InputError, match="not a decision bundle"):
        decode_bundle(b"x" * 10)
    with pytest.raises(InputError, match="larger than 10 bytes"):
        decode_bundle(b"x" * 11)


def test_records_say_that_they_are_of_the_first_version():
    # What is on record elsewhere says 1; another number needs a reader for both.
    assert SCHEMA_VERSION == 1


def test_half_characters_are_spelled_out_wherever_they_stand_and_only_they():
    half = "a\udcffb"
    value = {"list": [half, {"deep": (half,)}], half: half, "number": 1.5, "none": None, "true": True}
    spelled = "a\\udcffb"
    told = {
        "list": [spelled, {"deep": (spelled,)}],
        spelled: spelled,
        "number": 1.5,
        "none": None,
        "true": True,
    }
    assert canonical(value) == canonical(told)
    assert canonical(Subject(repository=half)) == canonical(Subject(repository=spelled))
    assert canonical({"plain": ["é", "\U0001f3f4"]}) == '{"plain":["é","\U0001f3f4"]}\n'.encode()
