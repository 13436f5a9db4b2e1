"""Proposals and alarms in words: for the terminal, and for the pull request that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from signalbox.config import Settings
from signalbox.feedback.drifting import Watched
from signalbox.feedback.proposals import Missing, Proposal, Value
from signalbox.feedback.retraining import Model


def of_alarms(watched: Sequence[Watched], settings: Settings) -> tuple[Proposal, ...]:
    """What the alarms tighten, each setting once, where it is not that strict already."""
    found: dict[str, Proposal] = {}
    for item in watched:
        if item.tighten is None:
            continue
        section, key, value = item.tighten
        today: Value = getattr(getattr(settings, section), key.replace("-", "_"))
        if today == value or f"{section}.{key}" in found:
            continue
        found[f"{section}.{key}"] = Proposal(
            section=section, key=key, today=today, proposed=value, why=item.sentence, tightens=True
        )
    return tuple(found.values())


def text(
    proposals: Sequence[Proposal],
    missing: Sequence[Missing],
    watched: Sequence[Watched],
    links: Mapping[str, str],
    trained: Sequence[Model] = (),
) -> str:
    """Everything, a line or two each."""
    count = len(proposals)
    rows = [f"{count} proposal{'' if count == 1 else 's'}" if count else "nothing is proposed"]
    for item in proposals:
        rows.append(f"propose   {item.name}: {_show(item.today)} -> {_show(item.proposed)}")
        rows.append(f"          {_because(item)}")
        if item.name in links:
            rows.append(f"          {links[item.name]}")
    rows += [f"missing   {item.name}: {item.text}" for item in missing]
    rows += [f"{'ALARM     ' if w.alarmed else 'watched   '}{w.name}: {w.sentence}" for w in watched]
    rows += [f"{'retrain   ' if m.due else 'trained   '}{m.name}: {m.why}" for m in trained]
    if not watched:
        rows.append("watched   nothing yet: no decision has a known outcome")
    return "\n".join(rows)


def bodies(proposals: Sequence[Proposal], settings: Settings) -> dict[str, str]:
    """Name of the setting → text of its pull request, Markdown."""
    return {item.name: _body(item, settings) for item in proposals}


def _body(item: Proposal, settings: Settings) -> str:
    costs, feedback = settings.scoring.costs, settings.feedback
    rows = [
        f"**`{item.name}`: `{_show(item.today)}` → `{_show(item.proposed)}`**",
        "",
        _because(item) + ".",
        "",
        "| evidence | |",
        "|---|---|",
        f"| decisions it was judged on | {item.held_out} |",
    ]
    if item.gain is not None:
        confidence = f"{item.gain.confidence:.0%}"
        rows += [
            f"| gain a decision | {item.gain.estimate:.4g} |",
            f"| {confidence} interval | {item.gain.low:.4g} to {item.gain.high:.4g} |",
            f"| one-sided lower bound, shared among all that was tried | {item.least:.4g} |",
            f"| of these, outcome unknown (the worst is assumed) | {item.unknown} |",
        ]
    elif not item.tightens:
        rows.append(
            f"| least gain a run, at {feedback.proposal_confidence:.0%} confidence | {item.least:.4g} |"
        )
    rows += [
        "",
        f"Costs, from the policy: a review {costs.review:g}, a bad promotion {costs.bad_promotion:g}, "
        f"a false block {costs.false_block:g}, an audit {feedback.audit_cost:g}, an escape "
        f"{feedback.escape_cost:g}.",
        "",
        "The bound holds for decisions like the recorded ones. It says nothing of a change in what is built.",
        "",
        f"**To take it back**: revert the merge commit, or set `{item.key}: {_show(item.today)}` under "
        f"`{item.section}:`. Nothing else is changed; every decision names the policy it was made under.",
    ]
    return "\n".join(rows) + "\n"


def _because(item: Proposal) -> str:
    if item.tightens:
        return f"drift: {item.why}"
    if item.gain is None:
        return f"{item.why}; gains at least {item.least:.3g} a run"
    return f"{item.why}; gains {item.gain.estimate:.3g} a decision, surely at least {item.least:.3g}"


def _show(value: Value) -> str:
    return "null" if value is None else f"{value:g}"
