"""Record a run's decisions, and the outcomes that are known, in the ledger."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import ASKS, Command, Context, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signalbox.decision import Bundle
    from signalbox.feedback.ran import Ran

EXAMPLES = """
examples:
  record_telemetry.py --decisions out/bundles --ledger out/ledger
  record_telemetry.py --decisions artifacts --ledger git: --push origin     one new ref, no merge
  record_telemetry.py --outcome outcome.json --ledger out/ledger
      {"decision": "<id>", "label": "bad", "source": "incident-link", "links": ["https://…"]}
      or an event of PagerDuty's or Opsgenie's webhook that names a digest, commit or decision
  record_telemetry.py --decisions artifacts --results artifacts --jobs-of 4242 --ledger git:

Without a ledger (neither --ledger nor `ledger: url:` in the policy) it only says what it would record.
Exit 3: something was refused, or a bundle that a job announced (--expect) never came.
"""


BY_API = "api:"


def run(context: Context) -> Result:
    """Read the artifacts, check them, write them, push them if asked."""
    from signalbox.decision import parse_time
    from signalbox.errors import InputError
    from signalbox.feedback.derive import outcomes_of_run
    from signalbox.feedback.paging import outcomes_of
    from signalbox.files import read_limited
    from signalbox.ledger import (
        GitLedger,
        Harvest,
        describe,
        expected_digests,
        harvest,
        is_fork,
        open_ledger,
        read_outcomes,
        record_run,
        run_name,
        summary,
    )
    from signalbox.render.escape import code_block

    args, settings = context.args, context.policy.settings.ledger
    if not args.decisions and not args.outcome:
        raise InputError("there is nothing to record", fix="Give --decisions DIR, --outcome FILE or both.")
    url = args.ledger or settings.url
    ledger = (
        open_ledger(url, repo=context.repo, branch=settings.branch, run=run_name(context.environ))
        if url
        else None
    )
    if args.push and not isinstance(ledger, GitLedger):
        raise InputError("only a git ledger can be pushed", where="--push", fix="Give --ledger git: as well.")
    outcomes: tuple[bytes, ...] = ()
    if args.outcome:
        data = read_limited(Path(args.outcome), 1 << 24, "file of outcomes")
        outcomes = read_outcomes(
            outcomes_of(data) or data,
            recorded_at=context.stamp.at,
            producer=context.stamp.producer,
            where=args.outcome,
        )
    found = harvest(Path(args.decisions)) if args.decisions else Harvest(bundles=(), refused=(), others=0)
    expected = expected_digests(args.expect)
    # Only from bundles that a job vouched for: an outcome is learned from.
    vouched = [b.data for b in found.bundles if not expected or b.sha256 in expected]
    if not args.outcome:
        outcomes = outcomes_of_run(vouched) + _told(context, vouched)
    receipt = record_run(
        ledger,
        found,
        outcomes,
        expected=expected,
        trusted=not (args.untrusted or is_fork(context.environ)),
        at=int(parse_time(context.stamp.at).timestamp()),
    )
    if args.push and receipt.ref and isinstance(ledger, GitLedger):
        if args.push == BY_API:
            from signalbox.github import GitHub

            with GitHub.from_environ(context.environ) as client:
                client.put_files(receipt.ref, ledger.files(receipt.ref), f"Record run {ledger.run}")
        else:
            ledger.push(receipt.ref, args.push)
    text = describe(receipt, where=url)
    if args.format == "json":
        from signalbox.decision import canonical

        text = canonical(summary(receipt, where=url)).decode().rstrip()
    elif not url:
        text += "\nno ledger is configured: give --ledger, or `ledger: {url: …}` in the policy file"
    return Result(
        text=text,
        summary=code_block(text, "text", 200_000) + "\n",
        outputs={
            "recorded": str(len(receipt.lines) if url else 0),
            "refused": str(len(receipt.refused)),
            "missing": str(len(receipt.missing)),
            "ref": receipt.ref,
        },
        exit=0 if receipt.complete else ASKS,
    )


def _told(context: Context, bundles: Sequence[bytes]) -> tuple[bytes, ...]:
    """What the run's own bundles and results say of its plans: what an audit missed, what runners cost."""
    from signalbox.decision import decode_bundle
    from signalbox.errors import InputError
    from signalbox.feedback.ran import read_run
    from signalbox.ledger.records import parse_object
    from signalbox.selection.audit import audit_outcomes

    told = audit_outcomes(parse_object(data, where="bundle") for data in bundles)
    for data in bundles if context.args.results else ():
        try:
            bundle = decode_bundle(data)
        except InputError:
            continue  # a newer bundle: it is recorded, and what it means is left to its own version
        shards = bundle.decision.outputs.get("matrix", {}).get("include", ())
        if bundle.decision.kind != "concurrency" or not shards:
            continue
        ran = read_run(Path(context.args.results), len(shards))
        for trouble in ran.unread:
            context.say(f"results: {trouble}")
        if ran.complete:
            told.append(_cost(context, bundle, ran))
    return tuple(told)


