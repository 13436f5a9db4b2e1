"""What a model's advice may do to a plan: one step, one tier, suites from the policy's own list. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from signalbox.decision import Advice, Reason, order_of, take_advice

from .facts import Inputs

PLAN, RISK = "test-plan", "risk"
_PLAN_OF_TIER = {"low": "targeted", "medium": "widened", "high": "full"}


class Advised(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict and tier after advice, all advice as judged, the suites it adds (name → sentence)."""

    verdict: str
    tier: str
    advice: tuple[Advice, ...]
    reasons: tuple[Reason, ...]
    suites: dict[str, str]
    raised: bool = False


def advised(inputs: Inputs, ruled: str, tier: str, suites: Sequence[str]) -> Advised:
    """Take the advice of ``inputs`` on a plan that the rules made ``ruled`` for a change of ``tier``.

    A higher tier asks for more tests, and does so as advice on the plan: both together move the plan by one
    step at most. ``suites`` are those of the policy that may be added; an addition needs advice that asks
    for more than a targeted plan, and never changes what the rules chose already.
    """
    new_tier, on_risk = take_advice(RISK, tier, inputs.risk_advice)
    by_tier = [
        Advice(source=item.source, verdict=_PLAN_OF_TIER[new_tier], text=item.text)
        for item in on_risk
        if item.accepted
    ]
    verdict, judged = take_advice(PLAN, ruled, [*inputs.advice, *by_tier])
    on_plan = judged[: len(inputs.advice)]
    reasons = [_reason("advice", item, verdict) for item in on_plan if item.accepted]
    for item, effect in zip((i for i in on_risk if i.accepted), judged[len(inputs.advice) :], strict=True):
        told = msgspec.structs.replace(item, text=f"the risk is {new_tier}, not {tier}: {item.text}")
        reasons.append(_reason("advised-risk", told, verdict if effect.accepted else ""))
    order = order_of(PLAN)
    asks = [i for i in on_plan if i.verdict in order.verdicts and order.rank(i.verdict) > 0]
    wanted = [name for name in inputs.additions if name in suites]
    added = dict.fromkeys(wanted, asks[0].text) if asks else {}
    if verdict == ruled and added:
        reasons.append(
            Reason(
                code="advice", text=f"{asks[0].text} ({', '.join(added)} is added)", sources=(asks[0].source,)
            )
        )
    reasons += [msgspec.structs.replace(note, effect="") for note in inputs.notes]
    return Advised(
        verdict=verdict,
        tier=new_tier,
        advice=(*on_plan, *on_risk),
        reasons=tuple(reasons),
        suites=added,
        raised=new_tier != tier,
    )


def _reason(code: str, item: Advice, effect: str) -> Reason:
    return Reason(code=code, text=item.text, effect=effect, sources=(item.source,))
