"""SPDX JSON, 2.2 and 2.3: the packages by purl or name, and their licences."""

from __future__ import annotations

from typing import Any

from signalbox.evidence.cyclonedx import Bill, bill_reading
from signalbox.evidence.reading import JsonReader, Reading, Untrusted
from signalbox.evidence.values import mapping, objects, text


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "spdxVersion" in document


def _read(document: Any) -> Reading:
    if not text(document["spdxVersion"]).startswith("SPDX-2."):
        raise Untrusted("bad-version", f"SPDX {str(document['spdxVersion'])[:20]!r}; SPDX-2.x is read here")
    described = set()
    for relation in objects(document.get("relationships") or [], "relationships"):
        if relation.get("relationshipType") == "DESCRIBES":
            described.add(text(relation.get("relatedSpdxElement")))
    bill = Bill()
    for item in objects(document.get("packages") or [], "packages"):
        # What the document describes is the artifact itself, not a dependency of it.
        if text(item.get("SPDXID")) in described:
            continue
        references = objects(item.get("externalRefs") or [], "externalRefs")
        purls = [r for r in references if r.get("referenceType") == "purl"]
        purl = text(purls[0].get("referenceLocator")) if purls else ""
        licence = text(item.get("licenseConcluded"))
        if licence in ("", "NOASSERTION"):
            licence = text(item.get("licenseDeclared")) or "NOASSERTION"
        bill.add(purl, text(item.get("name"), "?"), text(item.get("versionInfo")), [licence])
    created = mapping(document.get("creationInfo") or {}, "creationInfo")
    return bill_reading(bill, text(created.get("created")))


READER = JsonReader(format="spdx", kind="sbom", recognises=_recognises, read=_read)
