"""OSV-Scanner's JSON. ``max_severity: ""`` and a missing severity are unknown, never none."""

from __future__ import annotations

from typing import Any

from signalbox.evidence.findings import Finding, findings_reading, severity_of_score, severity_of_word
from signalbox.evidence.packages import vulnerability
from signalbox.evidence.reading import JsonReader, Reading, Untrusted
from signalbox.evidence.values import mapping, objects, strings, text


def _recognises(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    rows = document.get("results")
    shaped = isinstance(rows, list) and all(isinstance(r, dict) and "packages" in r for r in rows)
    return ("experimental_config" in document) or (shaped and bool(rows)) or document == {"results": []}


def _read(document: Any) -> Reading:
    if "results" not in document:
        raise Untrusted("no-results", "there are no results: the scanner did not get as far as looking")
    findings: list[Finding] = []
    packages = 0
    for at, result in enumerate(objects(document["results"], "results")):
        for package in objects(result.get("packages"), f"results[{at}].packages"):
            packages += 1
            findings += _package(package, f"results[{at}]")
    return findings_reading(findings, {"packages": packages, "tools": ["osv-scanner"]}, [])


def _package(package: dict[str, Any], where: str) -> list[Finding]:
    about = mapping(package.get("package"), f"{where}.package")
    groups = objects(package.get("groups") or [], f"{where}.groups")
    severities, grouped = {}, {}
    for group in groups:
        for name in strings(group.get("ids")):
            severities[name] = severity_of_score(group.get("max_severity")) or "unknown"
            grouped[name] = strings(group.get("ids"))
    found, done = [], set()
    for item in objects(package.get("vulnerabilities") or [], f"{where}.vulnerabilities"):
        ident = text(item.get("id"), "(no id)")
        # The ids of one group are one vulnerability under several names.
        names = tuple(sorted(grouped.get(ident, [ident])))
        if names in done:
            continue
        done.add(names)
        severity = severities.get(ident, "unknown")
        specific = item.get("database_specific")
        if severity == "unknown" and isinstance(specific, dict):
            severity = severity_of_word(specific.get("severity"))
        found.append(
            vulnerability(
                ident,
                text(about.get("name"), "?"),
                text(about.get("version")),
                severity,
                aliases=[*strings(item.get("aliases")), *names],
                title=text(item.get("summary")),
            )
        )
    return found


READER = JsonReader(format="osv", kind="vulnerabilities", recognises=_recognises, read=_read)
