"""From what git and GitHub tell of delivered changes to outcomes, where it is certain which is meant. Pure.

An incident counts for the deployments that it names; a revert for the delivery that brought the reverted
commit; a hotfix for what it names, else for the one deployment shortly before it. Where more than one could
be meant, none is, and that is said. What was told and no longer holds (an incident closed as a duplicate, the
revert of a revert) is taken back by a later outcome; nothing is ever edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from signalbox.decision import Subject, format_time, parse_time
from signalbox.feedback.history import Made
from signalbox.feedback.revisions import Claim, changes
from signalbox.ledger.records import Outcome, OutcomeSource

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COMMIT = re.compile(r"(?<![0-9a-f:])[0-9a-f]{40}(?![0-9a-f])")
_STANDS = {"rollout": 2, "promotion": 1}
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class Revert(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that takes others back; full commit ids, ``at`` RFC 3339."""

    commit: str
    reverts: tuple[str, ...]
    at: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An incident or a hotfix. ``text`` is empty where a stranger wrote it: then it names nothing."""

    key: str
    at: str
    text: str = ""
    url: str = ""
    dismissed: bool = False
    """Closed as a duplicate or as none."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A GitHub deployment whose last state is a failure."""

    key: str
    commit: str
    environment: str
    at: str
    url: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was read. None means a source that could not be read: nothing follows from it."""

    reverts: tuple[Revert, ...] | None = None
    incidents: tuple[Report, ...] | None = None
    hotfixes: tuple[Report, ...] | None = None
    failures: tuple[Failure, ...] | None = None
    delivered_by: Mapping[str, str] = {}
    """Commit → the commit of the first delivery that holds it."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """New outcomes, canonical bytes, and what could not be attributed to anything: (what, why)."""

    outcomes: tuple[bytes, ...]
    unattributed: tuple[tuple[str, str], ...]


def gather(
    told: Told,
    made: Sequence[Made],
    known: Iterable[Outcome],
    *,
    since: datetime,
    now: datetime,
    quiet_days: float,
    hotfix_hours: float,
    producer: str,
) -> Gathered:
    """New outcomes about ``made`` (every decision of the ledger, oldest first), given those ``known``.

    ``since`` bounds what was read: older outcomes are left as they are. A delivery that nobody said anything
    of for ``quiet_days`` is clean as far as one knows (source time-window), if every source could be read.
    """
    unattributed: list[tuple[str, str]] = []
    wanted: list[Claim] = []
    read: set[str] = set()
    if told.incidents is not None:
        read.add("incident")
        wanted += _incidents(told.incidents, made, unattributed)
    if told.hotfixes is not None:
        read.add("hotfix")
        wanted += _hotfixes(told.hotfixes, made, hotfix_hours, unattributed)
    if told.reverts is not None:
        read.add("revert")
        wanted += _reverts(told.reverts, made, told.delivered_by)
    if told.failures is not None:
        read.add("deployment")
        wanted += _failures(told.failures, made, unattributed)
    if None not in (told.incidents, told.hotfixes, told.reverts, told.failures):
        wanted += _quiet(made, since, now - timedelta(days=quiet_days))
    return Gathered(
        outcomes=tuple(changes(wanted, known, read, since=since, now=now, producer=producer)),
        unattributed=tuple(unattributed),
    )


def _incidents(
    reports: Sequence[Report], made: Sequence[Made], unattributed: list[tuple[str, str]]
) -> list[Claim]:
    wanted = []
    for report in reports:
        if report.dismissed:
            continue
        targets = _named(report.text, made)
        if not targets:
            unattributed.append((f"incident {report.key}", "it names no delivery that is on record"))
        for target in targets:
            shared = f"; it names {len(targets)} deliveries" if len(targets) > 1 else ""
            wanted.append(
                _about(
                    target,
                    "incident-link",
                    f"incident {report.key}",
                    report,
                    f"incident {report.key}{shared}",
                )
            )
    return wanted


def _hotfixes(
    reports: Sequence[Report], made: Sequence[Made], hours: float, unattributed: list[tuple[str, str]]
) -> list[Claim]:
    wanted = []
    deployed = _deployed(made)
    for report in reports:
        key = f"hotfix {report.key}"
        targets = _named(report.text, made)
        for target in targets:
            wanted.append(_about(target, "hotfix", key, report, f"{key} names it"))
        if targets:
            continue
        at = parse_time(report.at)
        near = [m for m in deployed if at - timedelta(hours=hours) <= m.at < at]
        if len({m.subject.digest or m.id for m in near}) == 1:
            after = (at - near[-1].at).total_seconds() / 3600
            text = f"{key} came {after:.0f} h after it and names nothing else"
            wanted.append(_about(near[-1], "hotfix", key, report, text, confidence=0.5))
        else:
            why = f"it names no delivery, and {len(near)} ended in the {hours:g} h before it"
            unattributed.append((key, why))
    return wanted


def _reverts(reverts: Sequence[Revert], made: Sequence[Made], delivered_by: Mapping[str, str]) -> list[Claim]:
    by_target: dict[str, list[Revert]] = {}
    for revert in reverts:
        for commit in revert.reverts:
            by_target.setdefault(commit, []).append(revert)

    def in_force(revert: Revert, depth: int = 0) -> bool:
        # The log runs forward in time, so a chain ends; a forged circle ends at the depth.
        return depth > 50 or not any(in_force(later, depth + 1) for later in by_target.get(revert.commit, ()))

    reverting = {revert.commit for revert in reverts}
    decided = {m.subject.commit for m in made if m.subject.commit}
    wanted = []
    for commit, by in sorted(by_target.items()):
        # Taking a revert back says that the revert was wrong, not that its delivery was bad.
        if commit in reverting:
            continue
        delivery = commit if commit in decided else delivered_by.get(commit, "")
        if not delivery:
            continue
        for revert in by:
            if in_force(revert):
                wanted.append(
                    Claim(
                        source="revert",
                        key=f"revert {revert.commit} of {commit}",
                        at=revert.at,
                        subject=Subject(commit=delivery),
                        text=f"{revert.commit[:12]} reverts {commit[:12]}",
                    )
                )
    return wanted


def _failures(
    failures: Sequence[Failure], made: Sequence[Made], unattributed: list[tuple[str, str]]
) -> list[Claim]:
    decided = {m.subject.commit for m in made if m.subject.commit}
    wanted = []
    for failure in failures:
        if failure.commit not in decided:
            unattributed.append((f"deployment {failure.key}", "its commit was never decided about"))
            continue
        wanted.append(
            Claim(
                source="rollback",
                key=f"deployment {failure.key}",
                at=failure.at,
                subject=Subject(commit=failure.commit, environment=failure.environment),
                confidence=0.7,
                url=failure.url,
                text=f"GitHub's deployment to {failure.environment} ended as a failure",
            )
        )
    return wanted


def _quiet(made: Sequence[Made], since: datetime, until: datetime) -> list[Claim]:
    return [
        Claim(
            source="time-window",
            key=f"quiet {m.id}",
            at=format_time(until),
            label="clean",
            decision=m.id,
            text="nothing was heard of it",
        )
        for m in _deployed(made)
        if since <= m.at <= until and m.label is None
    ]


def _deployed(made: Sequence[Made]) -> list[Made]:
    return [
        m
        for m in made
        if m.trusted and m.kind == "rollout" and m.verdict == "proceed" and m.mode == "enforce"
    ]


def _named(text: str, made: Sequence[Made]) -> list[Made]:
    """One decision for each delivery that the text names by digest, commit or decision id."""
    words = {*_DIGEST.findall(text), *_COMMIT.findall(text), *_UUID.findall(text)}
    found: dict[str, Made] = {}
    for m in made:
        if m.trusted and words & {m.id, m.subject.digest, m.subject.commit}:
            # A rollout stands for its delivery before the promotion, and that before a plan.
            key = m.subject.digest or m.subject.commit or m.id
            found[key] = max(
                found.get(key, m), m, key=lambda one: (one.kind == "rollout", one.kind == "promotion")
            )
    return [found[key] for key in sorted(found)]


def _about(
    target: Made, source: OutcomeSource, key: str, report: Report, text: str, confidence: float | None = None
) -> Claim:
    about = target.subject.digest or target.id
    return Claim(
        source=source,
        key=f"{key} about {about}",
        at=report.at,
        decision=target.id,
        subject=target.subject,
        confidence=confidence,
        url=report.url,
        text=text,
    )
