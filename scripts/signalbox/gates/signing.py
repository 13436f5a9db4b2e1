"""Approvals as signed entries: ``{"payload": {…}, "signer": "…", "signature": "-----BEGIN SSH…"}``."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from signalbox.config.environments import Environments
from signalbox.config.yaml_lines import load_with_lines
from signalbox.decision import canonical
from signalbox.errors import InputError
from signalbox.files import read_limited, write_atomic
from signalbox.gates.history import file_at
from signalbox.gates.model import Approval
from signalbox.gates.people import person_of
from signalbox.signed import verified

NAMESPACE = "signalbox-approval"
_LIMIT = 1 << 20
T = TypeVar("T", bound=msgspec.Struct)


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry. What is signed are the canonical bytes of ``payload``."""

    payload: dict[str, Any]
    signer: str = ""
    signature: str = ""


def signers(repo: Path, e: Environments, commit: str) -> bytes:
    """The allowed-signers file where the policy was read."""
    return file_at(repo, commit, e.approval_signers) or b""


def read_approvals(path: Path, e: Environments, allowed: bytes) -> tuple[Approval, ...]:
    """Every approval in ``path``, a JSON or YAML list of entries.

    An entry whose signature does not hold is kept unverified, so that the record shows that somebody tried.
    ``InputError`` names the line of what is no approval, and of a second role of one person.
    """
    data = read_limited(path, _LIMIT, "approvals file")
    plain, lines = load_with_lines(data, str(path))
    if plain is None:
        return ()
    if not isinstance(plain, list):
        raise InputError("the approvals are not a list", where=f"{path}:1")
    found: list[Approval] = []
    for index, row in enumerate(plain):
        where = f"{path}:{lines.get((index,), 1)}"
        entry = _convert(row, Signed, where)
        approval = _convert(entry.payload | {"source": "file", "verified": False}, Approval, where)
        holds = _holds(entry, approval.login, e, allowed)
        approval = msgspec.structs.replace(approval, verified=holds, source="file")
        _refuse_second_role(approval, found, e, where)
        found.append(approval)
    return tuple(found)


def _refuse_second_role(approval: Approval, found: list[Approval], e: Environments, where: str) -> None:
    who = person_of(approval.login, e)
    for other in found:
        same = (other.gate, other.digest, other.commit) == (approval.gate, approval.digest, approval.commit)
        if same and person_of(other.login, e) == who and other.role != approval.role:
            raise InputError(
                f"{approval.login} approves the gate {approval.gate} under two roles",
                where=where,
                why=f"{other.role} and {approval.role}",
                fix="One person counts once: another holder of the role approves.",
            )


def read_one(path: Path, kind: type[T], e: Environments, allowed: bytes) -> T:
    """One signed payload with fields ``by`` and ``verified``; the latter says whether the signature holds."""
    data = read_limited(path, _LIMIT, "approval")
    plain, _ = load_with_lines(data, str(path))
    entry = _convert(plain, Signed, str(path))
    found = _convert(entry.payload | {"verified": False}, kind, str(path))
    holds = _holds(entry, str(entry.payload.get("by", "")), e, allowed)
    return msgspec.structs.replace(found, verified=holds)


def _holds(entry: Signed, claimed: str, e: Environments, allowed: bytes) -> bool:
    # The signer is who approves: a valid signature of somebody else proves somebody else.
    if not claimed or person_of(entry.signer, e) != person_of(claimed, e):
        return False
    return verified(canonical(entry.payload), entry.signature.encode(), entry.signer, allowed, NAMESPACE)


def _convert(value: Any, kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InputError("this is not an approval", where=where, why=str(error)) from None


def sign(payload: msgspec.Struct, signer: str, key: str) -> Signed:
    """``payload`` signed with an SSH key by ``ssh-keygen``, which asks for a passphrase itself."""
    plain = {k: v for k, v in msgspec.to_builtins(payload).items() if k not in ("verified", "source")}
    with tempfile.TemporaryDirectory(prefix="signalbox-approval-") as name:
        file = Path(name) / "payload"
        file.write_bytes(canonical(plain))
        command = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(Path(key)), str(file)]
        try:
            done = subprocess.run(command, stderr=subprocess.PIPE, check=False, timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError("ssh-keygen could not sign", where=key, why=type(error).__name__) from None
        if done.returncode:
            why = done.stderr.decode("utf-8", "replace").strip()
            raise InputError("ssh-keygen could not sign", where=key or "--key", why=why[-200:])
        signature = file.with_name("payload.sig").read_text()
    return Signed(payload=plain, signer=signer, signature=signature)


def write_one(path: Path, payload: msgspec.Struct, signer: str, key: str) -> None:
    """Write one signed payload."""
    write_atomic(path, canonical(sign(payload, signer, key)))


def append(path: Path, payload: Approval, signer: str, key: str) -> None:
    """Add one signed approval to a list; the entries that are there stay as they are."""
    entries: list[Any] = []
    if path.exists():
        plain, _ = load_with_lines(read_limited(path, _LIMIT, "approvals file"), str(path))
        entries = list(plain) if isinstance(plain, list) else []
    entries.append(msgspec.to_builtins(sign(payload, signer, key)))
    import json

    # One entry a line: an error can then name the line of the entry it means.
    text = "[\n" + ",\n".join(json.dumps(entry, sort_keys=True) for entry in entries) + "\n]\n"
    write_atomic(path, text.encode())
