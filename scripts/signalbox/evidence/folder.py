"""All evidence below a folder: every file read or refused, in a fixed order, none silently passed over."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import msgspec

from signalbox.decision import Evidence, format_time, not_verified, parse_time
from signalbox.errors import InputError
from signalbox.evidence.reading import Provenance
from signalbox.evidence.registry import UNKNOWN_KIND, read

MOST_FILES = 5000
# What the world knows, as files with a date; its silence is worth nothing once it is old.
FEEDS = ("exploited-feed", "exploit-likelihood", "malicious-feed", "dependency-behaviour")
# Not reports: what tools lay beside them. Everything else that cannot be read is said.
_IGNORED = frozenset(
    {".md", ".html", ".htm", ".css", ".js", ".png", ".svg", ".gif", ".log", ".woff2", ".ico"}
)


def read_folder(
    folder: Path,
    *,
    provenance: Provenance | None = None,
    max_age_hours: float | None = None,
    feed_max_age_days: float = 7.0,
    vex_max_age_days: float = 90.0,
) -> list[Evidence]:
    """Evidence of every file below ``folder``, named by its path from there, in the order of the names.

    With ``max_age_hours`` each is fresh for that long after it was observed, a feed for
    ``feed_max_age_days`` and a VEX document for ``vex_max_age_days``. SPDX's list of licences does not age.
    Raises InputError where the folder itself is not there: that is a wrong call, not missing evidence.
    """
    if not folder.is_dir():
        raise InputError(
            "the evidence folder is not there",
            where=str(folder),
            fix="Give the folder into which the reports of this run were downloaded.",
        )
    names = _names(folder)
    result = [
        read(folder / name, provenance=provenance, root=folder, name=name) for name in names[:MOST_FILES]
    ]
    if len(names) > MOST_FILES:
        text = f"{len(names)} files, and at most {MOST_FILES} are read"
        result.append(not_verified(UNKNOWN_KIND, "too-many-files", text, source=str(folder)))
    if max_age_hours is not None:
        hours = dict.fromkeys(FEEDS, 24 * feed_max_age_days) | {"vex": 24 * vex_max_age_days}
        result = [dated(item, hours.get(item.kind, max_age_hours)) for item in result]
    # An unknown shape is only worth a person's look if something was meant to be a report.
    return [e for e in result if not _is_by_catch(e)]


def dated(evidence: Evidence, hours: float) -> Evidence:
    """Fresh for ``hours`` after it was observed, unless it says otherwise itself."""
    if evidence.kind == "licence-list":
        return evidence
    if evidence.fresh_until or not evidence.observed_at:
        return evidence
    until = parse_time(evidence.observed_at) + timedelta(hours=hours)
    return msgspec.structs.replace(evidence, fresh_until=format_time(until))


def _names(folder: Path) -> list[str]:
    names = []
    # Links to folders are not followed: they could lead anywhere, also back up.
    for base, folders, files in os.walk(folder, followlinks=False):
        folders.sort()
        for name in [*files, *(f for f in folders if (Path(base) / f).is_symlink())]:
            path = Path(base) / name
            if not name.startswith(".") and path.suffix.lower() not in _IGNORED:
                names.append(path.relative_to(folder).as_posix())
    return sorted(names)


def _is_by_catch(evidence: Evidence) -> bool:
    return (
        evidence.kind == UNKNOWN_KIND
        and [gap.code for gap in evidence.gaps] == ["unknown-format"]
        and not evidence.source.lower().endswith((".xml", ".json", ".sarif", ".info"))
    )
