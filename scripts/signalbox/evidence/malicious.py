"""OSV records of malicious packages (``MAL-…``): one record, a list of them, or a query's ``{"vulns": […]}``.

The feed is as old as its youngest record: a live feed changes every day.
"""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.purl import ECOSYSTEMS, normal
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.values import mapping, objects, strings, text


def _rows(document: Any) -> Any:
    if isinstance(document, dict):
        return [document] if "id" in document and "affected" in document else document.get("vulns")
    return document


def _recognises(document: Any) -> bool:
    rows = _rows(document)
    shaped = isinstance(rows, list) and bool(rows)
    return shaped and all(isinstance(r, dict) and text(r.get("id")).startswith("MAL-") for r in rows)


def _read(document: Any) -> Reading:
    listed: dict[str, list[dict[str, Any]]] = {}
    unknown, stamps, records = 0, [], 0
    for index, row in enumerate(objects(_rows(document), "records")):
        stamps.append(text(row.get("modified")))
        if row.get("withdrawn"):
            continue
        records += 1
        for item in objects(row.get("affected") or [], f"records[{index}].affected"):
            package = mapping(item.get("package"), f"records[{index}].package")
            ecosystem = text(package.get("ecosystem")).partition(":")[0].lower().removesuffix(".io")
            kind = ECOSYSTEMS.get(ecosystem, "")
            name = normal(kind, text(package.get("name")))
            if not kind or not name:
                unknown += 1
                continue
            # Ranges are not resolved: without a list of versions every version counts as malicious.
            versions = [] if item.get("ranges") and _open(item["ranges"]) else strings(item.get("versions"))
            entry = {"id": text(row["id"])[:60], "versions": versions}
            listed.setdefault(f"{kind}/{name}", []).append(entry)
    gaps = []
    if unknown:
        gaps.append(Gap("unknown-ecosystem", f"{unknown} entries are of ecosystems that no bill names"))
    if not records:
        gaps.append(Gap("empty-feed", "every record was withdrawn"))
    return Reading(
        status="not_verified" if gaps else "pass",
        facts={"malicious": listed, "entries": records},
        gaps=tuple(gaps),
        observed_at=max(stamps) or None,
    )


def _open(ranges: Any) -> bool:
    """Whether some range has no end, so that versions which are not listed are meant too."""
    for item in ranges if isinstance(ranges, list) else [{}]:
        events = item.get("events") if isinstance(item, dict) else None
        if not isinstance(events, list) or not any("fixed" in e or "last_affected" in e for e in events):
            return True
    return False


READER = JsonReader(format="osv-malicious", kind="malicious-feed", recognises=_recognises, read=_read)
