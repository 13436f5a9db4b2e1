"""Canonical bytes, freshness, bundles."""

import json
import math
from datetime import UTC

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.decision import (
    Decision,
    Evidence,
    Gap,
    PolicyRef,
    Reason,
    Subject,
    canonical,
    decode_bundle,
    format_time,
    make_bundle,
    not_verified,
    parse_time,
    verify,
)
from signalbox.decision.bundle import MAX_BUNDLE_BYTES
from signalbox.errors import InputError

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
NOW = "2026-03-01T12:00:00Z"


def decision(**changes) -> Decision:
    fields = {
        "kind": "gate",
        "id": "d1",
        "subject": Subject(repository="o/r", commit="c" * 40),
        "verdict": "PASS",
        "mode": "enforce",
        "reasons": (Reason(code="ok", text="all checks pass"),),
        "next_action": "merge",
        "policy": PolicyRef(sha256="0" * 64),
        "decided_at": NOW,
        "producer": "signalbox test",
    }
    return Decision(**(fields | changes))


@given(JSON)
def test_canonical_json_is_json_and_stable(value):
    data = canonical(value)
    assert json.loads(data) == value
    assert canonical(json.loads(data)) == data
    assert data.endswith(b"\n")


@given(st.dictionaries(st.text(), st.integers(-9, 9), max_size=6))
def test_the_order_of_keys_does_not_matter(value):
    assert canonical(value) == canonical(dict(reversed(value.items())))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_cannot_carry_are_refused_with_their_place(bad):
    with pytest.raises(ValueError, match=r"\$\.facts\.rate\[1\]"):
        canonical({"facts": {"rate": [0.5, bad]}})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"fresh_until": "2026-03-01T11:59:59Z"}, "stale"),
        ({"observed_at": "2026-03-01T12:02:00Z"}, "from-the-future"),
        ({"observed_at": "yesterday"}, "bad-time"),
        ({"fresh_until": "2026-03-01T13:00:00"}, "bad-time"),
        ({"subject": Subject(digest="sha256:other")}, "other-digest"),
        ({"subject": Subject(commit="d" * 40)}, "other-commit"),
        ({"subject": Subject(repository="o/fork")}, "other-repository"),
    ],
)
def test_evidence_that_does_not_count_says_why(fields, code):
    subject = Subject(repository="o/r", commit="c" * 40, digest="sha256:mine")
    judged = verify(Evidence(kind="tests", status="pass", **fields), now=NOW, subject=subject)
    assert judged.status == "not_verified"
    assert [gap.code for gap in judged.gaps] == [code]
    failed = verify(Evidence(kind="tests", status="fail", **fields), now=NOW, subject=subject)
    assert failed.status == "fail"


def test_fresh_evidence_about_the_subject_is_left_alone():
    evidence = Evidence(
        kind="tests",
        status="pass",
        observed_at="2026-03-01T11:00:00Z",
        fresh_until="2026-03-01T12:00:00Z",
        subject=Subject(digest="sha256:mine"),
    )
    assert verify(evidence, now=NOW, subject=Subject(digest="sha256:mine", commit="c")) is evidence


def test_not_verified_names_its_gap():
    evidence = not_verified("tests", "missing", "no report", source="junit.xml")
    assert (evidence.status, evidence.source) == ("not_verified", "junit.xml")
    assert evidence.gaps == (Gap("missing", "no report"),)


def test_times_without_an_offset_are_refused():
    with pytest.raises(ValueError, match="no offset"):
        parse_time("2026-03-01T12:00:00")


def test_a_bundle_survives_the_way_through_bytes():
    bundle = make_bundle(decision(), {"numbers": [1, 2.5]}, {"mode": "enforce"})
    data = bundle.encode()
    assert decode_bundle(data) == bundle
    assert decode_bundle(data).encode() == data
    assert bundle.name == "gate-d1.json"


def test_a_newer_record_with_fields_we_do_not_know_can_be_read():
    plain = json.loads(make_bundle(decision(), {}, {}).encode())
    plain["decision"]["mood"] = "sunny"
    plain["schema_version"] = 7
    assert decode_bundle(json.dumps(plain).encode()).schema_version == 7


