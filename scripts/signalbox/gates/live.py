"""Evidence that is asked for at the moment of the gate: monitoring, incidents, feedback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from signalbox.decision import Evidence, Subject, not_verified
from signalbox.errors import InputError
from signalbox.files import read_limited

_OPEN = ("proposed", "routed", "approved", "escalated")


class Sample(Protocol):
    """An answer of Prometheus: its state, value, source and what went wrong."""

    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> float | None: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def detail(self) -> str: ...  # noqa: D102


def monitoring(sample: Sample, query: str, subject: Subject, now: str) -> Evidence:
    """Whether the query finds a fresh series of this digest: Prometheus forgets one after five minutes."""
    about: dict[str, Any] = {"subject": subject, "source": sample.source, "observed_at": now}
    if sample.state != "ok" or sample.value is None:
        text = f"whether it is monitored is not known ({sample.state}): {sample.detail}"
        return not_verified("monitoring", f"signal-{sample.state}", text, **about)
    if subject.digest and subject.digest not in query:
        text = "the query does not ask about this digest"
        return not_verified("monitoring", "other-digest", text, **about)
    if sample.value < 1:
        text = "the query finds no series of this digest"
        return not_verified("monitoring", "no-series", text, **about)
    return Evidence(
        kind="monitoring",
        status="pass",
        tier="live-acceptance",
        origin="protected",
        facts={"query": query, "series": sample.value},
        **about,
    )


def incidents(folder: Path, subject: Subject, now: str) -> Evidence:
    """How many critical incidents are open, by the records below ``folder``."""
    if not folder.is_dir():
        raise InputError("the folder of incidents is not there", where=str(folder), fix="Check --incidents.")
    open_, broken, read = [], [], 0
    for path in sorted(folder.rglob("*.json")):
        try:
            row = msgspec.json.decode(read_limited(path, 1 << 20, "incident"))
            severity, status = row["severity"], row["status"]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError, InputError):
            broken.append(path.name)
            continue
        read += 1
        if severity == "critical" and status in _OPEN:
            open_.append(str(row.get("id", path.name)))
        elif status not in (*_OPEN, "logged", "resolved", "refused"):
            broken.append(path.name)
    about: dict[str, Any] = {"subject": subject, "source": str(folder), "observed_at": now}
    facts = {"open_critical": len(open_), "read": read, "findings": open_[:20]}
    if open_:
        return Evidence(kind="no-critical-incident", status="fail", facts=facts, **about)
    if broken:
        text = f"these are no incident records: {', '.join(broken[:3])}"
        return not_verified("no-critical-incident", "unreadable", text, facts=facts, **about)
    return Evidence(kind="no-critical-incident", status="pass", facts=facts, **about)


def feedback(outcomes: Iterable[Mapping[str, Any]], subject: Subject, now: str) -> Evidence:
    """Whether the ledger holds an outcome of this digest (or commit, where there is no digest)."""
    about: dict[str, Any] = {"subject": subject, "source": "ledger", "observed_at": now}
    for row in outcomes:
        its = row.get("subject") or {}
        same = its.get("digest") == subject.digest if subject.digest else its.get("commit") == subject.commit
        if same and (subject.digest or subject.commit) and row.get("label") in ("clean", "bad"):
            facts = {"outcome": str(row.get("id")), "label": str(row.get("label"))}
            return Evidence(kind="feedback", status="pass", facts=facts, **about)
    return not_verified("feedback", "no-outcome", "the ledger holds no outcome of it", **about)
