"""Fit the risk model that is shipped, on the public data of bench/risk.py, and write its numbers.

All six projects count alike, however many changes they have. How well it does on a project it has not seen is
told by leaving each out in turn (bench/risk.py prints it).

    python bench/risk_train.py [--data FOLDER]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from risk import FEATURES, fetch, fitted, read

from signalbox.selection.risk_model import HIGH_SHARE, MEDIUM_SHARE, NAMES

TARGET = Path(__file__).resolve().parent.parent / "scripts/signalbox/selection/risk_public.json"
# Of the others the public data counts the whole history, select_tests.py the last 500 commits.
LEARNED = ("la", "ld", "nf", "nd", "ns", "entropy")
PENALTY, EACH = 10.0, 10_000.0
Array = Any


def columns(x: Array) -> Array:
    """The features of the shipped model, as logarithms."""
    place = [FEATURES.index({"entropy": "entrophy"}.get(name, name)) for name in LEARNED]
    return np.log1p(np.maximum(x[:, place], 0))


def train(projects: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """(means, coefficients with the intercept first) over centred logarithms."""
    x = np.vstack([columns(features) for features, _ in projects])
    y = np.concatenate([labels for _, labels in projects])
    weight = np.concatenate([np.full(len(labels), EACH / len(labels)) for _, labels in projects])
    guess = fitted(x, y, weight, PENALTY)
    mean = np.average(x, axis=0, weights=weight)

    def logit(at: Array) -> Array:
        p = guess(at[None, :])[0]
        return np.log(p / (1 - p))

    level = logit(mean)
    slopes = np.array([logit(mean + step) - level for step in np.eye(len(mean))])
    return mean, np.array([level, *slopes])


def main() -> int:
    """Write the model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    projects = [read(path) for path in sorted((args.data or fetch()).glob("*.csv"))]
    mean, beta = train(projects)
    logits = [columns(x) @ beta[1:] + beta[0] - mean @ beta[1:] for x, _ in projects]
    # Each project counts alike in the cuts as well.
    share = [float(np.mean([np.quantile(one, s) for one in logits])) for s in (MEDIUM_SHARE, HIGH_SHARE)]
    none = [0.0] * (len(NAMES) - len(LEARNED))
    model = {
        "source": f"{len(projects)} public projects",
        "means": [round(float(v), 6) for v in mean] + none,
        "coefficients": [round(float(v), 6) for v in beta] + none,
        "medium": round(share[0], 6),
        "high": round(share[1], 6),
        "changes": int(sum(len(y) for _, y in projects)),
        "bad": int(sum(y.sum() for _, y in projects)),
    }
    TARGET.write_text(json.dumps(model, indent=1) + "\n", encoding="utf-8")
    print(TARGET.read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
