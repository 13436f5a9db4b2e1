"""OpenVEX 0.2: whether a product is affected by a vulnerability, as its author says.

What a statement lifts is for the promotion to say, which knows who signed it.
"""

from __future__ import annotations

import re
from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.purl import parse
from signalbox.evidence.reading import JsonReader, Reading
from signalbox.evidence.values import objects, one_of, strings, text

STATES = ("not_affected", "fixed", "under_investigation", "affected")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "openvex" in text(document.get("@context")).lower()


def _read(document: Any) -> Reading:
    gaps: dict[str, Gap] = {}
    claims = []
    stamp = text(document.get("last_updated")) or text(document.get("timestamp"))
    for index, row in enumerate(objects(document.get("statements"), "statements")):
        where = f"statements[{index}]"
        status = one_of(row.get("status"), STATES, f"{where}.status")
        why = text(row.get("justification")) or text(row.get("impact_statement"))
        if status == "not_affected" and not why:
            # The format asks for one of the two; without it nobody has given a reason.
            gaps["no-reason"] = Gap("no-reason", f"{where} says not_affected and gives no justification")
            continue
        for product in row.get("products") or [{}]:
            claims.append(
                {
                    "ids": _names(row.get("vulnerability")),
                    "status": status,
                    "why": why[:300],
                    "at": text(row.get("last_updated")) or text(row.get("timestamp")) or stamp,
                    **_product(product if isinstance(product, dict) else {"@id": text(product)}),
                }
            )
    if not claims:
        gaps.setdefault("empty", Gap("no-statements", "the document makes no statement"))
    return vex_reading(claims, list(gaps.values()), stamp, text(document.get("author")))


def vex_reading(claims: list[dict[str, Any]], gaps: list[Gap], stamp: str, author: str) -> Reading:
    """The reading of every kind of VEX document."""
    return Reading(
        status="not_verified" if gaps else "pass",
        facts={"vex": claims, "statements": len(claims)},
        gaps=tuple(gaps),
        observed_at=stamp or None,
        producer=author[:200],
    )


def _names(value: Any) -> list[str]:
    if isinstance(value, dict):
        name = text(value.get("name")) or text(value.get("@id")).rpartition("/")[2]
        return [n for n in (name, *strings(value.get("aliases"))) if n]
    return [text(value)] if text(value) else []


def _product(product: dict[str, Any]) -> dict[str, Any]:
    """``packages`` it speaks of, and the ``digests`` of the artifact it speaks within (empty: any)."""
    parts = [p if isinstance(p, dict) else {"@id": text(p)} for p in product.get("subcomponents") or []]
    own = place(product)
    if not parts:
        return {"packages": own["packages"], "digests": own["digests"], "within": False}
    packages = [package for part in parts for package in place(part)["packages"]]
    return {"packages": packages, "digests": own["digests"], "within": True}


def place(item: dict[str, Any]) -> dict[str, Any]:
    """Packages and digests that identify one product or component."""
    told = item.get("identifiers")
    identifiers = told if isinstance(told, dict) else {}
    names = [text(item.get("@id")), text(identifiers.get("purl"))]
    packages = {found for name in names if (found := parse(name))}
    hashes = item.get("hashes")
    digests = {f"sha256:{text(hashes.get('sha-256'))}"} if isinstance(hashes, dict) else set()
    digests |= {version for _, _, version in packages}
    return {
        "packages": [list(p) for p in sorted(packages) if not _DIGEST.fullmatch(p[2])],
        "digests": sorted(d for d in digests if _DIGEST.fullmatch(d)),
    }


READER = JsonReader(format="openvex", kind="vex", recognises=_recognises, read=_read)
