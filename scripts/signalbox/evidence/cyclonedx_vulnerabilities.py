"""``vulnerabilities`` in a CycloneDX document: findings, and what their analyses claim (VEX)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import msgspec

from signalbox.decision import Gap
from signalbox.evidence.findings import SEVERITIES, Finding, severity_of_score, severity_of_word
from signalbox.evidence.packages import vulnerability
from signalbox.evidence.purl import parse
from signalbox.evidence.values import mapping, objects, one_of, text

# CycloneDX's states of an analysis in OpenVEX's words.
_STATES = {
    "resolved": "fixed",
    "resolved_with_pedigree": "fixed",
    "exploitable": "affected",
    "in_triage": "under_investigation",
    "false_positive": "not_affected",
    "not_affected": "not_affected",
}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Found(msgspec.Struct, kw_only=True):
    """Findings that stand, and claims about any."""

    findings: list[Finding] = []
    claims: list[dict[str, Any]] = []
    gaps: list[Gap] = []

    @property
    def severe(self) -> bool:
        """Whether any is critical or high."""
        return any(finding.severity in ("critical", "high") for finding in self.findings)


def read(document: dict[str, Any]) -> Found:
    """Every vulnerability, by the component it affects. One without an analysis stands."""
    known = _references(document)
    metadata = document.get("metadata")
    stamp = text(metadata.get("timestamp")) if isinstance(metadata, dict) else ""
    found = Found()
    for index, row in enumerate(objects(document.get("vulnerabilities") or [], "vulnerabilities")):
        where = f"vulnerabilities[{index}]"
        places = [
            known.get(ref) or _reference(ref)
            for ref in (
                text(one.get("ref")) for one in objects(row.get("affects") or [{}], f"{where}.affects")
            )
        ]
        _one(row, places, where, stamp, found)
    return found


def _one(
    row: dict[str, Any], places: list[tuple[list[str], list[str]]], where: str, stamp: str, found: Found
) -> None:
    ident = text(row.get("id"), "(no id)")
    names = [text(one.get("id")) for one in objects(row.get("references") or [], f"{where}.references")]
    analysis = row.get("analysis")
    state = ""
    if analysis is not None:
        told = mapping(analysis, f"{where}.analysis")
        state = _STATES[one_of(told.get("state"), _STATES, f"{where}.analysis.state")]
        why = text(told.get("justification")) or text(told.get("detail"))
        if state == "not_affected" and not why:
            gap = Gap("no-reason", f"{where} says that nothing is affected and gives no reason")
            found.gaps.append(gap)
            state = ""
        else:
            at = text(row.get("updated")) or stamp
            found.claims += [
                {"ids": [ident, *names], "status": state, "why": why[:300], "at": at}
                | {"packages": [package] if package else [], "digests": digests, "within": False}
                for package, digests in places
            ]
    for package, _ in places:
        name, version = (package[1], package[2]) if package else ("?", "")
        found.findings.append(
            vulnerability(
                ident, name, version, _severity(row), aliases=names, title=text(row.get("description"))
            )
        )


def _severity(row: dict[str, Any]) -> str:
    """The worst of all ratings that can be read; unknown where none can."""
    told = []
    for rating in objects(row.get("ratings") or [], "ratings"):
        word = severity_of_word(rating.get("severity"))
        told.append(word if word != "unknown" else severity_of_score(rating.get("score")) or "unknown")
    known = [word for word in told if word != "unknown"]
    return min(known, key=SEVERITIES.index) if known else "unknown"


def _references(document: dict[str, Any]) -> dict[str, tuple[list[str], list[str]]]:
    """bom-ref → package and digests, of every component and of the product itself."""
    metadata = document.get("metadata")
    product = metadata.get("component") if isinstance(metadata, dict) else None
    rows = [
        *(objects(document.get("components") or [], "components")),
        *([product] if isinstance(product, dict) else []),
    ]
    known = {}
    while rows:
        item = rows.pop()
        rows += objects(item.get("components") or [], "components")
        if text(item.get("bom-ref")):
            known[item["bom-ref"]] = _place(item)
    return known


def _place(item: dict[str, Any]) -> tuple[list[str], list[str]]:
    package = parse(text(item.get("purl"))) or ("", text(item.get("name")), text(item.get("version")))
    hashes = objects(item.get("hashes") or [], "hashes")
    digests = [f"sha256:{text(h.get('content'))}" for h in hashes if h.get("alg") == "SHA-256"]
    digests += [package[2]]
    return list(package), [digest for digest in digests if _DIGEST.fullmatch(digest)]


def _reference(ref: str) -> tuple[list[str], list[str]]:
    """A reference into another bill: its fragment is the bom-ref there, often a purl."""
    package = parse(unquote(ref.rpartition("#")[2] if ref.startswith("urn:cdx:") else ref))
    return (
        ([], [])
        if package is None
        else (list(package), [package[2]] if _DIGEST.fullmatch(package[2]) else [])
    )