@given(st.binary(max_size=300))
def test_what_is_no_bundle_is_named_and_nothing_else_happens(data):
    with pytest.raises(InputError, match="not a decision bundle"):
        decode_bundle(data, where="x.json")


def test_records_are_immutable():
    with pytest.raises(AttributeError):
        decision().verdict = "FAIL"
    assert msgspec.structs.replace(decision(), verdict="FAIL").verdict == "FAIL"


@given(st.text(alphabet=st.characters(categories=["Cs", "Ll"]), min_size=1))
def test_names_that_are_not_utf8_are_written_and_stay_apart(name):
    other = name + "\udc80"
    data = canonical({name: name, other: [other]})
    assert len(json.loads(data)) == 2
    assert data == canonical({name: name, other: [other]})
    assert canonical(json.loads(data)) == data


def test_what_is_nested_too_deep_is_refused_as_a_value():
    value = 1
    for _ in range(5000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deep"):
        canonical(value)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "", "\udc80"])
@pytest.mark.parametrize("field", ["observed_at", "fresh_until"])
def test_a_time_that_cannot_be_or_got_lost_is_a_gap_and_no_crash(field, text):
    judged = verify(
        Evidence(kind="tests", status="pass", **{field: text}), now=NOW, subject=Subject(commit="c")
    )
    assert judged.status == "not_verified"
    assert [gap.code for gap in judged.gaps] == ["bad-time"]


@pytest.mark.parametrize(
    ("observed_at", "status"), [("2026-03-01T12:01:00Z", "pass"), ("2026-03-01T12:01:01Z", "not_verified")]
)
def test_a_minute_of_skew_between_clocks_is_ordinary_and_no_more(observed_at, status):
    evidence = Evidence(kind="tests", status="pass", observed_at=observed_at)
    assert verify(evidence, now=NOW, subject=Subject()).status == status


def test_every_gap_is_named_beside_those_that_were_there():
    evidence = not_verified(
        "tests", "shard", "one is missing", fresh_until="2026-01-01T00:00:00Z", subject=Subject(commit="d")
    )
    judged = verify(evidence, now=NOW, subject=Subject(commit="c"))
    assert [gap.code for gap in judged.gaps] == ["shard", "other-commit", "stale"]


@given(st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)))
def test_a_time_survives_the_way_through_text(moment):
    assert parse_time(format_time(moment)) == moment


def test_times_are_written_in_utc_whatever_they_came_in():
    assert format_time(parse_time("2026-03-01T01:30:00+02:00")) == "2026-02-28T23:30:00Z"


def test_a_bundle_knows_its_own_damage_and_its_limit():
    bundle = make_bundle(decision(), {}, {})
    assert bundle.seal == bundle.expected_seal()
    assert msgspec.structs.replace(bundle, inputs={"a": 1}).expected_seal() != bundle.seal
    with pytest.raises(InputError, match="larger than"):
        decode_bundle(b" " * (MAX_BUNDLE_BYTES + 1))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"fresh_until": "2026-03-01T11:00:00Z"},
            "fresh until 2026-03-01T11:00:00Z, and it is 2026-03-01T12:00:00Z",
        ),
        (
            {"observed_at": "2026-03-01T13:00:00Z"},
            "observed at 2026-03-01T13:00:00Z, and it is 2026-03-01T12:00:00Z",
        ),
        ({"subject": Subject(commit="d")}, "this is about commit d, not c"),
        (
            {"observed_at": "0001-01-01T00:00:00+23:59"},
            "a time in this evidence cannot be read: '0001-01-01T00:00:00+23:59' lies outside the calendar",
        ),
    ],
)
def test_a_gap_is_a_sentence_that_says_what_was_found_and_what_was_wanted(fields, sentence):
    judged = verify(Evidence(kind="tests", status="pass", **fields), now=NOW, subject=Subject(commit="c"))
    assert [gap.text for gap in judged.gaps] == [sentence]
