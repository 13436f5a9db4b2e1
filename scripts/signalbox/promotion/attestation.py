"""What is attested about a digest: the decision as an in-toto statement, and a SLSA verification summary.

Both are made from the decision's bundle alone, so whoever holds the bundle can make them again and compare
every byte. Nothing here signs: ``actions/attest`` does, from a digest, a predicate type and a predicate.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

import msgspec

from signalbox.decision import Bundle, Decision, canonical, decode_bundle, sha256_hex
from signalbox.errors import InputError
from signalbox.files import write_atomic

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:signalbox:promotion-decision:v1"
VERIFIER = "urn:signalbox:score-artifact"
SUMMARY = "https://slsa.dev/verification_summary/v1"
SUBJECT_FILE = "subject.checksums"


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """One statement about one digest: ``name`` for its files, predicate type and predicate."""

    name: str
    subject: str
    digest: str
    predicate_type: str
    predicate: dict[str, Any]

    @property
    def predicate_file(self) -> str:
        """Its file's name."""
        return f"{self.name}.predicate.json"

    @property
    def statement(self) -> bytes:
        """The in-toto statement (v1), canonical."""
        subject = {"name": self.subject, "digest": {"sha256": self.digest.removeprefix("sha256:")}}
        return canonical(
            {
                "_type": STATEMENT,
                "subject": [subject],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )


def attestations(data: bytes, *, where: str = "bundle") -> tuple[Attestation, Attestation]:
    """The decision and the verification summary of a promotion's bundle.

    Raises InputError for another kind of bundle and for a decision that names no digest: there is nothing to
    say it about.
    """
    bundle = decode_bundle(data, where=where)
    decision = bundle.decision
    if decision.kind != "promotion":
        raise InputError(f"a decision of kind {decision.kind!r} says nothing about an artifact", where=where)
    digest = decision.subject.digest
    if not digest:
        raise InputError(
            "the decision names no digest, so there is nothing to attest it for", where=where,
            fix="Score with --digest.",
        )  # fmt: skip
    name = str(bundle.inputs.get("artifact") or decision.subject.repository or "_")
    made = {"subject": name, "digest": digest}
    return (
        Attestation(name="decision", predicate_type=PREDICATE, predicate=_decision(bundle, data), **made),
        Attestation(name="summary", predicate_type=SUMMARY, predicate=_summary(decision, data, name), **made),
    )


def _decision(bundle: Bundle, data: bytes) -> dict[str, Any]:
    kept = {"name": bundle.name, "digest": {"sha256": sha256_hex(data)}}
    return {"decision": msgspec.to_builtins(bundle.decision), "bundle": kept}


def _summary(decision: Decision, data: bytes, name: str) -> dict[str, Any]:
    """Passed only where promote.py would promote without asking; whatever else reads it must not be misled.

    No level of SLSA's own is claimed: build provenance is not looked at here.
    """
    passed = decision.verdict == "auto-promote" and decision.mode == "enforce"
    levels = ["SLSA_BUILD_LEVEL_UNEVALUATED", "SIGNALBOX_AUTO_PROMOTE"] if passed else ["FAILED"]
    policy = decision.policy
    at = f"@{policy.commit}" if policy.commit else ""
    return {
        "verifier": {"id": VERIFIER, "version": {"signalbox": decision.producer}},
        "timeVerified": decision.decided_at,
        "resourceUri": f"{name}@{decision.subject.digest}",
        "policy": {"uri": f"{policy.source}{at}", "digest": {"sha256": policy.sha256}},
        "inputAttestations": [{"uri": f"urn:uuid:{decision.id}", "digest": {"sha256": sha256_hex(data)}}],
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": levels,
    }


def write_attestations(data: bytes, folder: Path) -> tuple[Attestation, Attestation]:
    """Write ``NAME.statement.json`` and ``NAME.predicate.json`` of both into ``folder``.

    ``subject.checksums`` beside them is what ``actions/attest`` takes as its subject, so that no signer needs
    to be told the digest a second time, and could be told another.
    """
    made = attestations(data)
    if not made[0].subject.isprintable():
        # A line break in it would be one more subject of the signature.
        raise InputError("the artifact's name is not of one line", where=repr(made[0].subject[:80]))
    subject = f"{made[0].digest.removeprefix('sha256:')}  {made[0].subject}\n"
    write_atomic(folder / SUBJECT_FILE, subject.encode())
    for item in made:
        write_atomic(folder / f"{item.name}.statement.json", item.statement)
        write_atomic(folder / item.predicate_file, canonical(item.predicate))
    return made


def difference(data: bytes, statement: bytes, digest: str, *, where: str = "bundle") -> str:
    """Why ``statement`` is not what the bundle ``data`` says about ``digest``; empty where it is.

    A statement file must be the same byte for byte. Of a Sigstore bundle (what ``actions/attest`` leaves) the
    payload must say the same; its signature is not checked here, ``gh attestation verify`` does that.
    Empty ``statement`` or ``digest`` is not compared.
    """
    made = attestations(data, where=where)
    if digest and made[0].digest != digest:
        return f"the decision is about {made[0].digest}, not {digest}"
    if not statement:
        return ""
    if any(statement == item.statement for item in made):
        return ""
    try:
        told = _payload(json.loads(statement))
        same = told is not None and any(_says(told, item) for item in made)
    except (ValueError, RecursionError, binascii.Error, TypeError, AttributeError):
        return "the statement cannot be read"
    return "" if same else "the statement is not the one that belongs to this bundle"


def _payload(document: Any) -> dict[str, Any] | None:
    """The statement in a Sigstore bundle's envelope; None for what is no such bundle."""
    envelope = document.get("dsseEnvelope")
    if not isinstance(envelope, dict) or envelope.get("payloadType") != "application/vnd.in-toto+json":
        return None
    told: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"], validate=True))
    return told


def _says(told: dict[str, Any], item: Attestation) -> bool:
    """The same but for the subject's name, which the signer is free to write as it likes."""
    expected = json.loads(item.statement)
    subject = told.get("subject")
    digests = [one.get("digest") for one in subject] if isinstance(subject, list) else []
    return digests == [expected["subject"][0]["digest"]] and all(
        told.get(key) == expected[key] for key in ("_type", "predicateType", "predicate")
    )
