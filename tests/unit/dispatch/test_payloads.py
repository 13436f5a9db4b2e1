"""The door refuses everything that is not exactly what a capability takes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.dispatch import CAPABILITIES, validate
from signalbox.errors import InputError

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "ab" * 32
GOOD = {
    "test-selection": {"base": SHA, "head": SHA},
    "artifact-scoring": {"sha": SHA, "digest": DIGEST, "run-id": "77"},
    "pre-promote": {"sha": SHA, "digest": DIGEST},
    "promote": {"sha": SHA, "digest": DIGEST, "environment": "staging", "run-id": "77"},
    "deploy": {"sha": SHA, "digest": DIGEST, "environment": "production"},
    "environment-gate": {"gate": "gate-5", "sha": SHA, "digest": DIGEST, "pull": "7"},
    "rollback": {
        "environment": "production",
        "digest": DIGEST,
        "severity": "high",
        "reason": "Größere Störung: checkout fails (5 %).",
    },
    "telemetry-feedback": {"run-id": "77"},
    "incident": {
        "incident": "PD-77.a",
        "status": "triggered",
        "at": "2026-01-02T03:04:05Z",
        "digest": DIGEST,
        "environment": "production",
    },
    "health-report": {"days": "31"},
}


def check(capability, payload):
    return validate(f"signalbox-{capability}", json.dumps(payload).encode())


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_good_payload_passes_whole(capability):
    name, data = check(capability, GOOD[capability])
    assert name == capability
    assert json.loads(data) == GOOD[capability]


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        True,
        [],
        {},
        "",
        " ",
        "x" * 5000,
        "$(id)",
        "`id`",
        "a\nb",
        "a\u202eb",
        "::set-output::",
        "${{ x }}",
    ],
)
def test_every_field_refuses_other_types_and_hostile_text(capability, bad):
    for field in GOOD[capability]:
        with pytest.raises(InputError) as error:
            check(capability, GOOD[capability] | {field: bad})
        assert "id)" not in str(error.value)


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_missing_and_unknown_fields_are_refused(capability):
    for field in GOOD[capability]:
        if field != "days":
            with pytest.raises(InputError, match=field):
                check(capability, {k: v for k, v in GOOD[capability].items() if k != field})
    with pytest.raises(InputError, match="url"):
        check(capability, GOOD[capability] | {"url": "x"})


@pytest.mark.parametrize(
    "event", ["deploy", "signalbox-", "signalbox-Deploy", "signalbox-signalbox-deploy", ""]
)
def test_only_the_declared_types_come_in(event):
    with pytest.raises(InputError, match="event type"):
        validate(event, json.dumps(GOOD["deploy"]).encode())


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"days": "1", "days": "2"}', "twice"),
        (b"[" * 50_000, "not JSON"),
        (b" " * 70_000, "larger"),
    ],
)
def test_what_is_not_one_json_object_is_refused(payload, says):
    with pytest.raises(InputError, match=says):
        validate("signalbox-health-report", payload)


@given(st.text(), st.text())
def test_no_text_is_ever_echoed_unchecked(key, value):
    sent = GOOD["rollback"] | {key: value}
    if set(sent) == set(GOOD["rollback"]) and sent[key] == GOOD["rollback"][key]:
        return
    refused = None
    try:
        _, data = check("rollback", sent)
    except InputError as error:
        refused = str(error)
    if refused is None:
        assert json.loads(data) == sent
        assert key in GOOD["rollback"]
    else:
        assert "\n" not in refused
        assert "::" not in refused
