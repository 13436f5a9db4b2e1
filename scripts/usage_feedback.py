"""Collect what agents' runs were like; compare rates between runtimes, repositories, profiles or prompts."""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.cli import Command, Context, Result

EXAMPLES = """
examples:
  usage_feedback.py import --runtime local --telemetry-dir runs --telemetry-dir more --store usage.jsonl
  usage_feedback.py report --group-by runtime --store usage.jsonl

A telemetry file holds envelopes, one JSON object a line: run, repo, profile_id, prompt_variant, skill_ids and
counts. An envelope of kind "judgement" with by (person or eval) adds result, quality_score, rework and
human_minutes_saved to the run it names; what a run says of itself about those is not taken.
"""


def run(context: Context) -> Result:
    """Import or report."""
    from signalbox.errors import InputError
    from signalbox.feedback.usage import collect, read_store, report, write_store

    args = context.args
    store = Path(args.store)
    rows = read_store(store) if store.is_file() else []
    if args.command == "import":
        if not args.runtime or not args.telemetry_dir:
            raise InputError("an import needs its source", where="--runtime, --telemetry-dir")
        added, refused = collect([Path(name) for name in args.telemetry_dir], args.runtime, rows)
        write_store(store, rows + added)
        text = f"{len(added)} envelopes imported, {len(refused)} refused"
        return Result(text="\n   ".join([text, *refused[:10]]))
    if not rows:
        raise InputError("there is nothing to report on", where=args.store, fix="Run the import first.")
    table, unjoined = report(rows, args.group_by)
    from signalbox.render.markdown import block_markdown
    from signalbox.render.text import block_text

    text = (
        "\n".join(block_text(table)) + f"\n{unjoined} rows could not be joined to a run and count nowhere\n"
    )
    return Result(text=text, summary=block_markdown(table))


def main() -> int:
    """Entry point."""
    from signalbox.feedback.usage import GROUPS

    command = Command("usage_feedback", __doc__ or "", epilog=EXAMPLES, needs_policy=False)
    command.positional("command", choices=("import", "report"), help="what to do")
    command.option("--runtime", metavar="NAME", help="which runtime the telemetry is of")
    command.option(
        "--telemetry-dir",
        action="append",
        default=[],
        metavar="DIR",
        help="folder of *.jsonl; may be repeated",
    )
    command.option("--group-by", default="runtime", choices=GROUPS, help="what to compare")
    command.option(
        "--store", default=".signalbox/usage.jsonl", metavar="FILE", help="where envelopes are kept"
    )
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
