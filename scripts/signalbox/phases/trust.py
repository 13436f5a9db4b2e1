"""Claims of trust from outside (kind ``surface.claim``), taken down as one of seven results. Pure."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from signalbox.decision import parse_time, sha256_hex

Result = Literal[
    "accepted",
    "rejected",
    "stale",
    "missing-authority",
    "integrity-mismatch",
    "provider-absent",
    "artifact-absent",
]


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken down of a claim: the result, the reason, and nothing of its content."""

    result: Result
    claim: str
    provider: str
    artifact: str
    why: str
    kind: str = "surface.claim"


class _Report(msgspec.Struct, frozen=True, kw_only=True):
    claim: str
    provider: str
    authority: str = ""
    verdict: Literal["trusted", "untrusted"]
    artifact: str = ""
    artifact_sha256: str = ""
    expires: str = ""


def judge(data: bytes | None, artifact: bytes | None, providers: dict[str, str], now: str) -> Surface | None:
    """One claim. ``providers``: those that policy trusts → the authority their claims must name.

    None where no provider is configured: ordinary work needs no claims. ``artifact`` are the bytes that the
    report is about, None when they are not there.
    """
    if not providers:
        return None
    if data is None:
        return _said("provider-absent", "no provider has left a report")
    try:
        report = msgspec.json.decode(data, type=_Report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _said("rejected", "this is no trust report")

    def said(result: Result, why: str) -> Surface:
        return _said(result, why, report)

    if report.provider not in providers:
        return said("provider-absent", "policy knows no such provider")
    if not report.authority or report.authority != providers[report.provider]:
        return said("missing-authority", "it does not name the authority that policy asks for")
    try:
        if parse_time(now) > parse_time(report.expires):
            return said("stale", f"it was good until {report.expires}")
    except ValueError:
        return said("stale", "it does not say until when it is good")
    if artifact is None:
        return said("artifact-absent", "what it is about is not there")
    if sha256_hex(artifact) != report.artifact_sha256:
        return said("integrity-mismatch", "what is there is not what it is about")
    if report.verdict != "trusted":
        return said("rejected", "the provider does not trust it")
    return said("accepted", "the provider trusts exactly this")


def _said(result: Result, why: str, report: Any = None) -> Surface:
    return Surface(
        result=result,
        claim=report.claim[:200] if report else "",
        provider=report.provider[:200] if report else "",
        artifact=report.artifact[:200] if report else "",
        why=why,
    )
