"""The commit status ``dev-evals-green``: which state a verdict is, and how it is read back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

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
_DESCRIPTION = re.compile(r"\A(PASS|FAIL|NOT_VERIFIED) for (sha256:[0-9a-f]{64}): ")


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
        # The whole digest: it is read back from here when the promotion is proposed later.
        description=f"{verdict} for {digest[:71] or 'no digest'}: {each}",
    )


def recorded(rows: Iterable[Mapping[str, Any]], context: str, digest: str, by: str) -> Standing | None:
    """What the gate last posted on a commit about exactly ``digest``; None where it posted no such thing.

    ``rows``: the commit's statuses, newest first. One by another login than ``by`` (any, where that is
    empty), or one whose state and words differ, is no record of the gate.
    """
    for row in rows:
        if row.get("context") != context:
            continue
        creator = row.get("creator")
        login = creator.get("login") if isinstance(creator, Mapping) else None
        found = _DESCRIPTION.match(str(row.get("description") or ""))
        if (by and login != by) or not found or _STATES[found[1]] != row.get("state") or found[2] != digest:
            return None
        return Standing(verdict=found[1], state=_STATES[found[1]], description=str(row["description"]))
    return None
