"""From a runner's results, a stored baseline and anchors to PASS, NOT_VERIFIED or FAIL, and why."""

from signalbox.evals.baseline import Baseline, baseline_of
from signalbox.evals.decide import KIND, decide
from signalbox.evals.gather import Material, gather, key_of
from signalbox.evals.inputs import Case, Inputs, Judged
from signalbox.evals.model import Row, Session, Spent, Unreadable
from signalbox.evals.reading import read_results
from signalbox.evals.report import blocks
from signalbox.evals.reuse import find_earlier, reusable
from signalbox.evals.session import run_session

__all__ = [
    "KIND",
    "Baseline",
    "Case",
    "Inputs",
    "Judged",
    "Material",
    "Row",
    "Session",
    "Spent",
    "Unreadable",
    "baseline_of",
    "blocks",
    "decide",
    "find_earlier",
    "gather",
    "key_of",
    "read_results",
    "reusable",
    "run_session",
]
