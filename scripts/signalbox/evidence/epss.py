"""EPSS: the probability that a CVE is exploited within 30 days, as FIRST's dated CSV (unpacked).

The first line tells model and date: ``#model_version:…,score_date:2026-05-01T00:00:00+0000``.
The format has no end mark: a list cut between two rows is a whole list of fewer CVEs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from signalbox.decision import Gap
from signalbox.evidence.reading import Reading, TextReader, Untrusted

_HEAD = re.compile(r"#model_version:([^,]{1,40}),score_date:([0-9T:+.Z-]{10,40})\s*")
_CVE = re.compile(r"CVE-\d{4}-\d{4,19}")
_MOST = 5_000_000


def _recognises(first: str) -> bool:
    return first.startswith("#model_version:")


def _read(lines: Iterable[str]) -> Reading:
    rows = iter(lines)
    head = _HEAD.fullmatch(next(rows, ""))
    if head is None:
        raise Untrusted("bad-head", "the first line does not tell the model and the date of the scores")
    columns = next(rows, "").split(",")
    if columns[:2] != ["cve", "epss"]:
        raise Untrusted("bad-head", "the columns are not cve,epss,percentile")
    scores: dict[str, float] = {}
    for number, line in enumerate(rows, 3):
        if not line:
            continue
        cells = line.split(",")
        scores[_cve(cells[0], number)] = _share(cells[1] if len(cells) == len(columns) else "", number)
        if len(scores) > _MOST:
            raise Untrusted("too-large", f"more than {_MOST} rows")
    gaps = () if scores else (Gap("empty-feed", "the list holds no score"),)
    return Reading(
        status="not_verified" if gaps else "pass",
        facts={"epss": scores, "entries": len(scores), "model": head[1]},
        gaps=gaps,
        observed_at=_offset(head[2]),
    )


def _cve(text: str, line: int) -> str:
    if not _CVE.fullmatch(text):
        raise Untrusted("bad-value", f"line {line}: {text[:40]!r} is no CVE")
    return text


def _share(text: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    # NaN fails both comparisons.
    if not 0 <= value <= 1:
        raise Untrusted("bad-value", f"line {line}: {text[:40]!r} is no probability; is the file cut short?")
    return value


def _offset(text: str) -> str:
    """``+0000`` as ``+00:00``; a bare date is the start of that day in UTC, as FIRST publishes it."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return f"{text}T00:00:00Z"
    return re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", text)


READER = TextReader(format="epss", kind="exploit-likelihood", recognises=_recognises, read=_read)
