"""Detectors, redaction and waivers. Secrets are assembled here, so that no scanner mistakes this file."""

import random
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.classify import (
    DETECTORS,
    DataClass,
    Waiver,
    data_class,
    fingerprint,
    inspect,
    redact,
    redact_tree,
    scan,
)

ALNUM = string.ascii_letters + string.digits


def token(size: int, alphabet: str = ALNUM, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=size))


SECRETS = {
    "aws-access-key": "AKIA" + token(16, string.ascii_uppercase + string.digits),
    "github-token": "ghp_" + token(36),
    "gitlab-token": "glpat-" + token(20),
    "slack-token": "xoxb-" + token(24),
    "slack-webhook": "hooks.slack.com/services/" + token(30),
    "stripe-key": "sk_live_" + token(24),
    "model-api-key": "sk-" + token(40),
    "google-api-key": "AIza" + token(35),
    "npm-token": "npm_" + token(36),
    "pypi-token": "pypi-" + token(60),
    "huggingface-token": "hf_" + token(34),
    "sendgrid-key": "SG." + token(22) + "." + token(43),
    "digitalocean-token": "dop_v1_" + token(64, "0123456789abcdef"),
    "vault-token": "hvs." + token(24),
    "azure-account-key": "AccountKey=" + token(86) + "==",
    "json-web-token": "eyJ" + token(20) + ".eyJ" + token(40) + "." + token(30),
    "authorization-header": "Authorization: Bearer " + token(30),
    "connection-string": "postgres://shop:" + token(12) + "@db.internal:5432/shop",
    "assigned-secret": 'db_password = "' + token(14) + '9!"',
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\n" + token(120) + "\n-----END RSA PRIVATE KEY-----",
}
PERSONAL = {
    "email": "ada@lovelace.org",
    "iban": "GB82 WEST 1234 5698 7654 32",
    "payment-card": "4111 1111 1111 1111",
    "national-id-fr": "2 55 08 14 168 025 38",
    "national-id-es": "12345678Z",
    "national-id-br": "529.982.247-25",
    "national-id-pl": "44051401359",
    "national-id-se": "811218-9876",
    "national-id-it": "RSSMRA85T10A562S",
    "national-id-gb-nhs": "943 476 5919",
    "national-id-us": "536-22-1234",
    "phone": "+44 20 7946 0958",
}
# The same shapes with a wrong check digit or an impossible date.
INNOCENT = [
    "4111 1111 1111 1112",
    "GB82 WEST 1234 5698 7654 33",
    "2 55 08 14 168 025 39",
    "12345678A",
    "529.982.247-26",
    "44051401358",
    "811218-9875",
    "RSSMRA85T10A562T",
    "943 476 5918",
    "666-22-1234",
    "sha256:" + token(64, "0123456789abcdef"),
    "6f1c2a34-4111-4111-8111-111111111111",
    'password = "changeme"',
    "token: ${{ secrets.DEPLOY_TOKEN }}",
    "secret = os.environ['X_SECRET']",
    "octo@users.noreply.github.com",
    "http://localhost:8080/metrics",
    "pip install sk-learn-contrib-extra-estimators",
    "git@github.com:acme/shop.git and ssh://git@github.com/acme/shop",
    "1767225600000",
    "def token_bucket(rate): return rate",
]


@pytest.mark.parametrize(("name", "value"), [*SECRETS.items(), *PERSONAL.items()])
def test_each_detector_finds_its_value_inside_a_sentence(name, value):
    text = f"see {value} here"
    findings = scan(text)
    assert [f.detector for f in findings] == [name]
    assert f"[redacted:{name}]" in redact(text)
    found = text[findings[0].start : findings[0].end]
    assert found in value
    assert found not in redact(text)


def test_every_detector_has_an_example():
    assert {d.name for d in DETECTORS} == set(SECRETS) | set(PERSONAL)


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_is_left_alone(text):
    assert scan(text) == ()
    assert redact(text) == text


def test_classes():
    assert data_class("nothing to see") is DataClass.INTERNAL
    assert data_class("mail ada@lovelace.org") is DataClass.CONFIDENTIAL
    assert data_class("mail ada@lovelace.org, key " + SECRETS["github-token"]) is DataClass.RESTRICTED
    assert DataClass.parse(" confidential ") is DataClass.CONFIDENTIAL
    assert [c.label for c in DataClass] == ["Public", "Internal", "Confidential", "Restricted"]
    with pytest.raises(ValueError, match="Secretish"):
        DataClass.parse("Secretish")


