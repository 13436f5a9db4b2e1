"""CycloneDX JSON, 1.2 and later: the components by purl, and the licences they declare."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.values import objects, text

_DEEPEST = 50


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and document.get("bomFormat") == "CycloneDX"


def _read(document: Any) -> Reading:
    names: set[str] = set()
    licences: dict[str, int] = {}
    _components(document.get("components"), names, licences, 0)
    metadata = document.get("metadata")
    stamp = text(metadata.get("timestamp")) if isinstance(metadata, dict) else ""
    return bill_reading(names, licences, stamp)


def _components(rows: Any, names: set[str], licences: dict[str, int], depth: int) -> None:
    if rows is None or depth > _DEEPEST:
        return
    for item in objects(rows, "components"):
        names.add(unversioned(text(item.get("purl"))) or text(item.get("name"), "?"))
        for choice in objects(item.get("licenses") or [], "licenses"):
            licence = choice.get("license")
            told = text(choice.get("expression"))
            if isinstance(licence, dict):
                told = text(licence.get("id")) or text(licence.get("name"))
            licences[told or "NOASSERTION"] = licences.get(told or "NOASSERTION", 0) + 1
        _components(item.get("components"), names, licences, depth + 1)


def unversioned(purl: str) -> str:
    """A purl without version and qualifiers: a new version is not a new dependency."""
    head = purl.partition("?")[0].partition("#")[0]
    at = head.rfind("@")
    return head[:at] if at > head.rfind("/") else head


def bill_reading(names: set[str], licences: dict[str, int], stamp: str = "") -> Reading:
    """The reading of every bill of materials; an empty one lists nothing and so proves nothing."""
    facts = {"components": len(names), "names": sorted(names), "licences": licences}
    gaps = () if names else (Gap("no-components", "the bill of materials lists no component"),)
    return Reading(
        status="not_verified" if gaps else "pass", facts=facts, gaps=gaps, observed_at=stamp or None
    )


READER = JsonReader(format="cyclonedx", kind="sbom", recognises=_recognises, read=_read)
