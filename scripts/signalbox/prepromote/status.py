"""The commit status ``dev-evals-green``: which state a verdict is, which pull request it is about. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from signalbox.decision import strictest
from signalbox.errors import InputError

CONTEXT = "dev-evals-green"
KIND = "evals"
REQUIRED = ("evals", "e2e")
PASS, NOT_VERIFIED, FAIL = "PASS", "NOT_VERIFIED", "FAIL"
_STATES: Mapping[str, Literal["success", "failure", "error"]] = {
    PASS: "success",
    FAIL: "failure",
    NOT_VERIFIED: "error",
}
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
Match = Literal["not-a-promotion", "this-digest", "another-digest"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted: GitHub's state and a line that names verdicts and digest."""

    verdict: str
    state: Literal["success", "failure", "error"]
    description: str


def parse_verdicts(text: str) -> dict[str, str]:
    """``evals=PASS e2e=FAIL`` → verdicts. One that is empty, masked or missing is NOT_VERIFIED."""
    found: dict[str, str] = {}
    for word in text.split():
        name, equals, verdict = word.partition("=")
        if not equals or not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name) or name in found:
            raise InputError("a verdict is named as NAME=VERDICT", where="--verdicts", why=word[:80])
        found[name] = verdict if verdict in _STATES else NOT_VERIFIED
    return {**dict.fromkeys(REQUIRED, NOT_VERIFIED), **found}


def standing(verdicts: Mapping[str, str], digest: str) -> Standing:
    """The strictest of all verdicts, as a status about ``digest``."""
    verdict = strictest(KIND, [PASS, *verdicts.values()])
    if not _SHA256.fullmatch(digest):
        verdict = strictest(KIND, [verdict, NOT_VERIFIED])
    each = ", ".join(f"{name} {one}" for name, one in verdicts.items())
    return Standing(
        verdict=verdict,
        state=_STATES[verdict],
        description=f"{verdict} for {digest[:19] or 'no digest'}: {each}",
    )


def match(paths: Sequence[str], policy_path: str, content: str, digest: str, resolved: str) -> Match:
    """What a pull request is to this digest.

    ``content`` is the image policy at its head. The digest has to stand there, or the one version that its
    range names has to be ``resolved`` to it at the registry; a title or a body proves nothing.
    """
    if policy_path not in paths:
        return "not-a-promotion"
    written = set(_SHA256.findall(content))
    same = written == {digest} if written else resolved == digest
    return "this-digest" if same else "another-digest"


def version_in(content: str) -> str:
    """The one exact version that a policy's range names, empty for a range that names many."""
    found = re.findall(
        r"^\s*range:\s*[\"']?=?v?(\d+\.\d+\.\d+(?:-[\w.]+)?)[\"']?\s*(?:#.*)?$", content, re.MULTILINE
    )
    return found[0] if len(found) == 1 else ""
