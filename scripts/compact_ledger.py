"""Put what runs recorded into one branch as a checked chain, keep what is due, export it."""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.cli import ASKS, Command, Context, Result

EXAMPLES = """
examples:
  compact_ledger.py --ledger git: --push origin --prune    nightly, by one job (see docs/ledger.md)
  compact_ledger.py --ledger git: --verify                 does the chain hold?
  compact_ledger.py --ledger out/ledger --export all.jsonl every record, one a line (or all.parquet)
  compact_ledger.py --ledger git: --send otlp:http://127.0.0.1:4318 --sent out/otlp.sent

The branch is only ever moved forward. Records older than `ledger: retention-days` leave the branch; git's
history keeps them until it is rewritten on purpose. Exit 1: the chain does not hold. Exit 3: damaged records
were left where they are.
"""


def run(context: Context) -> Result:
    """Verify, compact, push, prune, export: what was asked for."""
    from signalbox.actions import plain
    from signalbox.cli import DENIES
    from signalbox.decision import parse_time
    from signalbox.errors import InputError
    from signalbox.files import write_atomic
    from signalbox.ledger import FolderLedger, GitLedger, deliver, open_ledger
    from signalbox.ledger.compact import compact, prune, push, verify
    from signalbox.ledger.export import json_lines
    from signalbox.ledger.parquet import parquet
    from signalbox.ledger.sinks import open_sink

    args, settings = context.args, context.policy.settings.ledger
    ledger = open_ledger(args.ledger or settings.url, repo=context.repo, branch=settings.branch)
    if isinstance(ledger, FolderLedger) and not ledger.exists():
        raise InputError("there is no ledger here", where=str(ledger))
    rows, code, outputs = [], 0, {}
    if args.export:
        decisions, outcomes = ledger.decisions(), ledger.outcomes()
        count = len(decisions.entries) + len(outcomes.entries)
        write = parquet if args.export.endswith(".parquet") else json_lines
        write_atomic(Path(args.export), b"".join(write(decisions, outcomes)))
        rows.append(f"exported {count} records to {args.export}")
        left = (*decisions.damaged, *outcomes.damaged)
        rows += [f"left out  {item.name}: {item.code}" for item in left if write is parquet]
    if args.send:
        sink = open_sink(args.send, context.environ)
        entries = [*ledger.decisions().entries, *ledger.outcomes().entries]
        sent = deliver(sink, entries, Path(args.sent))
        rows.append(f"{sink.name}: {sent.sent} sent, {sent.waiting} waiting")
        if sent.why:
            # The ledger has them all: a sink that is down is caught up with next time.
            rows.append(f"the sink did not take more: {sent.why}")
            code = ASKS
    elif isinstance(ledger, GitLedger) and args.verify:
        flaws = verify(ledger)
        rows += [f"broken at {flaw.commit[:12]}: {flaw.why}" for flaw in flaws] or ["the chain holds"]
        code = DENIES if flaws else 0
    elif isinstance(ledger, GitLedger) and not args.export:
        days = args.retention_days or str(settings.retention_days)
        if not days.isdecimal() or not 1 <= int(days) <= 36500:
            raise InputError("this is not a number of days", where="--retention-days", why=days)
        seconds = int(parse_time(args.now or context.stamp.at).timestamp())
        done = compact(ledger, seconds=seconds, retention_days=int(days))
        if done.manifest is None:
            rows.append("nothing to compact")
        else:
            told = done.manifest
            rows.append(
                f"compaction {told.sequence}: {told.records} records ({told.added} new, {told.dropped} past "
                f"their time) at {done.commit}"
            )
            outputs = {"compaction": done.commit, "records": str(told.records)}
        covered = done.covered if args.prune else ()
        if args.push:
            push(ledger, args.push, pruned=covered)
        if covered:
            prune(ledger, covered)
            rows.append(f"{len(covered)} refs are in the branch and were deleted")
        rows += [f"damaged  {item.name}: {item.code}, {item.why}" for item in done.damaged]
        code = ASKS if done.damaged else 0
    elif not args.export:
        raise InputError(
            "only a git ledger is compacted", where="--ledger", fix="Give git: or --export FILE."
        )
    return Result(text="\n".join(plain(row) for row in rows), outputs=outputs, exit=code)


def main() -> int:
    """Entry point."""
    command = Command("compact_ledger", __doc__ or "", epilog=EXAMPLES)
    command.option("--push", metavar="REMOTE", help="push the branch there, never by force")
    command.option(
        "--prune", action="store_true", default=False, help="delete the refs whose records are in the branch"
    )
    command.option("--verify", action="store_true", default=False, help="only check the chain")
    command.option(
        "--export", metavar="FILE", help="only write every record: JSON lines, or Parquet by its ending"
    )
    command.option(
        "--send", metavar="URL", help="only send what a sink lacks: otlp:http://…, mlflow:http://…"
    )
    command.option("--sent", default="out/sent", metavar="FILE", help="what the sink already has, by name")
    command.option("--retention-days", metavar="N", help="instead of the policy's")
    command.option("--now", metavar="TIME", help="RFC 3339 time that counts as now")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
