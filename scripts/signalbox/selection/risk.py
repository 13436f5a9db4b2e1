"""How risky a change is, from features of the change: points per feature, and the tier they add up to.

The features are those that just-in-time defect prediction uses (size, spread, entropy, history, experience;
Kamei et al., 2013). The points are set by hand, not fitted: the tier says how much to run, and no more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from .facts import ChangeFacts, FileFact

Tier = Literal["low", "medium", "high"]
MEDIUM, HIGH = 2.2, 5.0


class Feature(msgspec.Struct, frozen=True):
    """One feature: its name, its value in words, the points it adds."""

    name: str
    value: str
    points: float


class Risk(msgspec.Struct, frozen=True):
    """The tier, the sum of points and all features, heaviest first."""

    tier: Tier
    points: float
    features: tuple[Feature, ...]


def assess(
    change: ChangeFacts, code: Sequence[FileFact], tests_changed: int, cross_cutting: str, sensitive: str
) -> Risk:
    """Judge the ``code`` files of a change (documentation and tests left out).

    ``cross_cutting`` and ``sensitive`` name the first path of that kind; either makes the tier high.
    """
    lines = sum(file.lines_added + file.lines_deleted for file in code)
    folders = len({file.path.rpartition("/")[0] for file in code})
    features = [
        Feature("size", f"{lines} lines", 2.5 * min(1.0, math.log2(1 + lines) / 10)),
        Feature("spread", f"{len(code)} files", 2.0 * min(1.0, math.log2(1 + len(code)) / 5)),
        Feature("scatter", f"{folders} folders", 1.5 * min(1.0, max(0, folders - 1) / 9)),
        Feature(
            "entropy",
            f"the lines lie {100 * _entropy(code):.0f}% evenly over its files",
            1.0 * _entropy(code),
        ),
        Feature("past fixes", f"{change.recent_fixes} recent fixes here", min(1.0, change.recent_fixes / 20)),
        Feature(
            "many hands", f"{change.authors} recent authors", 0.5 * min(1.0, max(0, change.authors - 1) / 9)
        ),
    ]
    if code and change.commits_seen and not change.author_commits:
        features.append(Feature("experience", "the author is new to these files", 0.5))
    if code and not tests_changed:
        features.append(Feature("tests", "no test is changed with it", 0.5))
    if cross_cutting:
        features.append(Feature("cross-cutting", cross_cutting, HIGH))
    if sensitive:
        features.append(Feature("sensitive", sensitive, HIGH))
    if any(file.status == "submodule" for file in code):
        features.append(Feature("submodule", "code from elsewhere moves", HIGH))
    points = sum(feature.points for feature in features)
    tier: Tier = "high" if points >= HIGH else "medium" if points >= MEDIUM else "low"
    ordered = sorted((f for f in features if f.points > 0), key=lambda f: (-f.points, f.name))
    return Risk(tier, round(points, 3), tuple(Feature(f.name, f.value, round(f.points, 3)) for f in ordered))


def _entropy(files: Sequence[FileFact]) -> float:
    """Shannon entropy of the changed lines over the files, divided by its maximum; 0 for one file."""
    sizes = [file.lines_added + file.lines_deleted for file in files]
    total = sum(sizes)
    if total == 0 or len(sizes) < 2:
        return 0.0
    shares = [size / total for size in sizes if size]
    return max(0.0, -sum(share * math.log2(share) for share in shares) / math.log2(len(sizes)))
