"""Gather what came of deliveries: reverts, incidents, hotfixes, failed deployments; and forks' decisions."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalbox.cli import ASKS, Command, Context, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from signalbox.feedback.gathering import Told
    from signalbox.feedback.history import History
    from signalbox.github import GitHub
    from signalbox.ledger import Harvest

EXAMPLES = """
examples:
  gather_outcomes.py --ledger git: --push origin                      nightly, in a clone with its history
  gather_outcomes.py --ledger git: --github owner/name --forks-days 2 also what forks' runs decided
  gather_outcomes.py --ledger out/ledger --github none                only reverts

An issue with the policy's incident label counts for every delivery whose digest, commit or decision it names;
a hotfix for what it names, else for the one deployment shortly before it. What could mean several is recorded
for none and named. Gathering twice records nothing twice. What forks' runs decided is kept as untrusted.
Exit 3: a source could not be read (nothing follows from that) or something could not be attributed.
"""


def run(context: Context) -> Result:
    """Read git and GitHub, compare with the ledger, record what is new."""
    from datetime import timedelta

    from signalbox.decision import format_time, parse_time
    from signalbox.errors import InputError
    from signalbox.feedback import read_history
    from signalbox.feedback.gathering import gather
    from signalbox.ledger import GitLedger, Harvest, describe, open_ledger, record_run, run_name
    from signalbox.render.escape import code_block

    args, settings = context.args, context.policy.settings
    url = args.ledger or settings.ledger.url
    ledger = open_ledger(url, repo=context.repo, branch=settings.ledger.branch, run=run_name(context.environ))
    if args.push and not isinstance(ledger, GitLedger):
        raise InputError("only a git ledger can be pushed", where="--push", fix="Give --ledger git: as well.")
    try:
        now = parse_time(args.now or context.stamp.at)
    except ValueError as error:
        raise InputError("this is not a time", where="--now", why=str(error)) from None
    since = now - timedelta(days=_days("--days", args.days))
    decisions = ledger.decisions()
    history = read_history(decisions, ledger.outcomes())
    troubles: list[str] = []
    told = _read(context, history, since, troubles)
    found = gather(
        told,
        history.made,
        history.outcomes,
        since=since,
        now=now,
        quiet_days=settings.feedback.label_delay_days,
        hotfix_hours=settings.feedback.hotfix_hours,
        producer=context.stamp.producer,
    )
    at = int(now.timestamp())
    forks = Harvest(bundles=(), refused=(), others=0)
    if _days("--forks-days", args.forks_days) and args.github != "none":
        from_day = format_time(now - timedelta(days=_days("--forks-days", args.forks_days)))
        known = {entry.name for entry in decisions.entries}
        forks = _forks(context, from_day, known, troubles)
    receipts = [record_run(ledger, Harvest(bundles=(), refused=(), others=0), found.outcomes, at=at)]
    if forks.bundles or forks.refused:
        receipts.append(record_run(ledger, forks, (), trusted=False, at=at))
    for receipt in receipts:
        if args.push and receipt.ref and isinstance(ledger, GitLedger):
            ledger.push(receipt.ref, args.push)
    rows = [describe(receipt, where=url) for receipt in receipts]
    rows += [f"unread    {trouble}" for trouble in troubles]
    rows += [f"open      {what}: {why}" for what, why in found.unattributed]
    text = "\n".join(rows)
    return Result(
        text=text,
        summary=code_block(text, "text", 200_000) + "\n",
        outputs={
            "outcomes": str(len(found.outcomes)),
            "untrusted": str(len(forks.bundles)),
            "unattributed": str(len(found.unattributed)),
            "unread": str(len(troubles)),
        },
        exit=ASKS if troubles or found.unattributed else 0,
    )


def _days(name: str, given: str) -> int:
    from signalbox.errors import InputError

    if not given.isdecimal() or int(given) > 3650:
        raise InputError("this is not a number of days from 0 to 3650", where=name, why=given[:40])
    return int(given)


def _read(context: Context, history: History, since: datetime, troubles: list[str]) -> Told:
    """Everything that can be read; what cannot is named in ``troubles`` and stays None."""
    import msgspec

    from signalbox.decision import format_time
    from signalbox.errors import InputError
    from signalbox.feedback.gathering import Told
    from signalbox.feedback.reverts import delivered_by, read_reverts
    from signalbox.ledger.plumbing import GitRepository

    told = Told()
    start = format_time(since)
    try:
        repository = GitRepository(context.repo)
        if repository.run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
            raise InputError("the clone is shallow", fix="Check out with fetch-depth: 0.")
        reverts = read_reverts(repository, start)
        decided = {m.subject.commit for m in history.made if m.trusted and m.subject.commit}
        named = [commit for revert in reverts for commit in revert.reverts]
        told = Told(reverts=reverts, delivered_by=delivered_by(repository, named, decided))
    except InputError as error:
        troubles.append(f"reverts: {error}")
    if context.args.github == "none":
        return told
    from signalbox.github import GitHub

    try:
        with GitHub.from_environ(context.environ, context.args.github) as client:
            told = msgspec.structs.replace(told, **_from_github(context, client, start, troubles))
    except InputError as error:
        troubles.append(f"GitHub: {error}")
    return told


def _from_github(context: Context, client: GitHub, since: str, troubles: list[str]) -> dict[str, Any]:
    from signalbox.feedback.gathering import Failure, Report
    from signalbox.github import GitHubError, happenings

    settings = context.policy.settings.feedback
    environment = context.args.environment or "production"

    def incidents() -> tuple[Report, ...]:
        return tuple(
            Report(
                key=f"#{one.number}",
                at=one.created,
                text=one.text if one.ours else "",
                url=one.url,
                dismissed=one.reason in ("not_planned", "duplicate"),
            )
            for one in happenings.issues(client, settings.incident_label, since)
        )

    def hotfixes() -> tuple[Report, ...]:
        return tuple(
            Report(key=f"#{one.number}", at=one.merged, text=one.text if one.ours else "", url=one.url)
            for one in happenings.merged(client, settings.hotfix_label, since)
        )

    def failures() -> tuple[Failure, ...]:
        return tuple(
            Failure(key=str(one.id), commit=one.commit, environment=one.environment, at=one.at, url=one.url)
            for one in happenings.deployments(client, environment, since)
            if one.state in ("failure", "error")
        )

    found: dict[str, Any] = {}
    sources: dict[str, Callable[[], Any]] = {
        "incidents": incidents,
        "hotfixes": hotfixes,
        "failures": failures,
    }
    for name, read in sources.items():
        try:
            found[name] = read()
        except GitHubError as error:
            troubles.append(f"{name}: {error}")
    return found


def _forks(context: Context, since: str, known: set[str], troubles: list[str]) -> Harvest:
    """The bundles that runs of forks left since then and that the ledger does not have yet."""
    import msgspec

    from signalbox.errors import InputError
    from signalbox.github import Expected, GitHub, Unavailable
    from signalbox.ledger import Found, Harvest, Refused, decision_name, guard, harvest

    bundles: dict[str, Found] = {}
    refused: list[Refused] = []
    with GitHub.from_environ(context.environ, context.args.github) as client:
        runs = client.last_runs(1000, event="pull_request")
        if isinstance(runs, Unavailable):
            troubles.append(f"forks' runs: {runs.reason}")
            runs = ()
        strangers = [r for r in runs if r.created >= since and r.head_repository != client.repository]
        for run in strangers:
            listed = client.artifacts_of_run(run.id)
            if isinstance(listed, Unavailable):
                troubles.append(f"run {run.id}: {listed.reason}")
                continue
            for item in listed:
                if not item.name.startswith("signalbox-decision-") or item.expired:
                    continue
                with tempfile.TemporaryDirectory() as scratch:
                    folder = Path(scratch) / "artifact"
                    expected = Expected(run=run.id, name=item.name, forks=True)
                    got = client.fetch_artifact(item.id, folder, expected)
                    if isinstance(got, Unavailable):
                        refused.append(Refused(where=f"run {run.id}, {item.name}", why=got.reason))
                        continue
                    here = harvest(folder)
                refused += here.refused
                for one in here.bundles:
                    where = f"run {run.id}, {item.name}"
                    try:
                        name = decision_name(guard(one.data)[0], trusted=False, where=where)
                    except InputError as error:
                        refused.append(Refused(where=where, why=str(error)))
                        continue
                    if name not in known:
                        bundles[one.sha256] = msgspec.structs.replace(one, where=where)
    return Harvest(bundles=tuple(bundles.values()), refused=tuple(refused), others=0)


def main() -> int:
    """Entry point."""
    command = Command("gather_outcomes", __doc__ or "", epilog=EXAMPLES)
    command.option("--github", metavar="OWNER/NAME", help="where to read (default: this one), or none")
    command.option("--days", default="90", metavar="N", help="how far back sources are read")
    command.option("--forks-days", default="0", metavar="N", help="take decisions of forks' runs of N days")
    command.option("--push", metavar="REMOTE", help="push the new refs of a git ledger to this remote")
    command.option("--now", metavar="TIME", help="RFC 3339 time that counts as now")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
