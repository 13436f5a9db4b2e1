"""What a release of a dependency gives away: install scripts, other maintainers, its age, a borrowed name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from signalbox.config.scoring import DependencyRules
from signalbox.decision import Evidence, parse_time

KIND = "dependency-behaviour"
# Characters that pass for one another at a glance.
_CONFUSED = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "3": "e", "-": "", "_": "", ".": ""})
_SHORTEST = 5


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """One observation: a code, a sentence, and the verdict that policy draws from it."""

    code: str
    text: str
    effect: str


def behaviours(
    evidence: Sequence[Evidence], baseline: Sequence[Evidence], rules: DependencyRules, *, now: str
) -> list[Behaviour]:
    """Everything that policy wants to know of the supplied metadata, in the order of the packages."""
    found: list[Behaviour] = []
    known = _known(evidence, baseline)
    for item in evidence:
        for row in item.facts.get("dependencies", ()) if item.kind == KIND else ():
            found += _one(row, rules, known, now)
    return [one for one in found if one.effect != "ignore"]


def uncovered(evidence: Sequence[Evidence], new: Iterable[str]) -> list[str]:
    """New dependencies that the metadata does not tell of; nothing where no metadata was supplied."""
    reports = [item for item in evidence if item.kind == KIND]
    if not reports:
        return []
    told = {f"pkg:{row['type']}/{row['name']}" for i in reports for row in i.facts.get("dependencies", ())}
    names = {row["name"] for i in reports for row in i.facts.get("dependencies", ())}
    return sorted(name for name in new if name.replace("%40", "@").lower() not in told and name not in names)


def _one(row: dict[str, Any], rules: DependencyRules, known: set[str], now: str) -> list[Behaviour]:
    name, before = row["name"], row["previous"]
    shown = f"{name} {row['version']}".strip()
    found = []
    scripts = set(row["install_scripts"] or ())
    added = scripts - set((before or {}).get("install_scripts") or ())
    if added:
        text = f"{shown} runs {', '.join(sorted(added)[:3])} when it is installed, which was not so before"
        found.append(Behaviour(code="install-script", text=text, effect=rules.install_script))
    if before is not None and row["maintainers"] is not None and before.get("maintainers") is not None:
        strangers = sorted(set(row["maintainers"]) - set(before["maintainers"]))
        if strangers:
            text = (
                f"{shown} has a maintainer that the release before did not have: {', '.join(strangers[:3])}"
            )
            found.append(Behaviour(code="new-maintainer", text=text, effect=rules.new_maintainer))
    age = _days(row["published_at"], now)
    if age is None or age < rules.minimum_age_days:
        told = "at an unknown time" if age is None else f"{max(age, 0):.1f} days ago"
        text = f"{shown} was published {told}; policy waits {rules.minimum_age_days:g} days"
        found.append(Behaviour(code="young-release", text=text, effect=rules.young))
    alike = look_alike(name, known) if before is None else ""
    if alike:
        text = f"the new dependency {shown} is named almost as {alike}"
        found.append(Behaviour(code="look-alike", text=text, effect=rules.look_alike))
    return found


def _known(evidence: Sequence[Evidence], baseline: Sequence[Evidence]) -> set[str]:
    popular = {name for item in evidence for name in item.facts.get("popular", ())}
    used = {
        row[1] for item in baseline if item.kind == "sbom" for row in item.facts.get("component_list", ())
    }
    return popular | used


def _days(text: str, now: str) -> float | None:
    if not text:
        return None
    return (parse_time(now) - parse_time(text)).total_seconds() / 86_400


def look_alike(name: str, known: Iterable[str]) -> str:
    """The known name that ``name`` passes for: one slip of the keyboard away, or the same at a glance.

    Names below five characters are left out: among those every other one is a slip away.
    """
    own = name.lower()
    others = sorted(set(known))
    if len(own) < _SHORTEST or own in {other.lower() for other in others}:
        return ""
    for other in others:
        wanted = other.lower()
        if len(wanted) < _SHORTEST:
            continue
        if own.translate(_CONFUSED) == wanted.translate(_CONFUSED) or _one_slip(own, wanted):
            return other
    return ""


def _one_slip(a: str, b: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours turns ``a`` into ``b``."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    x, y = a[start:], b[start:]
    if len(a) == len(b):
        swapped = len(x) > 1 and x[0] == y[1] and x[1] == y[0] and x[2:] == y[2:]
        return x[1:] == y[1:] or swapped
    return x[1:] == y if len(x) > len(y) else x == y[1:]
