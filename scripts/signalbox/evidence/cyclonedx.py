"""CycloneDX JSON, 1.2 and later: components by purl, their licences, vulnerabilities and VEX."""

from __future__ import annotations

from typing import Any

import msgspec

from signalbox.decision import Gap
from signalbox.evidence import cyclonedx_vulnerabilities as vulnerabilities
from signalbox.evidence.findings import findings_reading
from signalbox.evidence.openvex import vex_reading
from signalbox.evidence.purl import parse
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.values import objects, text

_DEEPEST = 50
_EXAMPLES = 3


def _is_cyclonedx(document: Any) -> bool:
    return isinstance(document, dict) and document.get("bomFormat") == "CycloneDX"


def _recognises_vex(document: Any) -> bool:
    """Vulnerabilities alone: a statement about a bill that lies elsewhere."""
    return (
        _is_cyclonedx(document) and bool(document.get("vulnerabilities")) and not document.get("components")
    )


def _read(document: Any) -> Reading:
    bill = Bill()
    _components(document.get("components"), bill, 0)
    metadata = document.get("metadata")
    stamp = text(metadata.get("timestamp")) if isinstance(metadata, dict) else ""
    reading = bill_reading(bill, stamp)
    if not document.get("vulnerabilities"):
        return reading
    found = vulnerabilities.read(document)
    facts = {**findings_reading(found.findings, {}, []).facts, **reading.facts, "vex": found.claims}
    status = "fail" if found.severe else reading.status
    return msgspec.structs.replace(reading, status=status, facts=facts)


def _read_vex(document: Any) -> Reading:
    found = vulnerabilities.read(document)
    metadata = document.get("metadata")
    stamp = text(metadata.get("timestamp")) if isinstance(metadata, dict) else ""
    reading = vex_reading(found.claims, found.gaps, stamp, "")
    facts = {**findings_reading(found.findings, {}, []).facts, **reading.facts}
    return msgspec.structs.replace(reading, facts=facts, status="fail" if found.severe else reading.status)


def _components(rows: Any, bill: Bill, depth: int) -> None:
    if rows is None or depth > _DEEPEST:
        return
    for item in objects(rows, "components"):
        licences = []
        for choice in objects(item.get("licenses") or [], "licenses"):
            licence = choice.get("license")
            told = text(choice.get("expression"))
            if isinstance(licence, dict):
                told = text(licence.get("id")) or text(licence.get("name"))
            licences.append(told or "NOASSERTION")
        bill.add(text(item.get("purl")), text(item.get("name"), "?"), text(item.get("version")), licences)
        _components(item.get("components"), bill, depth + 1)


class Bill:
    """Components as they are collected: names, packages with versions, and who is under which licence."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.packages: set[tuple[str, str, str]] = set()
        self.licences: dict[str, int] = {}
        self.examples: dict[str, list[str]] = {}

    def add(self, purl: str, name: str, version: str, licences: list[str]) -> None:
        """One component."""
        shown = unversioned(purl) or name
        self.names.add(shown)
        self.packages.add(parse(purl) or ("", name, version))
        for licence in licences:
            self.licences[licence] = self.licences.get(licence, 0) + 1
            if len(self.examples.setdefault(licence, [])) < _EXAMPLES:
                self.examples[licence].append(shown[:100])


def unversioned(purl: str) -> str:
    """A purl without version and qualifiers: a new version is not a new dependency."""
    head = purl.partition("?")[0].partition("#")[0]
    at = head.rfind("@")
    return head[:at] if at > head.rfind("/") else head


def bill_reading(bill: Bill, stamp: str = "") -> Reading:
    """The reading of every bill of materials; an empty one lists nothing and so proves nothing."""
    facts = {
        "components": len(bill.names),
        "names": sorted(bill.names),
        "component_list": [list(package) for package in sorted(bill.packages)],
        "licences": bill.licences,
        "licence_examples": bill.examples,
    }
    gaps = () if bill.names else (Gap("no-components", "the bill of materials lists no component"),)
    return Reading(
        status="not_verified" if gaps else "pass", facts=facts, gaps=gaps, observed_at=stamp or None
    )


VEX_READER = JsonReader(format="cyclonedx-vex", kind="vex", recognises=_recognises_vex, read=_read_vex)
READER = JsonReader(format="cyclonedx", kind="sbom", recognises=_is_cyclonedx, read=_read)
