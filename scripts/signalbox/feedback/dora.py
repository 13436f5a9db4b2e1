"""DORA's five metrics from the rollout decisions of one environment and what came of them.

A deployment is a rollout that ended in `proceed` or `rollback`; a `hold` has not ended. What the ledger does
not hold is not made up: the metric says what would have to be recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from signalbox.feedback.estimates import Estimate, median, missing, rate, share
from signalbox.feedback.history import History, Made


def deployments(history: History, environment: str) -> tuple[Made, ...]:
    """Ended rollouts, oldest first; those that name no environment count for any."""
    ended = history.of("rollout", "proceed", "rollback")
    return tuple(m for m in ended if m.subject.environment in ("", environment))


def failed(deployment: Made) -> bool | None:
    """Whether a deployment failed: one that was rolled back did, of another its outcome tells.

    None while that is unknown. A rollback that was only observed moved no traffic and proves nothing.
    """
    return True if deployment.verdict == "rollback" and deployment.mode == "enforce" else deployment.bad


def five(history: History, *, since: datetime, now: datetime, environment: str) -> tuple[Estimate, ...]:
    """Deployment frequency, lead time, change failure rate, recovery time, rework rate.

    Counts deployments from `since` (inclusive) to `now`. Lead time is from the first decision about the
    commit, when its pipeline began, and so a lower bound of the time since it was written.
    """
    everything = deployments(history, environment)
    ours = [m for m in everything if since <= m.at <= now]
    # A ledger younger than the period has watched for less of it; less than a day makes no daily rate.
    began = min((m.at for m in history.made if m.trusted), default=since)
    days = max((now - max(since, began)).total_seconds() / 86400, 1.0)
    known = [m for m in ours if failed(m) is not None]
    return (
        rate("deployment frequency", "a day", len(ours), days),
        _lead_time(history, ours),
        share(
            "change failure rate", sum(failed(m) is True for m in known), len(known), len(ours) - len(known)
        ),
        _recovery(everything, ours),
        _rework(everything, ours),
    )


def _lead_time(history: History, ours: Sequence[Made]) -> Estimate:
    name = "lead time for changes"
    began: dict[str, datetime] = {}
    commits: dict[str, str] = {}
    for made in history.made:
        if made.trusted and made.subject.commit:
            began.setdefault(made.subject.commit, made.at)
            commits.setdefault(made.subject.digest, made.subject.commit)
    delivered = [m for m in ours if m.verdict == "proceed"]
    # A rollout knows its digest; which commit that was built from, the promotion's decision knows.
    known = [(m.at, m.subject.commit or commits.get(m.subject.digest, "")) for m in delivered]
    spans = [at - began[commit] for at, commit in known if commit]
    if delivered and not spans:
        return missing(name, "hours", "the commit that a promotion or a rollout is about")
    return median(name, "hours", [_hours(span) for span in spans])


def _recovery(everything: Sequence[Made], ours: Sequence[Made]) -> Estimate:
    """From a failed deployment to the next one that is not known to have failed."""
    mended = _mended(everything)
    spans = [_hours(mended[made.id].at - made.at) for made in ours if made.id in mended]
    return median("failed deployment recovery time", "hours", spans)


def _rework(everything: Sequence[Made], ours: Sequence[Made]) -> Estimate:
    """The share of deployments that came to mend a failed one: the next good one after each failure."""
    mends = {made.id for made in _mended(everything).values()}
    return share("deployment rework rate", sum(made.id in mends for made in ours), len(ours))


def _mended(everything: Sequence[Made]) -> dict[str, Made]:
    """Id of each failed deployment → the next one that is not known to have failed, where there is one."""
    out: dict[str, Made] = {}
    next_good: Made | None = None
    for made in reversed(everything):
        if failed(made) is not True:
            next_good = made
        elif next_good is not None:
            out[made.id] = next_good
    return out


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600
