"""The health report as data: a verdict, one recommended change, and what stands behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from signalbox.config import Settings
from signalbox.decision import ORDERS, format_time
from signalbox.feedback.dora import deployments, failed, five
from signalbox.feedback.drift_view import drift_blocks
from signalbox.feedback.drifting import Watched, watch
from signalbox.feedback.estimates import Estimate
from signalbox.feedback.history import History, Made
from signalbox.feedback.records_view import MOST_ROWS, counted, records_blocks
from signalbox.feedback.scorecard import (
    LEAST_FOR_BRIER,
    LEAST_FOR_DEBIASED,
    LEAST_FOR_ECE,
    Scorecard,
    scorecard,
)
from signalbox.feedback.tests_view import suite_blocks
from signalbox.feedback.worth import Worth, worth
from signalbox.render.blocks import Block, Chart, Table, Text

_SHIPPED = Settings()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`verdict` and `recommendation` are one sentence each; `sections` are titles with their blocks."""

    verdict: str
    recommendation: str
    sections: tuple[tuple[str, tuple[Block, ...]], ...]


def health_report(
    history: History,
    *,
    since: datetime,
    now: datetime,
    environment: str,
    settings: Settings = _SHIPPED,
) -> Report:
    """Everything that a reader of the week needs, about the time from `since` to `now`.

    Drift is watched from the ledger's beginning: a slow one is older than any period.
    """
    watched = watch(history, settings)
    card = scorecard(history, since=since, now=now)
    metrics = five(history, since=since, now=now, environment=environment)
    value = worth(
        history,
        since=since,
        now=now,
        environment=environment,
        weights=settings.feedback.rewards,
        prices=settings.concurrency,
    )
    verdict, recommendation = _judge(history, card, metrics, watched)
    sections = [
        ("Delivery (DORA)", (_estimates(metrics), _frequency(history, since, now, environment))),
        (
            "The decisions and what came of them",
            (_estimates(card.estimates), _counts(card), _by_week(history, since, now)),
        ),
        ("What it was worth", worth_blocks(value)),
        ("Does the score foretell?", _reliability(card)),
        ("Drift", drift_blocks(watched)),
        ("Tests and queue", suite_blocks(history, since=since, now=now)),
        ("Bad outcomes", (_bad(history, since, now),)),
        ("The records themselves", records_blocks(history, card, now)),
    ]
    return Report(verdict=verdict, recommendation=recommendation, sections=tuple(sections))


def _judge(
    history: History, card: Scorecard, metrics: Sequence[Estimate], watched: Sequence[Watched]
) -> tuple[str, str]:
    """The first thing that is wrong, from what makes all else doubtful to what is merely missing."""
    by_name = {e.name: e for e in (*card.estimates, *metrics)}
    decided = sum(card.counts.values())
    if not decided:
        return (
            "Nothing was decided in this period, so nothing can be said.",
            "Let the workflows record their decisions (docs: record-telemetry).",
        )
    count = sum(damage.code != "repeated" for damage in history.damaged)
    if count:
        return (
            f"{counted(count, 'record')} cannot be counted, so every number below is from what is left.",
            "Find out what changed the ledger's files; the list is at the end.",
        )
    alarmed = next((item for item in watched if item.alarmed), None)
    if alarmed is not None:
        return (f"Drift: {alarmed.sentence}", "Run refine_policy.py and merge what it tightens.")
    escaped = by_name["automatic promotions that turned out bad"]
    if escaped.value:
        return (
            f"Automatic promotions turned out bad: {escaped.words}.",
            "Return promotion to review until the score is recalibrated on these outcomes.",
        )
    failures = by_name["change failure rate"]
    if failures.value and failures.enough:
        return (
            f"Deployments fail: {failures.words}.",
            "Look at the bad outcomes below and what they have in common.",
        )
    if card.followed and card.unknown * 2 > card.followed:
        return (
            f"What came of {card.unknown} of {card.followed} promotions and rollouts is unknown.",
            "Record outcomes (record_telemetry.py --outcome), also the good ones.",
        )
    if failures.value:
        return (
            f"Some deployments failed, {failures.words}.",
            "Look at the bad outcomes below; no change of policy is due.",
        )
    return f"No bad outcome is on record for {counted(decided, 'decision')}.", "No change is due."


def _estimates(rows: Sequence[Estimate]) -> Table:
    return Table(
        columns=("measure", "value (95% interval)", "observed"),
        rows=tuple((e.name, e.words, e.n) for e in rows),
    )


def worth_blocks(value: Worth) -> tuple[Block, ...]:
    """What was saved, the parts of the reward, and the reward."""
    if value.reward is None:
        told = "Nothing is known yet of what the reward is made of."
    else:
        told = f"Reward {value.reward:.2f} of 1, by the weights of the policy (feedback: rewards)."
        told += f" Nothing is known of: {', '.join(value.left_out)}." if value.left_out else ""
    saved = Table(
        columns=("saved", "value", "plans"), rows=tuple((e.name, e.words, e.n) for e in value.saved)
    )
    return (Text(told), _estimates(value.parts), saved)


