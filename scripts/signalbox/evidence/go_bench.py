"""``go test -bench`` text: the median ns/op of each benchmark; a FAIL line is no measurement."""

from __future__ import annotations

import re
from collections.abc import Iterable
from statistics import median

from signalbox.evidence.reading import Reading, TextReader, Untrusted
from signalbox.evidence.timings import seconds, timings_reading

_LINE = re.compile(r"^(Benchmark\S*)\s+\d{1,12}\s+([0-9.]{1,24}) ns/op\b")


def _recognises(head: str) -> bool:
    return head.lstrip().startswith(("goos: ", "Benchmark")) and "Benchmark" in head


def _read(lines: Iterable[str]) -> Reading:
    runs: dict[str, list[float]] = {}
    ended = False
    for line in lines:
        if line.startswith(("FAIL", "--- FAIL", "panic:")):
            raise Untrusted("command-failed", f"the run failed: {line[:100]!r}")
        ended = ended or line.strip() == "PASS"
        match = _LINE.match(line)
        if match:
            try:
                value = float(match[2])
            except ValueError:
                raise Untrusted("bad-value", f"{match[1]}: {match[2]!r} ns/op") from None
            runs.setdefault(match[1], []).append(seconds(value * 1e-9, match[1]))
    if not ended:
        raise Untrusted("truncated", "the output does not end with PASS: the run was cut short")
    return timings_reading({name: float(f"{median(values):.12g}") for name, values in runs.items()})


READER = TextReader(format="go-bench", kind="performance", recognises=_recognises, read=_read)
