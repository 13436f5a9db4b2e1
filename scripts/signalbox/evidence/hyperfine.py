"""hyperfine's JSON (``--export-json``): medians in seconds; a command that failed is no measurement."""

from __future__ import annotations

from typing import Any

from signalbox.evidence.reading import JsonReader, Reading, Untrusted
from signalbox.evidence.timings import seconds, timings_reading
from signalbox.evidence.values import objects, text


def _recognises(document: Any) -> bool:
    rows = document.get("results") if isinstance(document, dict) else None
    return isinstance(rows, list) and bool(rows) and all(isinstance(r, dict) and "command" in r for r in rows)


def _read(document: Any) -> Reading:
    medians = {}
    for index, item in enumerate(objects(document["results"], "results")):
        codes = item.get("exit_codes", [])
        if isinstance(codes, list) and any(code != 0 for code in codes):
            raise Untrusted("command-failed", f"results[{index}]: the command did not always exit with 0")
        name = text(item.get("command"))[:200] or str(index)
        medians[name] = seconds(item.get("median"), f"results[{index}].median")
    return timings_reading(medians)


READER = JsonReader(format="hyperfine", kind="performance", recognises=_recognises, read=_read)
