"""What each verdict would cost, at policy's prices. It explains a decision and never takes part in one."""

from __future__ import annotations

from typing import Any

from signalbox.config.scoring import Costs


def explained(probability: float, costs: Costs) -> dict[str, Any]:
    """Expected costs of promoting, reviewing and blocking an artifact that is clean with ``probability``.

    In the caller's own unit. A review is taken to find what is bad, and its cost is paid either way.
    ``break_even``: the chance of being bad from which a review is cheaper than promoting; None where a bad
    promotion costs nothing.
    """
    bad = 1 - probability
    each = {
        "auto-promote": round(bad * costs.bad_promotion, 4),
        "manual-review": round(costs.review, 4),
        "block": round(probability * costs.false_block, 4),
    }
    even = min(1.0, costs.review / costs.bad_promotion) if costs.bad_promotion else None
    return {"expected": each, "cheapest": min(each, key=lambda name: each[name]), "break_even": even}


def sentence(told: dict[str, Any], probability: float, verdict: str) -> str:
    """The same in words: what this artifact would cost on average, and where the review begins to pay."""
    each, even = told["expected"], told["break_even"]
    promoted, reviewed = each["auto-promote"], each["manual-review"]
    text = (
        f"At policy's prices promoting it would cost {promoted:.3g} on average, a review {reviewed:.3g}, "
        f"blocking it {each['block']:.3g}"
    )
    if even is not None:
        chance = 100 * (1 - probability)
        text += (
            f"; a review pays from a {100 * even:.3g}% chance that it is bad, and here that is {chance:.2g}%"
        )
    if verdict != told["cheapest"]:
        text += f": {told['cheapest']} would be the cheapest, and no price overrules a reason"
    return text + "."


def of_threshold(auto_share: float | None, bad_if_auto: float | None, costs: Costs) -> str:
    """What a hundred artifacts like the recorded ones cost at the threshold, against reviewing each."""
    if auto_share is None:
        return ""
    reviews = 100 * (1 - auto_share) * costs.review
    bad = 100 * auto_share * (bad_if_auto or 0) * costs.bad_promotion
    return (
        f"At policy's prices 100 artifacts would cost {reviews + bad:.4g} "
        f"({reviews:.4g} for reviews, {bad:.4g} for bad promotions), reviewing each {100 * costs.review:.4g}."
    )
