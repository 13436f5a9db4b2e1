"""Report how delivery and its decisions are doing, from the ledger."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import WRONG, Command, Context, Result

if TYPE_CHECKING:
    from signalbox.render.blocks import Block

EXAMPLES = """
examples:
  report_health.py --ledger out/ledger --out report.html
  report_health.py --ledger git: --days 30 --markdown report.md
  report_health.py --ledger git: --publish issue                 one issue, kept up to date
  report_health.py --ledger git: --publish discussion --category general
  report_health.py --ledger git: --usage .signalbox/usage.jsonl  with what agents' runs were like

A report decides nothing: it ends with 0 whenever it could be written (and published, where that is asked).
"""


def run(context: Context) -> Result:
    """Read the ledger, make the report, write the page and the Markdown."""
    from datetime import timedelta

    import msgspec

    from signalbox.actions import Annotation
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
    if args.usage:
        report = msgspec.structs.replace(report, sections=(*report.sections, *_usage(args.usage)))
    title = f"Health of delivery, the last {args.days} days"
    if args.out:
        sections = [Section(name).add(*blocks) for name, blocks in report.sections]
        lead = f"{report.verdict} {report.recommendation}"
        write_atomic(Path(args.out), page(title, lead, sections).encode())
    parts = [f"## {title}", f"**{report.verdict}**", report.recommendation]
    for name, blocks in report.sections:
        parts += [f"### {name}", *(block_markdown(block) for block in blocks)]
    markdown = "\n\n".join(parts) + "\n"
    published, trouble = _publish(context, title, markdown) if args.publish != "none" else ("", "")
    if args.markdown:
        write_atomic(Path(args.markdown), markdown.encode())
    lines = [report.verdict, report.recommendation]
    for name, blocks in report.sections:
        lines += ["", name, *(line for block in blocks for line in block_text(block))]
    lines += [f"\nPage: {args.out}"] if args.out else []
    lines += [f"Published: {published}"] if published else []
    lines += [f"Not published: {trouble}"] if trouble else []
    return Result(
        text="\n".join(lines),
        summary=markdown,
        outputs={
            "verdict": report.verdict,
            "recommendation": report.recommendation,
            "report": args.out,
            "published": published,
        },
        annotations=[Annotation(level="error", text=f"not published: {trouble}")] if trouble else [],
        exit=WRONG if trouble else 0,
    )


def _usage(name: str) -> tuple[tuple[str, tuple[Block, ...]], ...]:
    """The section about agents' runs; a store that is not there yet is an empty one."""
    from signalbox.feedback.usage import read_store, report
    from signalbox.render.blocks import Text

    rows = read_store(Path(name)) if Path(name).is_file() else []
    if not rows:
        return (("Agents' runs", (Text("No run was imported yet (usage_feedback.py import)."),)),)
    blocks: list[Block] = []
    for group in ("runtime", "profile_id"):
        table, unjoined = report(rows, group)
        blocks.append(table)
    blocks.append(Text(f"{unjoined} judgements name no run that is known and count nowhere."))
    return (("Agents' runs", tuple(blocks)),)


def _publish(context: Context, title: str, markdown: str) -> tuple[str, str]:
    """The address of the one issue or discussion that holds the report, or why there is none."""
    from signalbox.errors import InputError
    from signalbox.github import GitHub
    from signalbox.github.pages import upsert_discussion, upsert_issue

    key = f"health-{context.args.environment or 'production'}"
    try:
        with GitHub.from_environ(context.environ) as client:
            if context.args.publish == "issue":
                return upsert_issue(client, key, title, markdown, label="signalbox").url, ""
            return upsert_discussion(client, key, context.args.category, title, markdown).url, ""
    except InputError as error:
        # The page is written all the same: a report that is not published is not lost.
        return "", str(error)


def main() -> int:
    """Entry point."""
    command = Command("report_health", __doc__ or "", epilog=EXAMPLES)
    command.option("--days", default="28", metavar="N", help="how far back the report looks")
    command.option("--markdown", metavar="FILE", help="write the report as Markdown")
    command.option(
        "--publish",
        default="none",
        choices=("none", "issue", "discussion"),
        help="keep one issue or discussion of this repository up to date with it",
    )
    command.option("--category", default="general", metavar="NAME", help="category of the discussion")
    command.option(
        "--usage", metavar="FILE", help="store of usage_feedback.py, for a section on agents' runs"
    )
    command.option("--now", metavar="TIME", help="RFC 3339 time at which it looks back (default: now)")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
