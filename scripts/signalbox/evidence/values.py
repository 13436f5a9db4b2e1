"""Take one value out of a document, or say which one is not what it should be."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from signalbox.evidence.reading import Untrusted

LARGEST = 10**12


def count(value: Any, where: str) -> int:
    """A whole number from 0 to 10^12."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise Untrusted("bad-value", f"{where} should be a count and is {shown(value)}")
    return value


def mapping(value: Any, where: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Untrusted("bad-value", f"{where} should be an object and is {shown(value)}")
    return value


def objects(value: Any, where: str) -> list[dict[str, Any]]:
    """A list of JSON objects; null is not a list."""
    if not isinstance(value, list):
        raise Untrusted("bad-value", f"{where} should be a list and is {shown(value)}")
    return [mapping(item, f"{where}[{index}]") for index, item in enumerate(value)]


def one_of(value: Any, allowed: Collection[str], where: str) -> str:
    """One of the allowed words."""
    if not isinstance(value, str) or value not in allowed:
        raise Untrusted("bad-value", f"{where} is {shown(value)}, which the format does not know")
    return value


def text(value: Any, default: str = "") -> str:
    """A string, or the default for anything else."""
    return value if isinstance(value, str) else default


def strings(value: Any) -> list[str]:
    """The strings in a list; nothing for anything else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def shown(value: Any) -> str:
    """A value short enough for a sentence."""
    if value is None:
        return "missing"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return repr(value)[:40]
