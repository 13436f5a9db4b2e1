"""Waivers as files with an SSH signature beside them (``ssh-keygen -Y sign -n signalbox-waiver``).

Whoever stands in the policy's file of allowed signers holds the security role. A waiver whose signature
does not hold is kept without the role, so that the record shows that somebody tried.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import msgspec

from signalbox.errors import InputError
from signalbox.files import read_limited
from signalbox.promotion.inputs import Waiver

NAMESPACE = "signalbox-waiver"
ROLE = "security"
_SIGNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_LIMIT = 1 << 20


def read_waivers(folder: Path, allowed_signers: bytes) -> tuple[Waiver, ...]:
    """Every ``*.json`` below ``folder`` with its ``*.json.sig``. Raises InputError for one that is no waiver.

    ``allowed_signers`` is the content of an OpenSSH allowed-signers file, read from the protected policy.
    """
    if not folder.is_dir():
        raise InputError("the folder of waivers is not there", where=str(folder))
    found = []
    for path in sorted(folder.glob("*.json")):
        data = read_limited(path, _LIMIT, "waiver")
        try:
            waiver = msgspec.json.decode(data, type=Waiver)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InputError("this is not a waiver", where=str(path), why=str(error)) from None
        signature = path.with_name(path.name + ".sig")
        holds = _verified(data, signature, waiver.signer, allowed_signers)
        # Whatever the file says about its own role is not believed.
        found.append(msgspec.structs.replace(waiver, signed_role=ROLE if holds else ""))
    return tuple(found)


def _verified(data: bytes, signature: Path, signer: str, allowed_signers: bytes) -> bool:
    if not allowed_signers.strip() or not _SIGNER.fullmatch(signer) or not signature.is_file():
        return False
    with tempfile.TemporaryDirectory(prefix="signalbox-waiver-") as name:
        signers, copy = Path(name) / "signers", Path(name) / "signature"
        signers.write_bytes(allowed_signers)
        copy.write_bytes(read_limited(signature, _LIMIT, "signature"))
        command = [
            "ssh-keygen",
            "-Y",
            "verify",
            "-n",
            NAMESPACE,
            "-I",
            signer,
            "-f",
            str(signers),
            "-s",
            str(copy),
        ]
        try:
            ran = subprocess.run(command, input=data, capture_output=True, check=False, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return False
    return ran.returncode == 0
