"""Who is to blame: hand-made histories with one right answer each, and made-up months with a known truth."""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from results import Figure

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/unit/feedback")]

import test_golden_histories as golden  # noqa: E402

from signalbox.decision import Subject, format_time  # noqa: E402
from signalbox.feedback.gathering import Report, Revert, Told, gather  # noqa: E402
from signalbox.feedback.history import Made  # noqa: E402
from signalbox.ledger import decode_outcome  # noqa: E402

START = datetime(2026, 1, 1, tzinfo=UTC)


def dora() -> Figure:
    """The share of hand-made histories whose labels and measures are the one right answer."""
    right = 0
    for line in golden.LINES:
        try:
            golden.test_the_one_right_answer.__wrapped__(line, False)
        except AttributeError:
            golden.test_the_one_right_answer(line, False)
        except AssertionError:
            continue
        right += 1
    n = len(golden.LINES)
    return Figure(
        "DORA and labels: hand-made histories answered rightly", right / n, "share", {}, n, -1, ">= 1"
    )


def deployment(index: int, hours: float) -> Made:
    """A rollout that came through."""
    subject = Subject(digest=f"sha256:{index:064x}", commit=f"{index:040x}", environment="production")
    return Made(
        id=f"r-{index}",
        kind="rollout",
        verdict="proceed",
        mode="enforce",
        subject=subject,
        at=START + timedelta(hours=hours),
        trusted=True,
        outputs={},
        propensity=None,
        advised=0,
        accepted=0,
        label=None,
    )


def attribution(seed: int, months: int = 200) -> list[Figure]:
    """Precision and reach over made-up months: one deployment in ten is bad.

    A bad one has an incident (names it rightly in 60%, another in 2%, nothing in 38%), then a revert of its
    commit, a hotfix that names nothing, or neither; one hotfix in ten mends nothing that was deployed.
    """
    rng = random.Random(seed)
    said = right = truly = named = 0
    latest = struck = 0
    for _ in range(months):
        at, made = 0.0, []
        for index in range(60):
            at += rng.expovariate(1 / 12)
            made.append(deployment(index, at))
        bad = {m.id for m in made if rng.random() < 0.1}
        incidents, hotfixes, reverts = [], [], []
        for number, one in enumerate(m for m in made if m.id in bad):
            later = format_time(one.at + timedelta(hours=rng.expovariate(1 / 6)))
            draw = rng.random()
            meant = one if draw < 0.6 else rng.choice(made) if draw < 0.62 else None
            text = meant.subject.digest if meant else "orders are lost"
            incidents.append(Report(key=f"#{number}", at=later, text=text))
            draw = rng.random()
            if draw < 0.4:
                revert = f"{1000 + number:040x}"
                reverts.append(Revert(commit=revert, reverts=(one.subject.commit,), at=later))
            elif draw < 0.7:
                hotfixes.append(Report(key=f"#{100 + number}", at=later))
        if rng.random() < 0.1 * len(hotfixes):
            hotfixes.append(Report(key="#999", at=format_time(START + timedelta(hours=rng.random() * at))))
        told = Told(incidents=tuple(incidents), hotfixes=tuple(hotfixes), reverts=tuple(reverts))
        now = START + timedelta(hours=at + 500)
        found = gather(
            told, made, [], since=START, now=now, quiet_days=9999, hotfix_hours=48, producer="bench"
        )
        commits = {m.subject.commit: m.id for m in made}
        outcomes = [decode_outcome(data) for data in found.outcomes]
        blamed = {o.decision or commits.get(o.subject.commit, "") for o in outcomes}
        for report in incidents:  # the rule that many use: whatever was deployed last
            before = [m for m in made if format_time(m.at) <= report.at]
            latest += 1
            struck += before[-1].id in bad
        said += len(blamed)
        right += len(blamed & bad)
        truly += len(bad)
        named += len(bad & blamed)
    return [
        Figure(
            "attribution: of those blamed, truly bad",
            right / said,
            "share",
            {"last deployment before": struck / latest},
            said,
            seed,
            ">= 0.95",
        ),
        Figure("attribution: of the bad, blamed (else it abstains)", named / truly, "share", {}, truly, seed),
    ]
