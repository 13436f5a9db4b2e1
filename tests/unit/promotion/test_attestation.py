"""What is attested about a digest belongs to one bundle, byte for byte."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config import Settings
from signalbox.config.scoring import Scoring
from signalbox.decision import Evidence, Mode, PolicyRef, Stamp, Subject, digest_of, make_bundle
from signalbox.errors import InputError
from signalbox.kinds import replay
from signalbox.promotion import Inputs, Past, decide
from signalbox.promotion.attestation import attestations, difference

DIGEST = "sha256:" + "a" * 64
TESTS = Evidence(kind="tests", status="pass", origin="protected", facts={"total": 9, "passed": 9})
PAST = tuple(Past(label="clean", at=f"{i:03}") for i in range(60))


def bundle(digest: str = DIGEST, mode: Mode = "enforce", past: tuple[Past, ...] = PAST) -> bytes:
    settings = Settings(mode=mode, scoring=Scoring(auto_promote_at=0.8))
    inputs = Inputs(
        subject=Subject(repository="shop/cart", digest=digest, commit="b" * 40),
        evidence=(TESTS,),
        past=past,
        risk="low",
        artifact="ghcr.io/shop/cart",
    )
    stamp = Stamp(id="00000000-0000-4000-8000-000000000001", at="2026-05-01T12:00:00Z", producer="test")
    policy = PolicyRef(sha256=digest_of(settings), source=".github/signalbox.yml", commit="c" * 40)
    return make_bundle(decide(inputs, settings, policy, stamp), inputs, settings).encode()


BUNDLE = bundle()
DECISION, SUMMARY = attestations(BUNDLE)


def test_the_statement_is_an_in_toto_statement_about_the_digest() -> None:
    told = json.loads(DECISION.statement)
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["subject"] == [{"name": "ghcr.io/shop/cart", "digest": {"sha256": "a" * 64}}]
    assert told["predicate"]["decision"]["verdict"] == "auto-promote"
    assert told["predicate"]["decision"]["subject"]["digest"] == DIGEST


def test_the_summary_has_what_slsa_requires_and_claims_no_level_of_slsa() -> None:
    told = json.loads(SUMMARY.statement)
    assert told["predicateType"] == "https://slsa.dev/verification_summary/v1"
    predicate = told["predicate"]
    required = {"verifier", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels"}
    assert required <= predicate.keys()
    assert predicate["verificationResult"] == "PASSED"
    assert not [level for level in predicate["verifiedLevels"] if level.startswith("SLSA_BUILD_LEVEL_L")]
    assert "SLSA_BUILD_LEVEL_UNEVALUATED" in predicate["verifiedLevels"]


@pytest.mark.parametrize("other", [{"mode": "observe"}, {"mode": "advise"}, {"past": ()}])
def test_what_would_not_be_promoted_without_asking_has_not_passed(other: dict[str, Any]) -> None:
    predicate = attestations(bundle(**other))[1].predicate
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("FAILED", ["FAILED"])


def test_bundle_statement_and_digest_that_belong_together_are_accepted() -> None:
    assert replay(BUNDLE).same
    for item in (DECISION, SUMMARY):
        assert difference(BUNDLE, item.statement, DIGEST) == ""


@given(at=st.integers(0, len(DECISION.statement) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_of_the_statement_is_noticed(at: int, bit: int) -> None:
    flipped = bytearray(DECISION.statement)
    flipped[at] ^= 1 << bit
    assert difference(BUNDLE, bytes(flipped), DIGEST)


def noticed(data: bytes) -> bool:
    try:
        return not replay(data).same or bool(difference(data, DECISION.statement, DIGEST))
    except InputError:
        return True


@given(at=st.integers(0, len(BUNDLE) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_of_the_bundle_is_noticed(at: int, bit: int) -> None:
    flipped = bytearray(BUNDLE)
    flipped[at] ^= 1 << bit
    assert noticed(bytes(flipped))


@given(at=st.integers(7, len(DIGEST) - 1), digit=st.sampled_from("0123456789bcdef"))
def test_another_digest_is_noticed(at: int, digit: str) -> None:
    other = DIGEST[:at] + digit + DIGEST[at + 1 :]
    assert f"not {other}" in difference(BUNDLE, DECISION.statement, other)


def envelope(payload: bytes) -> bytes:
    inner = {"payloadType": "application/vnd.in-toto+json", "payload": base64.b64encode(payload).decode()}
    return json.dumps(
        {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": inner}
    ).encode()


def test_the_payload_that_was_signed_may_be_spaced_differently_and_not_say_anything_else() -> None:
    told = json.loads(DECISION.statement)
    told["subject"][0]["name"] = "as the signer calls it"
    assert difference(BUNDLE, envelope(json.dumps(told, indent=1).encode()), DIGEST) == ""
    told["predicate"]["decision"]["verdict"] = "block"
    assert difference(BUNDLE, envelope(json.dumps(told).encode()), DIGEST)


@pytest.mark.parametrize(
    "broken", [b"{", b"null", b"[]", b"{}", envelope(b"null"), envelope(b"{}"), b'{"dsseEnvelope":1}']
)
def test_what_is_no_statement_is_no_statement_of_this_bundle(broken: bytes) -> None:
    assert "statement" in difference(BUNDLE, broken, DIGEST)


def test_a_decision_about_no_digest_is_attested_for_nothing() -> None:
    with pytest.raises(InputError, match="names no digest"):
        attestations(bundle(digest=""))
