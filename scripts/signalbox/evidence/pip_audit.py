"""pip-audit's JSON. A dependency that was skipped was not audited, whatever the exit code said."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.findings import findings_reading
from signalbox.evidence.packages import vulnerability
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.values import objects, strings, text


def _recognises(document: Any) -> bool:
    rows = document.get("dependencies") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not rows:
        return isinstance(document, dict) and document.keys() == {"dependencies", "fixes"}
    return all(isinstance(r, dict) and "name" in r and ("vulns" in r or "skip_reason" in r) for r in rows)


def _read(document: Any) -> Reading:
    rows = objects(document["dependencies"] if isinstance(document, dict) else document, "dependencies")
    findings, skipped = [], []
    for index, row in enumerate(rows):
        if "vulns" not in row:
            skipped.append(text(row.get("name"), "?"))
            continue
        for item in objects(row["vulns"], f"dependencies[{index}].vulns"):
            findings.append(
                vulnerability(
                    text(item.get("id"), "(no id)"),
                    text(row.get("name"), "?"),
                    text(row.get("version")),
                    # pip-audit reports no severity.
                    "unknown",
                    aliases=strings(item.get("aliases")),
                    title=text(item.get("description")),
                )
            )
    gaps = []
    if not rows:
        gaps.append(Gap("nothing-audited", "no dependency was audited"))
    elif skipped:
        names = ", ".join(skipped[:5])
        gaps.append(Gap("skipped", f"{len(skipped)} of {len(rows)} dependencies were not audited: {names}"))
    return findings_reading(findings, {"packages": len(rows), "tools": ["pip-audit"]}, gaps)


READER = JsonReader(format="pip-audit", kind="vulnerabilities", recognises=_recognises, read=_read)
