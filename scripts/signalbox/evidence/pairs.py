"""Interleaved pairs as ``bench_pairs.py`` writes them: the one benchmark format that can decide.

``{"signalbox_pairs": 1, "baseline": sha, "candidate": sha, "benchmarks": {name: [[baseline_s,
candidate_s], …]}}``
"""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap, Subject
from signalbox.evidence.reading import JsonReader, Reading, Untrusted
from signalbox.evidence.timings import seconds
from signalbox.evidence.values import mapping, shown, text

MOST_PAIRS = 10_000


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "signalbox_pairs" in document


def _read(document: Any) -> Reading:
    if document["signalbox_pairs"] != 1:
        raise Untrusted(
            "bad-version", f"pairs of version {shown(document['signalbox_pairs'])}; 1 is read here"
        )
    result: dict[str, list[list[float]]] = {}
    for name, pairs in mapping(document.get("benchmarks"), "benchmarks").items():
        where = f"benchmarks[{name[:60]!r}]"
        if not isinstance(pairs, list) or len(pairs) > MOST_PAIRS:
            raise Untrusted("bad-value", f"{where} should be a list of pairs")
        result[name] = [_pair(pair, f"{where}[{index}]") for index, pair in enumerate(pairs)]
    gaps = []
    if not result or not all(result.values()):
        gaps.append(Gap("no-pairs", "a benchmark has no pair, or there is no benchmark"))
    return Reading(
        status="not_verified" if gaps else "pass",
        facts={"pairs": result, "benchmarks": len(result)},
        gaps=tuple(gaps),
        subject=Subject(commit=text(document.get("candidate"))),
        observed_at=text(document.get("observed_at")) or None,
    )


def _pair(pair: Any, where: str) -> list[float]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise Untrusted("bad-value", f"{where} should be [baseline, candidate] and is {shown(pair)}")
    return [seconds(value, where) for value in pair]


READER = JsonReader(format="signalbox-pairs", kind="performance", recognises=_recognises, read=_read)
