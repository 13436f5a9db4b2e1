"""One byte form per value, so that equal decisions have equal digests."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import msgspec


def canonical(value: Any) -> bytes:
    """``value`` as canonical JSON: sorted keys, no spaces, UTF-8, one newline at the end.

    Numbers that JSON cannot carry are refused with ``ValueError`` naming the place, because writing
    them as null would turn "not a number" into "not there"; so is what is nested too deep to be read
    again. Half characters (a file name that is not UTF-8, as Python reads it) are written as ``\\udc80``.
    """
    try:
        plain = msgspec.to_builtins(value)
        _refuse_non_finite(plain, "$")
        try:
            data = msgspec.json.encode(plain, order="sorted")
        except UnicodeEncodeError:
            data = msgspec.json.encode(_whole(plain), order="sorted")
    except RecursionError:
        raise ValueError("the value is nested too deep to be written") from None
    return data + b"\n"


def sha256_hex(data: bytes) -> str:
    """Hex digest of ``data``."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """Hex digest of the canonical form of ``value``."""
    return sha256_hex(canonical(value))


def _refuse_non_finite(value: Any, place: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} is {value}, which JSON cannot carry")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_non_finite(item, f"{place}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _refuse_non_finite(item, f"{place}[{index}]")


def _whole(value: Any) -> Any:
    """``value`` with every half character spelled out; two names that differ still differ."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(item) for item in value]
    return value
