"""OWASP ZAP's JSON report: alerts of a running site, one finding an alert and place."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.findings import Finding, findings_reading, key_of
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.values import objects, text

_RISK = {"3": "high", "2": "medium", "1": "low", "0": "none"}


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "site" in document and "@version" in document


def _read(document: Any) -> Reading:
    sites = document["site"] if isinstance(document["site"], list) else [document["site"]]
    findings = []
    for site in objects(sites, "site"):
        for alert in objects(site.get("alerts") or [], "alerts"):
            rule = text(alert.get("alertRef")) or text(alert.get("pluginid"), "?")
            for instance in objects(alert.get("instances") or [{}], "instances"):
                place = f"{text(instance.get('method'))} {text(instance.get('uri'))}".strip()
                findings.append(
                    Finding(
                        key=key_of("zap", rule, place, text(instance.get("param"))),
                        id=f"ZAP-{rule}"[:100],
                        severity=_RISK.get(str(alert.get("riskcode")), "unknown"),
                        where=place[:200],
                        title=text(alert.get("alert"))[:200],
                        suppressed=str(alert.get("confidence")) == "0",
                    )
                )
    gaps = [] if sites else [Gap("nothing-scanned", "the report names no site: nothing was scanned")]
    return findings_reading(findings, {"sites": len(sites), "tools": ["zap"]}, gaps)


READER = JsonReader(format="zap", kind="dast", recognises=_recognises, read=_read)
