"""A real bundle, as a deciding job leaves it."""

from __future__ import annotations

from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp, Subject, digest_of, make_bundle
from signalbox.promotion import Inputs, decide

SHA = "0123456789abcdef0123456789abcdef01234567"


def bundle(number: int = 1) -> tuple[str, bytes]:
    """Name and bytes of the bundle of a promotion that nobody had evidence for."""
    settings = Settings()
    inputs = Inputs(subject=Subject(repository="acme/shop", commit=SHA), evidence=())
    stamp = Stamp(id=f"00000000-0000-4000-8000-{number:012}", at="2026-01-02T03:04:05Z", producer="test")
    decision = decide(inputs, settings, PolicyRef(sha256=digest_of(settings)), stamp)
    made = make_bundle(decision, inputs, settings)
    return made.name, made.encode()