def _cost(context: Context, bundle: Bundle, ran: Ran) -> bytes:
    """The outcome of a concurrency plan, with what the next plans learn from."""
    import msgspec

    from signalbox.concurrency.learned import Observed, regret
    from signalbox.feedback.ran import failed_of, outcome_of_plan, seconds_of

    made = bundle.decision
    shards = [[case.seconds for case in ran.shards[number]] for number in sorted(ran.shards)]
    paid, least, runners = regret(shards, context.policy.settings.concurrency)
    planned = [60 * float(entry["minutes"]) for entry in made.outputs["matrix"]["include"]]
    queue = bundle.inputs.get("queue") or {}
    observed = Observed(
        planned_seconds=tuple(planned),
        shard_seconds=tuple(sum(shard) for shard in shards),
        jobs=_jobs(context, len(shards)),
        waiting=queue.get("jobs"),
    )
    facts = {
        "cost": round(paid, 4),
        "least": round(least, 4),
        "least_runners": runners,
        "regret": round(paid / least - 1, 4) if least else 0.0,
        "observed": msgspec.to_builtins(observed),
        "seconds": seconds_of(ran),
        "failed": failed_of(ran),
    }
    return outcome_of_plan(made.id, made.subject, facts, made.decided_at, made.producer)


def _jobs(context: Context, count: int) -> tuple[tuple[float, float, float], ...]:
    """When each of the run's test jobs was queued, began and ended; empty if GitHub does not say of all."""
    import re

    from signalbox.decision import parse_time
    from signalbox.errors import InputError
    from signalbox.github import GitHub, Unavailable

    run = context.args.jobs_of
    if not run.isdecimal():
        return ()
    try:
        with GitHub.from_environ(context.environ) as client:
            found = client.jobs(int(run))
    except InputError as error:
        context.say(f"the run's jobs: {error}")
        return ()
    if isinstance(found, Unavailable):
        context.say(f"the run's jobs: {found.reason}")
        return ()
    ours = [
        tuple(parse_time(at).timestamp() for at in (job.created, job.started, job.completed))
        for job in found
        if re.search(rf"Test \d+ of {count}$", job.name) and job.created and job.started and job.completed
    ]
    return tuple((a, b, c) for a, b, c in ours) if len(ours) == count else ()


def main() -> int:
    """Entry point."""
    command = Command("record_telemetry", __doc__ or "", epilog=EXAMPLES)
    command.option("--decisions", metavar="DIR", help="bundles, as files or as artifacts' zip archives")
    command.option(
        "--outcome",
        metavar="FILE",
        help="outcomes: a JSON object, a list, or one a line (default: how an enforced rollout ended)",
    )
    command.option(
        "--results",
        metavar="DIR",
        help="the run's test results by shard, which say what the runners really cost",
    )
    command.option(
        "--jobs-of", metavar="RUN", help="with --results, read when its jobs waited and ran, from GitHub"
    )
    command.option("--expect", metavar="SHA256S", help="digests of the bundles that the jobs announced")
    command.option(
        "--push",
        metavar="REMOTE",
        help="push the new ref of a git ledger to this remote, or api: for GitHub's API",
    )
    command.option(
        "--untrusted",
        action="store_true",
        default=False,
        help="the run belongs to a stranger (assumed for a pull request from a fork)",
    )
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
