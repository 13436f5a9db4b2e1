"""One line of doctor's table."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "missing", "not_verified"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that should be set up. ``found`` says what is there; ``fix`` is a command or a page.

    ``not_verified`` is no ok: it says that the answer is not known, and ``found`` why.
    """

    name: str
    state: State
    found: str
    fix: str = ""


def ok(name: str, found: str) -> Check:
    """A thing that is set up."""
    return Check(name=name, state="ok", found=found)


def missing(name: str, found: str, fix: str) -> Check:
    """A thing that is not set up."""
    return Check(name=name, state="missing", found=found, fix=fix)


def not_verified(name: str, found: str, fix: str) -> Check:
    """A thing of which nothing is known."""
    return Check(name=name, state="not_verified", found=found, fix=fix)
