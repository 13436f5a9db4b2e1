"""Vulnerabilities of packages in one shape, for the scanners' readers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from signalbox.evidence.findings import Finding, key_of


def vulnerability(
    ident: str, package: str, version: str, severity: str, *, aliases: Iterable[Any] = (), title: str = ""
) -> Finding:
    """A vulnerability of one package. The version is not part of the key: an update that leaves the
    vulnerability in is no new finding.
    """
    names = tuple(sorted({a for a in aliases if isinstance(a, str) and a and a != ident}))[:20]
    # Scanners name one vulnerability by different databases; the CVE, where there is one, is common to all.
    canonical_id = next((n for n in (ident, *names) if n.startswith("CVE-")), ident)
    return Finding(
        key=key_of("vulnerability", canonical_id, package),
        id=ident[:100],
        severity=severity,
        where=f"{package}@{version}"[:200],
        title=title[:200],
        aliases=names,
        package=package[:200],
        version=version[:100],
    )
