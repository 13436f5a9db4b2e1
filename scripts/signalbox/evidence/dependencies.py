"""What is known about each dependency's release, collected by whoever may ask the registries::

    {"signalbox_dependencies": 1, "observed_at": "2026-05-01T06:00:00Z", "popular": ["requests", …],
     "packages": [{"purl": "pkg:npm/left-pad@1.3.1", "published_at": "2026-04-30T…Z",
                   "install_scripts": ["postinstall"], "maintainers": ["ann"],
                   "previous": {"version": "1.3.0", "install_scripts": [], "maintainers": ["bob"]}}]}

``previous`` is the release used before, absent for a new dependency. What it means is for the policy to say.
"""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap, parse_time
from signalbox.evidence.purl import parse
from signalbox.evidence.reading import JsonReader, Reading, Untrusted
from signalbox.evidence.values import mapping, objects, shown, strings, text

_LISTS = ("install_scripts", "maintainers")


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "signalbox_dependencies" in document


def _read(document: Any) -> Reading:
    if document["signalbox_dependencies"] != 1:
        raise Untrusted("bad-version", "this version of the format is not known")
    rows = [
        _package(row, f"packages[{i}]") for i, row in enumerate(objects(document.get("packages"), "packages"))
    ]
    stamp = text(document.get("observed_at"))
    gaps = []
    if not stamp:
        gaps.append(Gap("no-date", "the file does not say when the registries were asked"))
    if not rows:
        gaps.append(Gap("no-packages", "the file tells of no package"))
    unknown = [row["name"] for row in rows if None in (row["install_scripts"], row["maintainers"])]
    if unknown:
        gaps.append(Gap("incomplete", f"scripts or maintainers are not told of {', '.join(unknown[:5])}"))
    return Reading(
        status="not_verified" if gaps else "pass",
        facts={"dependencies": rows, "popular": strings(document.get("popular")), "packages": len(rows)},
        gaps=tuple(gaps),
        observed_at=stamp or None,
    )


def _package(row: dict[str, Any], where: str) -> dict[str, Any]:
    found = parse(text(row.get("purl")))
    if found is None:
        raise Untrusted("bad-value", f"{where}.purl should be a package URL and is {shown(row.get('purl'))}")
    kind, name, version = found
    previous = row.get("previous")
    before = mapping(previous, f"{where}.previous") if previous is not None else None
    return {
        "type": kind,
        "name": name,
        "version": version,
        "published_at": _time(row.get("published_at"), where),
        **{key: _list(row, key, where) for key in _LISTS},
        "previous": {key: _list(before, key, where) for key in _LISTS} if before is not None else None,
    }


def _list(row: dict[str, Any], key: str, where: str) -> list[str] | None:
    value = row.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or len(strings(value)) != len(value):
        raise Untrusted("bad-value", f"{where}.{key} should be a list of names and is {shown(value)}")
    return sorted(value)


def _time(value: Any, where: str) -> str:
    if value is None:
        return ""
    try:
        parse_time(text(value))
    except (ValueError, OverflowError):
        raise Untrusted("bad-value", f"{where}.published_at is no time with its offset") from None
    return text(value)


READER = JsonReader(format="dependencies", kind="dependency-behaviour", recognises=_recognises, read=_read)
