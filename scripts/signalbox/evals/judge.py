"""Is the judge still the judge it was? Anchors and stored outputs, judged again in the same session."""

from __future__ import annotations

import msgspec

from signalbox.config.evals import JudgeSettings
from signalbox.evals.inputs import Judged
from signalbox.stats.exact import at_least, fewest, one_way, power
from signalbox.stats.rogan_gladen import Corrected, Counts, correct

# Leniency ships what is bad, so half of the budget of false alarms is spent on finding it.
_SHARES = {"lenient": 1 / 2, "harsh": 1 / 6, "lenient-to-stored": 1 / 6, "harsh-to-stored": 1 / 6}


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which the judge is not as good as declared, and how surprising that is."""

    code: str
    text: str
    p: float


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """What the known-bad anchors can see: the fewest misses that raise the alarm, and the chance of it when
    specificity has dropped by 30 points."""

    misses: int | None
    dropped_to: float
    chance: float


def alarms(judged: Judged, settings: JudgeSettings) -> list[Alarm]:
    """Every alarm, at ``settings.alpha`` in all (a union bound over the four ways to fail)."""
    wrong_bad, wrong_good = judged.bad.of - judged.bad.right, judged.good.of - judged.good.right
    found = {
        "lenient": (
            at_least(wrong_bad, judged.bad.of, 1 - settings.specificity),
            f"the judge passes {wrong_bad} of {judged.bad.of} known-bad outputs; at the declared specificity "
            f"{settings.specificity:g} that is not chance",
        ),
        "harsh": (
            at_least(wrong_good, judged.good.of, 1 - settings.sensitivity),
            f"the judge fails {wrong_good} of {judged.good.of} known-good outputs; at the declared "
            f"sensitivity {settings.sensitivity:g} that is not chance",
        ),
        "lenient-to-stored": (
            one_way(judged.to_pass, judged.to_fail),
            f"of the baseline's stored outputs {judged.to_pass} that had failed now pass, and "
            f"{judged.to_fail} the other way",
        ),
        "harsh-to-stored": (
            one_way(judged.to_fail, judged.to_pass),
            f"of the baseline's stored outputs {judged.to_fail} that had passed now fail, and "
            f"{judged.to_pass} the other way",
        ),
    }
    return [
        Alarm(code=f"judge-{code}", text=text, p=p)
        for code, (p, text) in found.items()
        if p <= settings.alpha * _SHARES[code]
    ]


def anchor_power(judged: Judged, settings: JudgeSettings) -> Power:
    """What the anchors at hand could have found; leniency of a kind that they lack stays unseen."""
    alpha = settings.alpha * _SHARES["lenient"]
    dropped = max(0.0, settings.specificity - 0.30)
    of = judged.bad.of
    return Power(
        misses=fewest(of, 1 - settings.specificity, alpha),
        dropped_to=dropped,
        chance=power(of, 1 - settings.specificity, 1 - dropped, alpha),
    )


def corrected(passed: int, draws: int, judged: Judged) -> Corrected:
    """The pass rate behind this judge, by its anchors of this session."""
    return correct(Counts(passed, draws), judged.good, judged.bad)
