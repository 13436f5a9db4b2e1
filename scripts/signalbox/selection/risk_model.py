"""The probability that a change turns out to hold a defect: a logistic model over features of the change.

The shipped coefficients were fitted on six public projects (``bench/risk_train.py``; features as in Kamei
et al. 2013, data of Zeng et al. 2021). A repository's own history updates them as a prior, so with little of
it the model stays near the shipped one; scores of changes held back calibrate the result (Platt 1999).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

from signalbox.stats import logistic
from signalbox.stats.ece import calibration_error

NAMES = ("la", "ld", "nf", "nd", "ns", "entropy", "ndev", "nuc", "sexp")
"""Lines added and deleted, files, folders, top-level folders, entropy of the lines over the files (bits),
authors of the files, earlier changes of them, the author's own earlier changes of them."""
ENOUGH, ENOUGH_BAD = 300, 30
HELD_BACK, BINS = 0.3, 10
MEDIUM_SHARE, HIGH_SHARE = 0.70, 0.97
_LOOSE = 0.5  # standard deviation of the prior around the shipped coefficients


class RiskModel(msgspec.Struct, frozen=True, kw_only=True):
    """Coefficients over ``log(1 + feature)`` less ``means``; ``medium`` and ``high`` are the log-odds above
    which 30% and 3% of the changes lay that it was learned from. ``auc`` and ``ece`` are of changes that were
    held back."""

    source: str
    means: tuple[float, ...]
    coefficients: tuple[float, ...]
    medium: float
    high: float
    changes: int
    bad: int
    auc: float = 0.0
    ece: float = 0.0

    def parts(self, values: Mapping[str, float]) -> dict[str, float]:
        """What each feature adds to the log-odds, against the average change."""
        rows = zip(NAMES, self.means, self.coefficients[1:], strict=True)
        return {name: weight * (math.log1p(max(0.0, values[name])) - mean) for name, mean, weight in rows}

    def logit(self, values: Mapping[str, float]) -> float:
        """Log-odds of a defect."""
        return self.coefficients[0] + math.fsum(self.parts(values).values())


@cache
def shipped() -> RiskModel:
    """The model learned from public projects."""
    data = Path(__file__).with_name("risk_public.json").read_bytes()
    return msgspec.json.decode(data, type=RiskModel)


def kept(text: str | None) -> RiskModel | None:
    """The model that an index holds; None for none, and for what is no model of these features."""
    try:
        model = msgspec.json.decode(text or "", type=RiskModel)
    except msgspec.MsgspecError:
        return None
    fits = len(model.means) == len(NAMES) and len(model.coefficients) == len(NAMES) + 1
    numbers = (*model.means, *model.coefficients, model.medium, model.high)
    return model if fits and all(map(math.isfinite, numbers)) and model.medium <= model.high else None


def retrained(examples: Sequence[tuple[Mapping[str, float], bool]], source: str) -> RiskModel | None:
    """A model of the repository's own changes, oldest first; None while they are too few, or when it orders
    the changes held back no better than the shipped model does."""
    bad = sum(label for _, label in examples)
    if len(examples) < ENOUGH or not ENOUGH_BAD <= bad <= len(examples) - ENOUGH_BAD:
        return None
    base = shipped()
    cut = int(len(examples) * (1 - HELD_BACK))
    tried = _fitted(base, examples[:cut], source)
    later = [(tried.logit(values), label) for values, label in examples[cut:]]
    if area(later) < area([(base.logit(values), label) for values, label in examples[cut:]]):
        return None
    # The slope and the place of the scores, learned from changes that the fit did not see.
    start = logistic.prior((0.0, 1.0), (10.0, 0.3))
    level, slope = logistic.fit([(s,) for s, _ in later], [y for _, y in later], start, (0, 1)).coefficients
    half = len(later) // 2
    first = logistic.fit([(s,) for s, _ in later[:half]], [y for _, y in later[:half]], start, (0, 1))
    pairs = [(logistic.sigmoid(logistic.linear(first, (s,))[0]), y) for s, y in later[half:]]
    final = _fitted(base, examples, source)
    weights = (level + slope * final.coefficients[0], *(slope * w for w in final.coefficients[1:]))
    model = msgspec.structs.replace(final, coefficients=weights)
    medium, high = cuts([model.logit(values) for values, _ in examples])
    return msgspec.structs.replace(
        model, medium=medium, high=high, auc=area(later), ece=calibration_error(pairs, BINS)
    )


def _fitted(base: RiskModel, examples: Sequence[tuple[Mapping[str, float], bool]], source: str) -> RiskModel:
    rows = [
        [math.log1p(max(0.0, values[name])) - mean for name, mean in zip(NAMES, base.means, strict=True)]
        for values, _ in examples
    ]
    deviations = [5.0, *(_LOOSE for _ in NAMES)]
    start = logistic.prior(base.coefficients, deviations)
    found = logistic.fit(rows, [label for _, label in examples], start, (0,) * (len(NAMES) + 1))
    return RiskModel(
        source=source,
        means=base.means,
        coefficients=found.coefficients,
        medium=0.0,
        high=0.0,
        changes=len(examples),
        bad=sum(label for _, label in examples),
    )


def cuts(logits: Sequence[float]) -> tuple[float, float]:
    """The log-odds at which medium and high risk begin, from those of the changes learned from."""
    ordered = sorted(logits)
    at = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (MEDIUM_SHARE, HIGH_SHARE)]
    return at[0], at[1]


def area(pairs: Sequence[tuple[float, bool]]) -> float:
    """Area under the ROC curve, ties counted half; 0.5 where one of the classes is missing."""
    ordered = sorted(pairs)
    good, bad = sum(not y for _, y in pairs), sum(y for _, y in pairs)
    if not good or not bad:
        return 0.5
    total, i = 0.0, 0
    while i < len(ordered):
        j = i
        while j < len(ordered) and ordered[j][0] == ordered[i][0]:
            j += 1
        total += sum(y for _, y in ordered[i:j]) * (i + j + 1) / 2
        i = j
    return (total - bad * (bad + 1) / 2) / (good * bad)
