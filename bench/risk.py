"""Which changes turn out to hold a defect: logistic models on the features of Kamei et al., in time order.

Takes a folder with one CSV a project (columns date, bug and the fourteen features as in FEATURES); without
one, the six of Zeng et al. (ISSTA 2021) are fetched from GitHub and kept in .cache. Each is split by date,
the first 80% to learn from. "Rolling" is refitted twelve times over the rest on all that came before, the
newest weighing most; it is told every label at once, which in life comes weeks later. "Calibrated" is Platt's
scaling, before each part, by all that was predicted so far and has come true or not. "Shipped" is what
bench/risk_train.py makes of the other five projects. Gradient boosting learns once; it is measured beside
them where scikit-learn can be imported.

    python bench/risk.py [--data FOLDER] [--projects go,jdt]
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from results import Figure, report

FEATURES = (
    *("ns", "nd", "nf", "entrophy", "la", "ld", "lt", "fix", "ndev", "age", "nuc", "exp", "rexp", "sexp"),
)
SOURCE = "https://github.com/ZZR0/ISSTA21-JIT-DP"
COMMIT = "8e7874ec9b983fcb45b8a4ebe5222721ffe75da5"
PROJECTS = ("gerrit", "go", "jdt", "openstack", "platform", "qt")
CACHE = Path(__file__).resolve().parent.parent / ".cache" / "bench" / "risk"
LEARN, REFITS, HALF_LIFE, BINS = 0.8, 12, 0.25, 15
EARLIER, EARLIER_PARTS = (
    0.7,
    3,
)  # what is predicted before the last fifth, so that there is something to learn by
STEADY = 10.0  # weight with which the slope of the calibration is held to 1
Array = Any


def fetch() -> Path:
    """The public files, fetched once: only the blobs that are read, at a pinned commit."""
    store = CACHE / "git"

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", "-C", store, *arguments], check=True, capture_output=True).stdout

    if not (CACHE / "ready").exists():
        store.mkdir(parents=True, exist_ok=True)
        try:
            git("init", "-q", "--bare")
            git("config", "remote.origin.url", SOURCE)
            git("config", "remote.origin.promisor", "true")
            git("fetch", "-q", "--depth", "1", "--filter=blob:none", "origin", COMMIT)
            for name in PROJECTS:
                path = f"Data_Extraction/git_base/datasets/{name}/{name}_k_feature.csv"
                (CACHE / f"{name}.csv").write_bytes(git("show", f"{COMMIT}:{path}"))
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"{SOURCE} cannot be fetched: {error.stderr.decode(errors='replace')}") from None
        (CACHE / "ready").touch()
    return CACHE


def read(path: Path) -> tuple[Array, Array]:
    """Features (changes × 14) and labels, oldest first."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: float(row["date"]))
    x = np.array([[float(row[name] or 0) for name in FEATURES] for row in rows])
    return x, np.array([float(row["bug"]) for row in rows])


def auc(p: Array, y: Array) -> float:
    """Area under the ROC curve, ties counted half."""
    _, place, counts = np.unique(p, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    good = y.sum()
    return float((ranks[y == 1].sum() - good * (good + 1) / 2) / (good * (len(y) - good)))


def ece(p: Array, y: Array) -> float:
    """Expected calibration error over bins of equal size."""
    parts = np.array_split(np.argsort(p, kind="stable"), BINS)
    return float(sum(abs(p[i].mean() - y[i].mean()) * len(i) for i in parts) / len(p))


def design(x: Array, squares: bool, cut: int) -> Array:
    """Logarithms of the features, with all their products when ``squares``; scaled by the first ``cut``."""
    logs = np.log1p(np.maximum(x, 0))
    if not squares:
        return logs
    logs = (logs - logs[:cut].mean(0)) / (logs[:cut].std(0) + 1e-9)
    a, b = np.triu_indices(logs.shape[1])
    return np.hstack([logs, logs[:, a] * logs[:, b]])


def fitted(x: Array, y: Array, weight: Array, penalty: float) -> Any:
    """A function from features to probabilities: ridge-penalised logistic regression by Newton's steps."""
    mean, spread = x.mean(0), x.std(0) + 1e-9
    z = np.hstack([np.ones((len(x), 1)), (x - mean) / spread])
    ridge = np.full(z.shape[1], penalty)
    ridge[0] = 1e-9
    beta = np.zeros(z.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(z @ beta, -30, 30)))
        slope = z.T @ (weight * (y - p)) - ridge * beta
        bend = (z * (weight * p * (1 - p))[:, None]).T @ z + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        beta += step
        if np.abs(step).max() < 1e-6:
            break
    return lambda new: (
        1 / (1 + np.exp(-np.clip(np.hstack([np.ones((len(new), 1)), (new - mean) / spread]) @ beta, -30, 30)))
    )


