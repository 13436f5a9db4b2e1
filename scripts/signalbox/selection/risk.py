"""How risky a change is: what a model of earlier changes says, and what by policy is risky whatever it says.

The features are those that just-in-time defect prediction uses (size, spread, entropy, history, experience;
Kamei et al., 2013); the model is the repository's own where it has learned one, else the shipped one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from signalbox.stats.logistic import sigmoid

from .facts import ChangeFacts, FileFact
from .risk_model import RiskModel, shipped

Tier = Literal["low", "medium", "high"]
_ALWAYS = 5.0  # log-odds shown for what is of high risk by policy


class Feature(msgspec.Struct, frozen=True):
    """One feature: its name, its value in words, what it adds to the log-odds against an average change."""

    name: str
    value: str
    points: float


class Risk(msgspec.Struct, frozen=True):
    """The tier, the probability of a defect by the model, all features (heaviest first), the model's name.

    The probability is calibrated for the repository's own model; the shipped one only orders changes."""

    tier: Tier
    probability: float
    features: tuple[Feature, ...]
    model: str

    @property
    def points(self) -> float:
        """What the features add up to, in log-odds against an average change."""
        return round(math.fsum(feature.points for feature in self.features), 3)


def assess(
    change: ChangeFacts,
    code: Sequence[FileFact],
    cross_cutting: str,
    sensitive: str,
    model: RiskModel | None = None,
) -> Risk:
    """Judge the ``code`` files of a change (documentation and tests left out).

    ``cross_cutting`` and ``sensitive`` name the first path of that kind; either makes the tier high.
    """
    model = model or shipped()
    values = _values(change, code)
    words = _words(values)
    parts = model.parts(values)
    features = [Feature(label, text, round(parts[name], 3)) for name, (label, text) in words.items()]
    always = [("cross-cutting", cross_cutting), ("sensitive", sensitive)]
    if any(file.status == "submodule" for file in code):
        always.append(("submodule", "code from elsewhere moves"))
    ruled = [Feature(name, text, _ALWAYS) for name, text in always if text]
    logit = model.logit(values)
    tier: Tier = "low"
    if ruled:
        tier = "high"
    elif code:
        tier = "high" if logit >= model.high else "medium" if logit >= model.medium else "low"
    # What moved the change towards the tier it has comes first.
    sign = -1 if tier == "low" else 1
    ordered = sorted((f for f in features if f.points), key=lambda f: (-sign * f.points, f.name))
    return Risk(tier, round(sigmoid(logit), 4) if code else 0.0, (*ruled, *ordered), model.source)


def _values(change: ChangeFacts, code: Sequence[FileFact]) -> dict[str, float]:
    return {
        "la": sum(file.lines_added for file in code),
        "ld": sum(file.lines_deleted for file in code),
        "nf": len(code),
        "nd": len({file.path.rpartition("/")[0] for file in code}),
        "ns": len({file.path.partition("/")[0] if "/" in file.path else "" for file in code}),
        "entropy": _entropy(code),
        "ndev": change.authors,
        "nuc": change.prior_changes,
        "sexp": change.author_commits,
    }


def _words(values: dict[str, float]) -> dict[str, tuple[str, str]]:
    count = {name: f"{value:.0f}" for name, value in values.items()}
    return {
        "la": ("size", f"{count['la']} lines added"),
        "ld": ("lines deleted", f"{count['ld']} lines deleted"),
        "nf": ("spread", f"{count['nf']} files"),
        "nd": ("scatter", f"{count['nd']} folders"),
        "ns": ("parts", f"{count['ns']} top-level folders"),
        "entropy": ("entropy", f"{values['entropy']:.1f} bits: how evenly the lines lie over the files"),
        "ndev": ("many hands", f"{count['ndev']} recent authors here"),
        "nuc": ("busy files", f"{count['nuc']} recent changes here"),
        "sexp": ("experience", f"{count['sexp']} recent changes here by the author"),
    }


def _entropy(files: Sequence[FileFact]) -> float:
    """Shannon entropy of the changed lines over the files, in bits."""
    sizes = [file.lines_added + file.lines_deleted for file in files]
    total = sum(sizes)
    shares = [size / total for size in sizes if size] if total else []
    return max(0.0, -math.fsum(share * math.log2(share) for share in shares))
