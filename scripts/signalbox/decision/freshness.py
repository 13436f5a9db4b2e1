"""When evidence stops counting: it is old, or it is about something else."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from signalbox.decision.model import Evidence, Gap, Subject


def parse_time(text: str) -> datetime:
    """An RFC 3339 time as an aware ``datetime`` in UTC; ``ValueError`` without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the calendar") from None


def format_time(moment: datetime) -> str:
    """``moment`` as RFC 3339 in UTC with whole seconds, ending in ``Z``."""
    # Not strftime: it writes years before 1000 without their zeros.
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def verify(evidence: Evidence, *, now: str, subject: Subject) -> Evidence:
    """``evidence`` as it counts for ``subject`` at ``now``.

    Stale evidence, evidence from the future, evidence with times that cannot be read and evidence
    about another repository, commit or digest comes back ``not_verified`` with the gap named. A
    failure stays a failure: an old FAIL is no reason to permit.
    """
    gaps = [*_mismatches(evidence, subject), *_staleness(evidence, now)]
    if not gaps:
        return evidence
    status = "fail" if evidence.status == "fail" else "not_verified"
    return msgspec.structs.replace(evidence, status=status, gaps=(*evidence.gaps, *gaps))


def _mismatches(evidence: Evidence, subject: Subject) -> list[Gap]:
    gaps = []
    for side in ("repository", "commit", "digest"):
        wanted, found = getattr(subject, side), getattr(evidence.subject, side)
        # Evidence that names no subject is not refused here: whether it must is a matter of policy.
        if wanted and found and wanted != found:
            gaps.append(Gap(f"other-{side}", f"this is about {side} {found}, not {wanted}"))
    return gaps


def _staleness(evidence: Evidence, now: str) -> list[Gap]:
    moment = parse_time(now)
    try:
        # An empty time is not "no time given": it is one that got lost on the way.
        observed = None if evidence.observed_at is None else parse_time(evidence.observed_at)
        until = None if evidence.fresh_until is None else parse_time(evidence.fresh_until)
    except ValueError as error:
        return [Gap("bad-time", f"a time in this evidence cannot be read: {error}")]
    if until is not None and moment > until:
        return [Gap("stale", f"fresh until {evidence.fresh_until}, and it is {now}")]
    # A minute of clock skew between machines is ordinary; more than that is a wrong clock.
    if observed is not None and (observed - moment).total_seconds() > 60:
        return [Gap("from-the-future", f"observed at {evidence.observed_at}, and it is {now}")]
    return []
