"""Logistic regression with a Gaussian prior and sign-constrained coefficients, and its interval.

The maximum a posteriori fit by Newton steps in which a coefficient that would change its sign is held at
zero (an active set); the interval is Laplace's: normal around the fit with the inverse Hessian. With no
data it returns the prior, so a shipped model and a calibrated one are one construction. Approximate, as
Laplace is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

Vector = Sequence[float]


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """Coefficients (the first is the intercept) and the lower triangle of their covariance, row by row."""

    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    observations: int = 0


def sigmoid(x: float) -> float:
    """1 / (1 + e^−x) without overflow."""
    if x >= 0:
        return 1 / (1 + math.exp(-min(x, 700.0)))
    grown = math.exp(max(x, -700.0))
    return grown / (1 + grown)


def prior(means: Vector, deviations: Vector) -> Fit:
    """The fit that a Gaussian prior with these means and standard deviations stands for."""
    size = len(means)
    rows = tuple(tuple(deviations[i] ** 2 if i == j else 0.0 for j in range(i + 1)) for i in range(size))
    return Fit(coefficients=tuple(map(float, means)), covariance=rows)


def fit(rows: Sequence[Vector], labels: Sequence[bool], start: Fit, signs: Sequence[int]) -> Fit:
    """Update ``start`` by the observations.

    ``rows``: one row of features per observation, without the leading 1. ``signs``: −1, 0 (free) or +1 per
    coefficient, the intercept's first. A zero-variance prior fixes its coefficient.
    """
    size = len(start.coefficients)
    design = [(1.0, *map(float, row)) for row in rows]
    if any(len(row) != size for row in design) or len(labels) != len(rows) or len(signs) != size:
        raise ValueError("rows, labels, signs and the prior disagree in length")
    free = [i for i in range(size) if start.covariance[i][i] > 0]
    if not design or not free:
        return start
    precision = _inverse([[_entry(start.covariance, i, j) for j in free] for i in free])
    beta = list(start.coefficients)
    for _ in range(60):
        gradient, hessian = _derivatives(design, labels, beta, free)
        for a in range(len(free)):
            gradient[a] -= sum(
                precision[a][b] * (beta[j] - start.coefficients[j]) for b, j in enumerate(free)
            )
            for b in range(len(free)):
                hessian[a][b] += precision[a][b]
        held = {a for a, i in enumerate(free) if beta[i] == 0 and signs[i] * gradient[a] < 0}
        moved = _step(beta, gradient, hessian, free, held, signs)
        if moved < 1e-9:
            break
    _, hessian = _derivatives(design, labels, beta, free)
    spread = _inverse([[hessian[a][b] + precision[a][b] for b in range(len(free))] for a in range(len(free))])
    covariance = [[0.0] * (i + 1) for i in range(size)]
    for a, i in enumerate(free):
        for b, j in enumerate(free[: a + 1]):
            covariance[i][j] = spread[a][b]
    return Fit(coefficients=tuple(beta), covariance=tuple(map(tuple, covariance)), observations=len(design))


def linear(model: Fit, features: Vector) -> tuple[float, float]:
    """The linear predictor and its standard error, in log-odds."""
    row = (1.0, *map(float, features))
    if len(row) != len(model.coefficients):
        raise ValueError("the features do not match the model")
    centre = math.fsum(b * x for b, x in zip(model.coefficients, row, strict=True))
    variance = math.fsum(
        _entry(model.covariance, i, j) * a * b for i, a in enumerate(row) if a for j, b in enumerate(row) if b
    )
    return centre, math.sqrt(max(0.0, variance))


def _entry(triangle: Sequence[Vector], i: int, j: int) -> float:
    return triangle[i][j] if i >= j else triangle[j][i]


def _derivatives(
    design: Sequence[Vector], labels: Sequence[bool], beta: Vector, free: Sequence[int]
) -> tuple[list[float], list[list[float]]]:
    size = len(free)
    gradient, hessian = [0.0] * size, [[0.0] * size for _ in range(size)]
    for row, label in zip(design, labels, strict=True):
        p = sigmoid(sum(b * x for b, x in zip(beta, row, strict=True)))
        weight, residual = max(p * (1 - p), 1e-12), float(label) - p
        # Most signals are zero for most artifacts, so only the others are visited.
        present = [(a, row[i]) for a, i in enumerate(free) if row[i]]
        for a, x in present:
            gradient[a] += residual * x
            scaled, line = weight * x, hessian[a]
            for b, y in present:
                line[b] += scaled * y
    return gradient, hessian


def _step(
    beta: list[float],
    gradient: list[float],
    hessian: list[list[float]],
    free: Sequence[int],
    held: set[int],
    signs: Sequence[int],
) -> float:
    """One Newton step in place; returns the largest move."""
    active = [a for a in range(len(free)) if a not in held]
    if not active:
        return 0.0
    inverse = _inverse([[hessian[a][b] for b in active] for a in active])
    moved = 0.0
    for row, a in enumerate(active):
        # A long step from far away is halved into reach: the log posterior is concave, so this converges.
        change = sum(inverse[row][col] * gradient[b] for col, b in enumerate(active))
        change = max(-2.0, min(2.0, change))
        index = free[a]
        target = beta[index] + change
        if signs[index] and target * signs[index] < 0:
            target = 0.0
        moved = max(moved, abs(target - beta[index]))
        beta[index] = target
    return moved


def _inverse(matrix: list[list[float]]) -> list[list[float]]:
    """Gauss–Jordan with pivoting; the matrices here are small, symmetric and positive definite."""
    size = len(matrix)
    work = [[*row, *(1.0 if i == j else 0.0 for j in range(size))] for i, row in enumerate(matrix)]
    for col in range(size):
        pivot = max(range(col, size), key=lambda r: abs(work[r][col]))
        if abs(work[pivot][col]) < 1e-300:
            raise ValueError("the observations and the prior determine no single fit")
        work[col], work[pivot] = work[pivot], work[col]
        scale = work[col][col]
        work[col] = [v / scale for v in work[col]]
        for row in range(size):
            if row != col and work[row][col]:
                factor = work[row][col]
                work[row] = [v - factor * w for v, w in zip(work[row], work[col], strict=True)]
    return [row[size:] for row in work]
