"""CISA's catalogue of known-exploited vulnerabilities, as a file with its release date."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.values import count, objects, text


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "catalogVersion" in document and "vulnerabilities" in document


def _read(document: Any) -> Reading:
    rows = objects(document["vulnerabilities"], "vulnerabilities")
    names = sorted({text(row.get("cveID")) for row in rows} - {""})
    gaps = []
    if count(document.get("count", len(rows)), "count") != len(rows):
        gaps.append(
            Gap("counts-differ", f"declares {document['count']} vulnerabilities and lists {len(rows)}")
        )
    if not names:
        gaps.append(Gap("empty-feed", "the catalogue lists nothing"))
    return Reading(
        status="not_verified" if gaps else "pass",
        facts={"exploited": names, "entries": len(names)},
        gaps=tuple(gaps),
        observed_at=text(document.get("dateReleased")) or None,
    )


READER = JsonReader(format="kev", kind="exploited-feed", recognises=_recognises, read=_read)