def test_line_numbers():
    text = "a\nb ada@lovelace.org\n\nc " + SECRETS["npm-token"]
    assert [(f.detector, f.line) for f in scan(text)] == [("email", 2), ("npm-token", 4)]


def test_an_unclosed_private_key_is_taken_out_to_the_end():
    assert redact("x -----BEGIN PRIVATE KEY-----\n" + token(60)) == "x [redacted:private-key]"


def test_a_waiver_holds_for_its_value_until_its_date():
    address = "ada@lovelace.org"
    waiver = Waiver(fingerprint=fingerprint(address), reason="public contact", expires="2026-06-30")
    assert redact(address, waivers=[waiver], today="2026-06-30") == address
    assert redact(address, waivers=[waiver], today="2026-07-01") == "[redacted:email]"
    assert redact(address, waivers=[waiver]) == "[redacted:email]"
    assert redact("bob@lovelace.org", waivers=[waiver], today="2026-06-30") == "[redacted:email]"
    other = Waiver(fingerprint=fingerprint(address), reason="r", expires="2026-06-30", detector="iban")
    assert redact(address, waivers=[other], today="2026-06-30") == "[redacted:email]"


def test_a_candidate_that_is_turned_down_hides_nothing_behind_it():
    # The first sixteen digits have a card's shape and no valid check digit; the card begins inside them.
    assert redact("id 5919 4111 1111 1111 1111") == "id 5919 [redacted:payment-card]"


def test_a_tree_keeps_its_shape_and_a_key_names_its_value():
    secret = token(12) + "-1"
    tree = {"password": secret, "n": [1, None, True, {"mail": "ada@lovelace.org"}], "note": "fine"}
    cleaned, fired = redact_tree(tree)
    assert cleaned == {
        "password": "[redacted:assigned-secret]",
        "n": [1, None, True, {"mail": "[redacted:email]"}],
        "note": "fine",
    }
    assert fired == ("assigned-secret", "email")


def test_exact_only_leaves_guesses_and_personal_data():
    text = f"ada@lovelace.org {SECRETS['assigned-secret']} {SECRETS['github-token']}"
    assert [f.detector for f in inspect(text, exact_only=True).findings] == ["github-token"]


def test_a_value_across_the_window_border_is_found():
    for shift in (-20, 0):
        head = " " * ((1 << 20) + shift)
        assert [f.detector for f in scan(head + SECRETS["github-token"] + " end")] == ["github-token"]


_PIECES = st.sampled_from(
    [*SECRETS.values(), *PERSONAL.values(), *INNOCENT, " ", "\n", "@", "://", ":", "=", "token="]
)


@given(st.lists(st.one_of(_PIECES, st.text(max_size=20)), max_size=8).map(" ".join))
def test_redaction_is_stable_and_complete(text):
    once = redact(text)
    assert redact(once) == once
    for value in SECRETS.values():
        if f" {value} " in f" {text} " and value not in SECRETS["authorization-header"]:
            assert value not in once


@given(st.text(max_size=300))
def test_any_text_is_accepted(text):
    assert scan(redact(text)) == ()


def _repeats(pattern: str):
    """Every repetition in a pattern as (lowest, highest, what it repeats), through all nesting."""
    parser = re._parser

    def walk(items):
        for op, argument in items:
            name = str(op)
            if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
                yield argument[0], argument[1]
                yield from walk(argument[2])
            elif name == "SUBPATTERN":
                yield from walk(argument[3])
            elif name == "BRANCH":
                for branch in argument[1]:
                    yield from walk(branch)
            elif name in ("ASSERT", "ASSERT_NOT"):
                yield from walk(argument[1])
            elif name == "ATOMIC_GROUP":
                yield from walk(argument)

    return walk(parser.parse(pattern))


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_no_repetition_is_unbounded(detector):
    assert all(high <= 16384 for _, high in _repeats(detector.pattern.pattern))


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "unit",
    [
        "token=",
        "a@",
        "eyJ",
        "AKIA",
        "a.",
        "1 ",
        "4111 ",
        "-----BEGIN PRIVATE KEY-----",
        "x://a:",
        "+1 20 ",
        "[",
        "key: '",
    ],
)
def test_hostile_repetition_ends(unit):
    text = unit * (300_000 // len(unit))
    assert len(redact(text)) > 0
