"""The ledger as JSON lines, for whatever reads those (pandas, DuckDB and others make Parquet of them)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from signalbox.decision import canonical, sha256_hex
from signalbox.ledger.reading import Reading


def json_lines(decisions: Reading, outcomes: Reading) -> Iterator[bytes]:
    """One object a line: `name`, `kind`, `trusted`, `sha256` of the record's own bytes, and the `record`.

    Decisions come first, each in order of their names. What does not count is a line with `damaged`.
    """
    for reading in (decisions, outcomes):
        for entry in reading.entries:
            head = {
                "name": entry.name,
                "kind": entry.kind,
                "trusted": entry.trusted,
                "sha256": sha256_hex(entry.raw),
            }
            # The record goes in as it is, numbers and order included; line breaks outside of texts go.
            record = msgspec.json.format(entry.raw, indent=-1)
            yield canonical(head)[:-2] + b',"record":' + record + b"}\n"
        for damage in reading.damaged:
            yield canonical({"name": damage.name, "damaged": damage.code, "why": damage.why})
