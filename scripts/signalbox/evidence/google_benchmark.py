"""Google Benchmark's JSON (``--benchmark_format=json``): medians or single runs, in seconds."""

from __future__ import annotations

from typing import Any

from signalbox.evidence.reading import JsonReader, Reading, Untrusted
from signalbox.evidence.timings import seconds, timings_reading
from signalbox.evidence.values import objects, text

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "benchmarks" in document and "context" in document


def _read(document: Any) -> Reading:
    medians: dict[str, float] = {}
    for index, item in enumerate(objects(document["benchmarks"], "benchmarks")):
        if item.get("error_occurred"):
            raise Untrusted("command-failed", f"benchmarks[{index}]: {text(item.get('error_message'))[:100]}")
        aggregate = text(item.get("aggregate_name"))
        if aggregate and aggregate != "median":
            continue
        unit = text(item.get("time_unit"), "ns")
        if unit not in _UNITS:
            raise Untrusted("bad-value", f"benchmarks[{index}]: unknown time unit {unit[:20]!r}")
        name = text(item.get("run_name")) or text(item.get("name")) or str(index)
        value = seconds(item.get("real_time"), f"benchmarks[{index}].real_time") * _UNITS[unit]
        if aggregate or name not in medians:
            medians[name] = value
    return timings_reading(medians)


READER = JsonReader(format="google-benchmark", kind="performance", recognises=_recognises, read=_read)
