"""Events of paging systems as outcomes: PagerDuty's webhook (V3), Opsgenie's, and a dispatch's plain form.

An incident counts for the deliveries that it names by digest, commit or decision id, wherever in its text or
details it does. All events about one incident give the same outcome; one that says that it was none takes the
outcome back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from signalbox.decision import canonical, format_time, sha256_hex
from signalbox.errors import InputError

_NAMES = (
    ("digest", re.compile(r"sha256:[0-9a-f]{64}")),
    ("commit", re.compile(r"(?<![0-9a-f:])[0-9a-f]{40}(?![0-9a-f])")),
    ("decision", re.compile(r"(?<![0-9a-f-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f-])")),
)
_LINK = re.compile(r"https://[^\s\"'<>]{1,500}")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What matters of an event; ``at`` is when the incident began, the same in each of its events."""

    key: str
    at: str
    text: str
    environment: str = ""
    link: str = ""
    dismissed: bool = False


def outcomes_of(data: bytes) -> bytes | None:
    """Outcomes as JSON for `read_outcomes`; None where ``data`` is no event of a paging system.

    Raises InputError for an event that names no delivery.
    """
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    event = _event(plain) if isinstance(plain, dict) else None
    if event is None:
        return None
    targets = _targets(event)
    if not targets:
        raise InputError(
            "the incident names no delivery",
            where=event.key,
            why="neither a digest nor a commit nor a decision's id is in it",
            fix="Put the artifact's digest into the alert's details.",
        )
    return canonical([_outcome(event, kind, value, len(targets)) for kind, value in targets])


def _event(plain: Mapping[str, Any]) -> Event | None:
    if "incident" in plain and "status" in plain:
        return Event(
            key=str(plain["incident"]),
            at=str(plain.get("at", "")),
            text=str(plain.get("digest", "")),
            environment=str(plain.get("environment", "")),
            dismissed=plain["status"] == "dismissed",
        )
    event = plain.get("event")
    if isinstance(event, dict) and str(event.get("event_type", "")).startswith("incident."):
        found = event.get("data")
        if not isinstance(found, dict):
            return None
        return Event(
            key=f"pagerduty {found.get('id', '')}",
            at=_time(found.get("created_at") or event.get("occurred_at")),
            text=_flat(found),
            link=_link(found.get("html_url")),
            dismissed=event["event_type"] == "incident.deleted",
        )
    alert = plain.get("alert")
    if isinstance(alert, dict) and "alertId" in alert:
        began = alert.get("createdAt")
        moment = datetime.fromtimestamp(began / 1000, UTC) if isinstance(began, int | float) else None
        return Event(
            key=f"opsgenie {alert['alertId']}",
            at=format_time(moment) if moment else "",
            text=_flat(alert),
            dismissed=plain.get("action") == "Delete",
        )
    return None


def _targets(event: Event) -> list[tuple[str, str]]:
    """What is named, by the surest kind of name that there is: a commit beside its digest is the same."""
    for kind, pattern in _NAMES:
        found = list(dict.fromkeys(pattern.findall(event.text)))
        if found:
            return [(kind, value) for value in found[:20]]
    return []


def _outcome(event: Event, kind: str, value: str, of: int) -> dict[str, Any]:
    ident = "o-" + sha256_hex(f"paging {event.key} {value}".encode())[:24]
    about: dict[str, Any] = {"decision": value} if kind == "decision" else {"subject": {kind: value}}
    if event.environment and "subject" in about:
        about["subject"]["environment"] = event.environment
    shared = f"; it names {of} deliveries" if of > 1 else ""
    body: dict[str, Any] = {"id": ident, "label": "bad", "source": "incident-link", **about}
    if event.dismissed:
        back = "o-" + sha256_hex(f"back {ident}".encode())[:24]
        body = {"id": back, "label": "unknown", "source": "manual", "retracts": ident}
    body["text"] = f"incident {event.key}{shared}"
    if event.at:
        body["observed_at"] = event.at
    if event.link:
        body["links"] = [event.link]
    return body


def _flat(value: Any, depth: int = 8) -> str:
    """Every text below a value, a line each."""
    if isinstance(value, str):
        return value[:20_000]
    if depth and isinstance(value, dict):
        return "\n".join(_flat(item, depth - 1) for item in value.values())
    if depth and isinstance(value, list):
        return "\n".join(_flat(item, depth - 1) for item in value[:1000])
    return ""


def _time(value: Any) -> str:
    """As the ledger writes it; empty for what is no time, so that the recorder's own stands in."""
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return ""
    return format_time((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC))


def _link(value: Any) -> str:
    return value if isinstance(value, str) and _LINK.fullmatch(value) else ""
