"""Report how delivery and its decisions are doing, from the ledger."""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.cli import Command, Context, Result

EXAMPLES = """
examples:
  report_health.py --ledger out/ledger --out report.html
  report_health.py --ledger git: --days 30 --markdown report.md

A report decides nothing: it ends with 0 whenever it could be written.
"""


def run(context: Context) -> Result:
    """Read the ledger, make the report, write the page and the Markdown."""
    from datetime import timedelta

    from signalbox.decision import parse_time
    from signalbox.errors import InputError
    from signalbox.feedback import health_report, read_history
    from signalbox.files import write_atomic
    from signalbox.ledger import FolderLedger, open_ledger
    from signalbox.render.html import Section, page
    from signalbox.render.markdown import block_markdown
    from signalbox.render.text import block_text

    args, settings = context.args, context.policy.settings.ledger
    if not args.days.isdigit() or not 1 <= int(args.days) <= 3650:
        raise InputError("--days is not a number of days from 1 to 3650", where="--days", why=args.days)
    url = args.ledger or settings.url
    ledger = open_ledger(url, repo=context.repo, branch=settings.branch)
    # A git repository without records is a ledger nobody has written to yet, and the report says so; a folder
    # that is not there is more likely a wrong path.
    if isinstance(ledger, FolderLedger) and not ledger.exists():
        raise InputError(
            "there is no ledger here yet",
            where=url,
            fix="Record a run first: record_telemetry.py --decisions DIR --ledger URL.",
        )
    try:
        now = parse_time(args.now or context.stamp.at)
    except ValueError as error:
        raise InputError("--now is not a time", where="--now", why=str(error)) from None
    history = read_history(ledger.decisions(), ledger.outcomes())
    report = health_report(
        history,
        since=now - timedelta(days=int(args.days)),
        now=now,
        environment=args.environment or "production",
        settings=context.policy.settings,
    )
    title = f"Health of delivery, the last {args.days} days"
    if args.out:
        sections = [Section(name).add(*blocks) for name, blocks in report.sections]
        lead = f"{report.verdict} {report.recommendation}"
        write_atomic(Path(args.out), page(title, lead, sections).encode())
    parts = [f"## {title}", f"**{report.verdict}**", report.recommendation]
    for name, blocks in report.sections:
        parts += [f"### {name}", *(block_markdown(block) for block in blocks)]
    markdown = "\n\n".join(parts) + "\n"
    if args.markdown:
        write_atomic(Path(args.markdown), markdown.encode())
    lines = [report.verdict, report.recommendation]
    for name, blocks in report.sections:
        lines += ["", name, *(line for block in blocks for line in block_text(block))]
    lines += [f"\nPage: {args.out}"] if args.out else []
    return Result(
        text="\n".join(lines),
        summary=markdown,
        outputs={"verdict": report.verdict, "recommendation": report.recommendation, "report": args.out},
    )


def main() -> int:
    """Entry point."""
    command = Command("report_health", __doc__ or "", epilog=EXAMPLES)
    command.option("--days", default="28", metavar="N", help="how far back the report looks")
    command.option("--markdown", metavar="FILE", help="write the report as Markdown")
    command.option("--now", metavar="TIME", help="RFC 3339 time at which it looks back (default: now)")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
