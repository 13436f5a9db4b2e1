"""Waivers and VEX as files with an SSH signature beside them (``ssh-keygen -Y sign -n signalbox-waiver``).

Whoever stands in the policy's file of allowed signers holds the security role. A waiver whose signature
does not hold is kept without the role, so that the record shows that somebody tried.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from signalbox.errors import InputError
from signalbox.files import read_limited
from signalbox.promotion.inputs import Waiver
from signalbox.signed import verified

NAMESPACE = "signalbox-waiver"
ROLE = "security"
_LIMIT = 1 << 20


def read_waivers(folder: Path, allowed_signers: bytes) -> tuple[Waiver, ...]:
    """Every ``*.json`` in ``folder`` with its ``*.json.sig``, but VEX; InputError for one that is no waiver.

    ``allowed_signers`` is the content of an OpenSSH allowed-signers file, read from the protected policy.
    """
    if not folder.is_dir():
        raise InputError("the folder of waivers is not there", where=str(folder))
    found = []
    for path in sorted(folder.glob("*.json")):
        data = read_limited(path, _LIMIT, "waiver")
        if _is_vex(data):
            continue
        try:
            waiver = msgspec.json.decode(data, type=Waiver)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InputError("this is not a waiver", where=str(path), why=str(error)) from None
        holds = verified(data, _signature(path), waiver.signer, allowed_signers, NAMESPACE)
        # Whatever the file says about its own role is not believed.
        found.append(msgspec.structs.replace(waiver, signed_role=ROLE if holds else ""))
    return tuple(found)


def signed_statements(folder: Path, allowed_signers: bytes) -> list[tuple[Path, str]]:
    """VEX documents among the waivers: path, and the SHA-256 of the bytes that a listed signer signed.

    The digest is empty where no signature holds, so that the caller can keep the document without its trust.
    """
    names = _principals(allowed_signers)
    found = []
    for path in sorted(folder.glob("*.json")):
        data = read_limited(path, _LIMIT, "VEX document")
        if _is_vex(data):
            signature = _signature(path)
            holds = any(verified(data, signature, name, allowed_signers, NAMESPACE) for name in names)
            found.append((path, hashlib.sha256(data).hexdigest() if holds else ""))
    return found


def _is_vex(data: bytes) -> bool:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(document, dict) and ("@context" in document or "bomFormat" in document)


def _principals(allowed_signers: bytes) -> list[str]:
    """The names in an allowed-signers file; a pattern or a quoted list names nobody in particular."""
    lines = allowed_signers.decode(errors="replace").splitlines()
    names = [n for line in lines if line.strip() and line[0] != "#" for n in line.split()[0].split(",")]
    return [name for name in dict.fromkeys(names) if not set(name) & set('*?!"')][:50]


def _signature(path: Path) -> bytes:
    signature = path.with_name(path.name + ".sig")
    return read_limited(signature, _LIMIT, "signature") if signature.is_file() else b""
