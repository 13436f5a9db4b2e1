"""The page says what the code does."""

import re
from pathlib import Path

from signalbox.ledger import read_outcomes
from signalbox.ledger.labels import CONFIDENCE

PAGE = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text("utf-8")


def test_the_table_of_sources_is_the_order_of_precedence():
    rows = re.findall(r"^\| `([a-z-]+)` \| ([0-9.]+) \|", PAGE, re.M)
    assert [(source, float(confidence)) for source, confidence in rows] == list(CONFIDENCE.items())


def test_the_example_is_an_outcome():
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.S)
    how = {"recorded_at": "2026-01-02T03:04:05Z", "producer": "p", "where": "docs"}
    assert len(read_outcomes(example.replace("<id>", "d-1").encode(), **how)) == 1
