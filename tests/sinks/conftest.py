"""A small ledger for every test of the lane."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.records import bundle, outcome
from signalbox.ledger import FolderLedger


@pytest.fixture
def ledger(tmp_path: Path) -> FolderLedger:
    found = FolderLedger(tmp_path / "ledger")
    found.record(bundle("promotion", id="p-1", verdict="block", outputs={"score": 0.5}, propensity=0.25))
    found.record(bundle("rollout", id="r-1"))
    found.record_outcome(outcome(id="o-1", decision="p-1", label="bad"))
    return found
