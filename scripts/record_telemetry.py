"""Record a run's decisions, and the outcomes that are known, in the ledger."""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.cli import ASKS, Command, Context, Result

EXAMPLES = """
examples:
  record_telemetry.py --decisions out/bundles --ledger out/ledger
  record_telemetry.py --decisions artifacts --ledger git: --push origin     one new ref, no merge
  record_telemetry.py --outcome outcome.json --ledger out/ledger
      {"decision": "<id>", "label": "bad", "source": "incident-link", "links": ["https://…"]}

Without a ledger (neither --ledger nor `ledger: url:` in the policy) it only says what it would record.
Exit 3: something was refused, or a bundle that a job announced (--expect) never came.
"""


BY_API = "api:"


def run(context: Context) -> Result:
    """Read the artifacts, check them, write them, push them if asked."""
    from signalbox.decision import parse_time
    from signalbox.errors import InputError
    from signalbox.feedback.derive import outcomes_of_run
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
            data, recorded_at=context.stamp.at, producer=context.stamp.producer, where=args.outcome
        )
    found = harvest(Path(args.decisions)) if args.decisions else Harvest(bundles=(), refused=(), others=0)
    expected = expected_digests(args.expect)
    if not args.outcome:
        # Only from bundles that a job vouched for: an outcome is learned from.
        vouched = (b.data for b in found.bundles if not expected or b.sha256 in expected)
        outcomes = outcomes_of_run(vouched)
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


def main() -> int:
    """Entry point."""
    command = Command("record_telemetry", __doc__ or "", epilog=EXAMPLES)
    command.option("--decisions", metavar="DIR", help="bundles, as files or as artifacts' zip archives")
    command.option(
        "--outcome",
        metavar="FILE",
        help="outcomes: a JSON object, a list, or one a line (default: how an enforced rollout ended)",
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
