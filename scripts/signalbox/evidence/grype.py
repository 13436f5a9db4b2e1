"""Grype's JSON (``grype -o json``)."""

from __future__ import annotations

import re
from typing import Any

from signalbox.decision import Subject
from signalbox.evidence.findings import findings_reading, severity_of_word
from signalbox.evidence.packages import vulnerability
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.values import mapping, objects, text

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "matches" in document and "descriptor" in document


def _read(document: Any) -> Reading:
    findings = []
    for index, match in enumerate(objects(document["matches"], "matches")):
        item = mapping(match.get("vulnerability"), f"matches[{index}].vulnerability")
        artifact = mapping(match.get("artifact"), f"matches[{index}].artifact")
        related = objects(match.get("relatedVulnerabilities") or [], f"matches[{index}].related")
        findings.append(
            vulnerability(
                text(item.get("id"), "(no id)"),
                text(artifact.get("name"), "?"),
                text(artifact.get("version")),
                severity_of_word(item.get("severity")),
                aliases=[r.get("id") for r in related],
                title=text(item.get("description")),
            )
        )
    reading = findings_reading(findings, {"tools": ["grype"]}, [])
    return Reading(
        status=reading.status,
        facts=reading.facts,
        gaps=reading.gaps,
        subject=Subject(digest=_digest(document.get("source"))),
    )


def _digest(source: Any) -> str:
    """The scanned image's manifest digest, empty where something else was scanned."""
    target = source.get("target") if isinstance(source, dict) else None
    if not isinstance(target, dict):
        return ""
    told = text(target.get("manifestDigest"))
    return told if _DIGEST.fullmatch(told) else ""


READER = JsonReader(format="grype", kind="vulnerabilities", recognises=_recognises, read=_read)
