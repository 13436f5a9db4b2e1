"""``ledger:``: where decisions are kept and for how long."""

from __future__ import annotations

from signalbox.config.base import AtLeastOne, Section


class LedgerSettings(Section, frozen=True, kw_only=True):
    """``url`` is a folder, or ``git:`` with a branch; empty keeps only what is asked for by --ledger."""

    url: str = ""
    branch: str = "signalbox-ledger"
    retention_days: AtLeastOne = 730