def scaled(p: Array, y: Array) -> Any:
    """Platt's scaling: a function from probabilities to calibrated ones, from what came of ``p``."""

    def logit(q: Array) -> Array:
        q = np.clip(q, 1e-6, 1 - 1e-6)
        return np.log(q / (1 - q))

    z, slope, level = logit(p), 1.0, 0.0
    for _ in range(20):
        q = 1 / (1 + np.exp(-(slope * z + level)))
        w = q * (1 - q)
        gradient = np.array([((y - q) * z).sum() - STEADY * (slope - 1), (y - q).sum()])
        bend = np.array([[(w * z * z).sum() + STEADY, (w * z).sum()], [(w * z).sum(), w.sum() + 1e-6]])
        step = np.linalg.solve(bend, gradient)
        slope, level = slope + step[0], level + step[1]
        if np.abs(step).max() < 1e-6:
            break
    return lambda new: 1 / (1 + np.exp(-(slope * logit(new) + level)))


def rolling(x: Array, y: Array, penalty: float) -> tuple[Array, Array]:
    """Probabilities for the last fifth, each part by all before it: as they come, and calibrated."""
    n = len(y)
    begin, cut = int(n * EARLIER), int(n * LEARN)
    raw: list[Array] = []
    better: list[Array] = []
    for at in (
        *np.array_split(np.arange(begin, cut), EARLIER_PARTS),
        *np.array_split(np.arange(cut, n), REFITS),
    ):
        first = at[0]
        weight = 0.5 ** ((first - 1 - np.arange(first)) / (HALF_LIFE * n))
        guess = fitted(x[:first], y[:first], weight, penalty)(x[at])
        if first >= cut:
            better.append(scaled(np.concatenate(raw), y[begin:first])(guess))
        raw.append(guess)
    return np.concatenate(raw[EARLIER_PARTS:]), np.concatenate(better)


def project(x: Array, y: Array) -> dict[str, tuple[float, float]]:
    """AUC and ECE of every model on the last fifth."""
    n = len(y)
    cut = int(n * LEARN)
    found = {"lines added": (auc(x[cut:, FEATURES.index("la")], y[cut:]), float("nan"))}
    plain, more = design(x, False, cut), design(x, True, cut)
    once = fitted(plain[:cut], y[:cut], np.ones(cut), 1.0)(plain[cut:])
    found["logistic"] = auc(once, y[cut:]), ece(once, y[cut:])
    for name, features, penalty in (("rolling", plain, 1.0), ("rolling with products", more, 100.0)):
        raw, better = rolling(features, y, penalty)
        found[name] = auc(raw, y[cut:]), ece(raw, y[cut:])
        found[f"{name}, calibrated"] = auc(better, y[cut:]), ece(better, y[cut:])
    try:
        from sklearn.ensemble import GradientBoostingClassifier
    except ImportError:
        return found
    model = GradientBoostingClassifier(random_state=0).fit(x[:cut], y[:cut])
    p = model.predict_proba(x[cut:])[:, 1]
    found["gradient boosting"] = auc(p, y[cut:]), ece(p, y[cut:])
    return found


def unseen(x: Array, y: Array, others: list[tuple[Array, Array]]) -> tuple[float, float]:
    """AUC on the last fifth of the shipped kind of model, learned from other projects alone."""
    from risk_train import columns, train

    mean, beta = train(others)
    cut = int(len(y) * LEARN)
    return auc((columns(x[cut:]) - mean) @ beta[1:], y[cut:]), float("nan")


def main() -> int:
    """Print every project and the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--projects", default="", help="only these; nothing is written then")
    args = parser.parse_args()
    wanted = set(filter(None, args.projects.split(",")))
    data = args.data or fetch()
    results: list[dict[str, tuple[float, float]]] = []
    changes = 0
    every = {path: read(path) for path in sorted(data.glob("*.csv"))}
    for path, (x, y) in every.items():
        if wanted and path.name.split("_")[0].removesuffix(".csv") not in wanted:
            continue
        changes += len(y)
        results.append(project(x, y))
        if len(every) > 1:
            results[-1]["shipped"] = unseen(x, y, [pair for other, pair in every.items() if other != path])
        shown = ", ".join(f"{k} {a:.3f}/{e:.3f}" for k, (a, e) in results[-1].items())
        print(f"{path.stem}: {len(y)} changes, AUC/ECE: {shown}", flush=True)
    if not results:
        print(f"no CSV of any project below {data}", file=sys.stderr)
        return 2
    means = {name: np.mean([found[name] for found in results], axis=0) for name in results[0]}
    if wanted or "gradient boosting" not in means:
        for name, (area, error) in means.items():
            print(f"mean of {len(results)}: {name}: AUC {area:.4f}, ECE {error:.4f}")
        print("not written: results are kept of whole runs with the peer only", file=sys.stderr)
        return 0
    best = "rolling with products, calibrated"
    return report(
        "risk",
        [
            Figure(
                "mean chronological AUC",
                float(means[best][0]),
                "area",
                {name: float(pair[0]) for name, pair in means.items() if name != best},
                n=changes,
                goal=">= 0.751",
            ),
            Figure(
                "expected calibration error",
                float(means[best][1]),
                "share",
                {
                    name: float(pair[1])
                    for name, pair in means.items()
                    if name not in (best, "lines added", "shipped")
                },
                n=changes,
                goal="<= 0.03",
            ),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
