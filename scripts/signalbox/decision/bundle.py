"""A bundle is all that is needed to make the same decision again, in one file."""

from __future__ import annotations

from typing import Any

import msgspec

from signalbox.decision.canonical import canonical, digest_of
from signalbox.decision.model import SCHEMA_VERSION, Decision
from signalbox.errors import InputError

MAX_BUNDLE_BYTES = 64 * 1024 * 1024


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A decision, the inputs it took (evidence and advice among them) and the effective settings."""

    decision: Decision
    inputs: dict[str, Any]
    settings: dict[str, Any]
    seal: str = ""
    """Digest of the rest, so that damage shows without knowing the digest from elsewhere. It proves
    no author: whoever must trust a bundle compares the SHA-256 that a job passed on, or an attestation."""
    schema_version: int = SCHEMA_VERSION

    def encode(self) -> bytes:
        """The canonical bytes; their SHA-256 names the bundle between jobs."""
        return canonical(self)

    def expected_seal(self) -> str:
        """The seal that belongs to the other fields."""
        return digest_of(msgspec.structs.replace(self, seal=""))

    @property
    def name(self) -> str:
        """A file name that no other bundle has."""
        return f"{self.decision.kind}-{self.decision.id}.json"


def make_bundle(decision: Decision, inputs: Any, settings: Any) -> Bundle:
    """Bundle a decision with what it was made from; structs are stored as plain values."""
    bundle = Bundle(
        decision=decision,
        inputs=msgspec.to_builtins(inputs),
        settings=msgspec.to_builtins(settings),
    )
    return msgspec.structs.replace(bundle, seal=bundle.expected_seal())


def decode_bundle(data: bytes, *, where: str = "bundle") -> Bundle:
    """Read a bundle; ``InputError`` says what is wrong with one that cannot be read."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise InputError(f"the bundle is larger than {MAX_BUNDLE_BYTES} bytes", where=where)
    try:
        return msgspec.json.decode(data, type=Bundle)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            "this is not a decision bundle",
            where=where,
            why=str(error),
            fix="Give the file named <kind>-<id>.json that a decision left behind.",
        ) from None
