"""OpenSSH signatures over small files (``ssh-keygen -Y``): who signed, checked against a list of signers."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

_SIGNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")


def verified(data: bytes, signature: bytes, signer: str, allowed_signers: bytes, namespace: str) -> bool:
    """Whether ``signer``, as listed in ``allowed_signers``, signed exactly ``data`` for ``namespace``.

    Anything that goes wrong, also a program that is not installed, is no signature.
    """
    if not allowed_signers.strip() or not signature.strip() or not _SIGNER.fullmatch(signer):
        return False
    with tempfile.TemporaryDirectory(prefix="signalbox-signature-") as name:
        signers, copy = Path(name) / "signers", Path(name) / "signature"
        signers.write_bytes(allowed_signers)
        copy.write_bytes(signature)
        command = ["ssh-keygen", "-Y", "verify", "-n", namespace, "-I", signer]
        command += ["-f", str(signers), "-s", str(copy)]
        try:
            ran = subprocess.run(command, input=data, capture_output=True, check=False, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return False
    return ran.returncode == 0
