"""What VEX statements lift: a finding that its author says does not apply counts as suppressed, if they may.

Only documents at least as trusted as policy asks lift anything, only what is not affected or fixed, only for
this digest or this package; and a severe finding that is lifted is shown to a person. A malicious or
known-exploited component is never lifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from signalbox.decision import Evidence, Origin

RANK: dict[Origin, int] = {"self-reported": 0, "protected": 1, "attested": 2}
_STRICT = {"not_affected": 0, "fixed": 1, "under_investigation": 2, "affected": 3}
Finding = dict[str, Any]


class Lifted(msgspec.Struct, frozen=True, kw_only=True):
    """Findings after VEX; how many were lifted, are claimed by documents not trusted, are being looked at."""

    findings: list[Finding]
    lifted: int = 0
    untrusted: int = 0
    open_questions: int = 0


def apply(
    findings: Sequence[Finding], evidence: Sequence[Evidence], *, digest: str, wanted: Origin
) -> Lifted:
    """The findings as they stand after every VEX claim in ``evidence``.

    Of several claims about one finding the youngest counts, and of equally young ones the strictest.
    """
    trusted: list[dict[str, Any]] = []
    other: list[dict[str, Any]] = []
    for item in evidence:
        good = item.status != "not_verified" and RANK[item.origin] >= RANK[wanted]
        (trusted if good else other).extend(item.facts.get("vex", ()))
    result: list[Finding] = []
    lifted = untrusted = asked = 0
    for finding in findings:
        state = _state(finding, trusted, digest)
        if state in ("not_affected", "fixed") and not finding.get("suppressed"):
            result.append({**finding, "suppressed": True})
            lifted += 1
            continue
        if state == "under_investigation":
            asked += 1
        elif not state and _state(finding, other, digest) in ("not_affected", "fixed"):
            untrusted += 1
        result.append(finding)
    return Lifted(findings=result, lifted=lifted, untrusted=untrusted, open_questions=asked)


def _state(finding: Finding, claims: Sequence[dict[str, Any]], digest: str) -> str:
    if not finding.get("package"):
        return ""
    names = {finding["id"], *finding.get("aliases", ())}
    fitting = [c for c in claims if names & set(c["ids"]) and _about(finding, c, digest)]
    if not fitting:
        return ""
    newest = max(claim["at"] for claim in fitting)
    states: list[str] = [claim["status"] for claim in fitting if claim["at"] == newest]
    return max(states, key=_STRICT.__getitem__)


def _about(finding: Finding, claim: dict[str, Any], digest: str) -> bool:
    """Whether the claim is about this package in this artifact.

    A statement within a product, or about a product as a whole, must name this artifact's digest; one that
    names only the package holds wherever the package is.
    """
    packages, digests = claim["packages"], claim["digests"]
    if digests and digest not in digests:
        return False
    if not packages:
        return bool(digests)
    if claim["within"] and not digests:
        return False
    return any(_same(finding, name, version) for _, name, version in packages)


def _same(finding: Finding, name: str, version: str) -> bool:
    known = {finding["package"].lower().replace(":", "/")}
    known |= {one.replace("_", "-").replace(".", "-") for one in known}
    short = name.lower().rpartition("/")[2]
    if not known & {name.lower(), short if "/" in name else name.lower()}:
        return False
    return not version or not finding.get("version") or version == finding["version"]
