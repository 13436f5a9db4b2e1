"""Which agent asks: proved by the workflow's OIDC token or an app's login, never by its own word."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from signalbox.config.environments import Environments
from signalbox.config.globs import pattern
from signalbox.errors import InputError

AUDIENCE = "signalbox"
_LONGEST = 20_000
_SKEW = 60
# RFC 8017, 9.2: what stands before a SHA-256 in a PKCS #1 v1.5 signature.
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


def claims(
    token: str, keys: Mapping[str, Any], *, issuer: str, now: float, repository: str
) -> dict[str, Any]:
    """The claims of a token that ``issuer`` signed for us, about ``repository``, valid at ``now`` (seconds).

    ``keys`` is the issuer's JSON Web Key Set. Only RS256 (RFC 7518, 3.3), which GitHub uses. ``InputError``
    says what does not hold.
    """
    where = "the identity token"
    parts = token.strip().split(".")
    if len(token) > _LONGEST or len(parts) != 3:
        raise InputError("this is not a signed token", where=where)
    try:
        head, body = (json.loads(_decode(part)) for part in parts[:2])
        signature = _decode(parts[2])
    except (ValueError, RecursionError):
        raise InputError("this is not a signed token", where=where) from None
    if not isinstance(head, dict) or not isinstance(body, dict) or head.get("alg") != "RS256":
        raise InputError("the token is not signed with RS256", where=where)
    rows = keys.get("keys")
    key = next(
        (row for row in rows or () if isinstance(row, dict) and row.get("kid") == head.get("kid")), None
    )
    if key is None or not _holds(f"{parts[0]}.{parts[1]}".encode(), signature, key):
        raise InputError("the token's signature does not hold", where=where)
    _current(body, issuer, now, repository, where)
    return body


def _current(body: dict[str, Any], issuer: str, now: float, repository: str, where: str) -> None:
    audience = body.get("aud")
    if body.get("iss") != issuer:
        raise InputError("another issuer made this token", where=where, why=str(body.get("iss"))[:100])
    if audience != AUDIENCE and audience != [AUDIENCE]:
        raise InputError(f"the token is not for {AUDIENCE!r}", where=where, why=str(audience)[:100])
    begins, ends = (_number(body.get(name)) for name in ("nbf", "exp"))
    if ends is None or now > ends + _SKEW or (begins is not None and now < begins - _SKEW):
        raise InputError("the token is not valid at this time", where=where)
    if repository and body.get("repository") != repository:
        raise InputError("the token is of another repository", where=where)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _holds(signed: bytes, signature: bytes, key: Mapping[str, Any]) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256: the whole padded block is compared, so nothing can hide in it."""
    try:
        modulus = int.from_bytes(_decode(str(key["n"])), "big")
        exponent = int.from_bytes(_decode(str(key["e"])), "big")
    except (KeyError, ValueError):
        return False
    size = (modulus.bit_length() + 7) // 8
    if key.get("kty") != "RSA" or not 256 <= size <= 1024 or len(signature) != size or exponent < 3:
        return False
    number = int.from_bytes(signature, "big")
    if number >= modulus:
        return False
    end = _SHA256 + hashlib.sha256(signed).digest()
    block = b"\0\1" + b"\xff" * (size - len(end) - 3) + b"\0" + end
    return pow(number, exponent, modulus).to_bytes(size, "big") == block


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def agents_of_workflow(workflow: str, e: Environments) -> list[str]:
    """Agents whose ``workflows`` match a ``job_workflow_ref`` (owner/repo/.github/workflows/x.yml@ref)."""
    return [
        agent
        for agent, one in e.identities.items()
        if workflow and any(pattern(glob).fullmatch(workflow) for glob in one.workflows)
    ]


def agents_of_login(login: str, e: Environments) -> list[str]:
    """Agents whose app logs in as ``login``."""
    wanted = login.lower()
    return [
        agent
        for agent, one in e.identities.items()
        if wanted and any(wanted == name.lower() for name in one.logins)
    ]
