"""What a caller says about the artifact, checked before it goes anywhere."""

from __future__ import annotations

import re

from signalbox.errors import InputError


def commit_id(text: str) -> str:
    """A full commit id or nothing. Raises InputError for anything else."""
    if text and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text):
        raise InputError(
            "this is not a full commit id", where="--sha", why=text[:80], fix="Give 40 hex digits."
        )
    return text


def digest_of_call(text: str) -> str:
    """``sha256:`` and 64 hex digits, or nothing. Raises InputError for anything else."""
    if text and not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise InputError(
            "this is not a digest", where="--digest", why=text[:80], fix="Give sha256: and 64 hex digits."
        )
    return text


def artifact_name(text: str) -> str:
    """A name that is safe in a URI, or nothing. Raises InputError for anything else."""
    if text and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}", text):
        raise InputError(
            "this is not an artifact's name", where="--artifact", why=repr(text[:80]),
            fix="Give host/name of the image, or a file's name, without tag.",
        )  # fmt: skip
    return text
