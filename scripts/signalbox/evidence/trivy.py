"""Trivy's JSON, schema version 2. Its lists may be null, which is empty; UNKNOWN severity stays unknown."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.findings import Finding, findings_reading, key_of, severity_of_word
from signalbox.evidence.packages import vulnerability
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.values import objects, strings, text


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "SchemaVersion" in document and "ArtifactName" in document


def _read(document: Any) -> Reading:
    gaps = []
    if document.get("Results") is None:
        # Trivy leaves the list out when it recognised nothing to scan.
        gaps.append(Gap("no-results", "there are no results: nothing in the artifact was recognised"))
    findings: list[Finding] = []
    for index, result in enumerate(objects(document.get("Results") or [], "Results")):
        where, target = f"Results[{index}]", text(result.get("Target"))
        for item in objects(result.get("Vulnerabilities") or [], f"{where}.Vulnerabilities"):
            findings.append(
                vulnerability(
                    text(item.get("VulnerabilityID"), "(no id)"),
                    text(item.get("PkgName"), "?"),
                    text(item.get("InstalledVersion")),
                    severity_of_word(item.get("Severity")),
                    aliases=strings(item.get("VendorIDs")),
                    title=text(item.get("Title")),
                )
            )
        for kind, name in (("Misconfigurations", "ID"), ("Secrets", "RuleID")):
            for item in objects(result.get(kind) or [], f"{where}.{kind}"):
                if text(item.get("Status")) == "PASS":
                    continue
                rule = text(item.get(name), "(no id)")[:100]
                findings.append(
                    Finding(
                        key=key_of(kind, rule, target, text(item.get("Title"))),
                        id=rule,
                        severity=severity_of_word(item.get("Severity")),
                        where=target[:200],
                        title=text(item.get("Title"))[:200],
                    )
                )
    return findings_reading(findings, {"tools": ["trivy"]}, gaps)


READER = JsonReader(format="trivy", kind="vulnerabilities", recognises=_recognises, read=_read)
