"""SPDX's own list of licences (``licenses.json``): which identifiers exist, and which the OSI approved."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.values import objects, text


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "licenseListVersion" in document and "licenses" in document


def _read(document: Any) -> Reading:
    rows = objects(document["licenses"], "licenses")
    ids = sorted({text(row.get("licenseId")) for row in rows} - {""})
    approved = sorted({text(r.get("licenseId")) for r in rows if r.get("isOsiApproved") is True} - {""})
    gaps = () if ids else (Gap("empty-feed", "the list names no licence"),)
    return Reading(
        status="not_verified" if gaps else "pass",
        facts={"licence_ids": ids, "osi_approved": approved, "entries": len(ids)},
        gaps=gaps,
        producer=f"SPDX licence list {text(document['licenseListVersion'])[:40]}",
    )


READER = JsonReader(format="spdx-licences", kind="licence-list", recognises=_recognises, read=_read)
