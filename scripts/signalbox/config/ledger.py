"""``ledger:``: where decisions are kept and for how long."""

from __future__ import annotations

from typing import Annotated

import msgspec

from signalbox.config.base import AtLeastOne, Section

# What git allows in a branch's name and no shell, option or ref expression can misread.
Branch = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]


class LedgerSettings(Section, frozen=True, kw_only=True):
    """Where records go when no --ledger says otherwise."""

    url: str = ""
    """A folder, or ``git:`` for refs in the repository itself; empty records only where --ledger says."""
    branch: Branch = "signalbox-ledger"
    """Where the nightly compaction puts the records of a ``git:`` ledger."""
    retention_days: AtLeastOne = 730
    """Older records leave the branch at the next compaction."""