def _counts(card: Scorecard) -> Table:
    order = {kind: index for index, kind in enumerate(ORDERS)}
    rows = sorted(card.counts.items(), key=lambda item: (order.get(item[0][0], 99), item[0]))
    return Table(
        title="Decisions by verdict",
        columns=("kind", "verdict", "decisions"),
        rows=tuple((kind, verdict, n) for (kind, verdict), n in rows),
    )


def _weeks(since: datetime, now: datetime) -> list[datetime]:
    """The Mondays from the week of `since` to the week of `now`."""
    at = (since - timedelta(days=since.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    weeks: list[datetime] = []
    while at < now and len(weeks) < 520:
        weeks.append(at)
        at += timedelta(days=7)
    return weeks


def _per_week(made: Sequence[Made], weeks: Sequence[datetime]) -> tuple[float | None, ...]:
    counted = Counter((m.at - weeks[0]).days // 7 for m in made) if weeks else Counter[int]()
    return tuple(float(counted[index]) for index in range(len(weeks)))


def _by_week(history: History, since: datetime, now: datetime) -> Block:
    weeks = _weeks(since, now)
    kinds = [kind for kind in ORDERS if any(since <= m.at <= now for m in history.of(kind))]
    series = {k: _per_week([m for m in history.of(k) if since <= m.at <= now], weeks) for k in kinds}
    if not series:
        return Text("No decisions in this period.")
    return Chart(
        title="Decisions a week",
        x_label="week from",
        y_label="decisions",
        x=tuple(week.strftime("%m-%d") for week in weeks),
        series=series,
    )


def _frequency(history: History, since: datetime, now: datetime, environment: str) -> Block:
    weeks = _weeks(since, now)
    ours = [m for m in deployments(history, environment) if since <= m.at <= now]
    if not ours:
        return Text(f"No deployment to {environment} ended in this period.")
    return Chart(
        title=f"Deployments to {environment} a week",
        x_label="week from",
        y_label="deployments",
        kind="bar",
        x=tuple(week.strftime("%m-%d") for week in weeks),
        series={
            "not known to have failed": _per_week([m for m in ours if failed(m) is not True], weeks),
            "failed": _per_week([m for m in ours if failed(m) is True], weeks),
        },
    )


def _reliability(card: Scorecard) -> tuple[Block, ...]:
    if not card.scored:
        return (Text("No scored promotion has a known outcome yet."),)
    told = [f"{counted(card.scored, 'scored promotion')} with a known outcome."]
    if card.brier is None:
        told.append(f"Too few for a Brier score ({LEAST_FOR_BRIER} are needed).")
    else:
        told.append(f"Brier score {card.brier:.3f} (0 is perfect, 0.25 is a coin).")
    if card.calibration_error is not None:
        told.append(f"Expected calibration error {card.calibration_error:.3f}.")
    elif card.debiased_error is not None:
        told.append(
            f"Expected calibration error about {card.debiased_error:.3f}, chance taken off (the plain one is "
            f"told from {LEAST_FOR_ECE:,} on)."
        )
    else:
        told.append(f"Too few for a calibration error ({LEAST_FOR_DEBIASED} are needed).")
    rows = tuple((f"{given:.2f}", f"{clean:.2f}", n) for given, clean, n in card.reliability)
    table = Table(columns=("mean score", "share that was clean", "promotions"), rows=rows)
    chart = Chart(
        title="Score against what happened",
        x_label="mean score",
        y_label="share",
        x=tuple(f"{given:.2f}" for given, _, _ in card.reliability),
        series={
            "clean": tuple(clean for _, clean, _ in card.reliability),
            "if the score were right": tuple(given for given, _, _ in card.reliability),
        },
    )
    return (
        (Text(" ".join(told)), chart, table) if len(card.reliability) > 1 else (Text(" ".join(told)), table)
    )


def _bad(history: History, since: datetime, now: datetime) -> Block:
    rows = [
        (
            format_time(m.at),
            m.kind,
            m.verdict,
            m.subject.digest.removeprefix("sha256:")[:12] or m.subject.commit[:12],
            m.label.source,
            f"{m.label.confidence:.0%}",
            ", ".join(m.label.links) or m.id,
        )
        for m in history.made
        # A plan of runners that cost too much is no bad outcome of a delivery; it has its own row.
        if m.trusted and m.label is not None and m.bad and since <= m.at <= now and m.kind != "concurrency"
    ]
    if not rows:
        return Text("None on record.")
    columns = ("decided", "kind", "verdict", "about", "known from", "confidence", "links")
    left = len(rows) - MOST_ROWS
    title = f"the latest {MOST_ROWS}; {left} more are in the ledger" if left > 0 else ""
    return Table(columns=columns, rows=tuple(reversed(rows[-MOST_ROWS:])), title=title)
