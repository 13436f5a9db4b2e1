"""Write the records of a work item's phases, and move it on where its records permit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import DENIES, PERMITS, Command, Context, Result

if TYPE_CHECKING:
    from signalbox.phases.store import Store

EXAMPLES = """
what:
  begin      declare the flow of a work item: --work-item ABC-1 (--prototype)
  record     check any phase's record and keep it: --phase plan-work --record plan.json
  evidence   the same for verify-work            publish   for publish-change
  release    for release-readiness               learning  for learning-review
  advance    move on: --to plan-work (--reason, when work is sent back)
  mismatch   note a temporary mismatch: --reason TEXT (--reconciled takes it back)
  stop       say what is still open; with --strict that blocks
  dogfood    check every record that is there, and what follows from the learning reviews
  trust      take down a claim of trust: --record report.json --artifact FILE --providers 'name=authority'

examples:
  record_phase.py begin --work-item ABC-1 --folder .signalbox/work/ABC-1
  record_phase.py advance --to pull-work --folder .signalbox/work/ABC-1

state.json and handoff.json are written by this script alone. A refused move is noted in
transition-diagnostics.jsonl and touches neither; the exit code is then 1.
"""
SHORT = {
    "evidence": "verify-work",
    "publish": "publish-change",
    "release": "release-readiness",
    "learning": "learning-review",
}
WHAT = ("begin", "record", *SHORT, "advance", "mismatch", "stop", "dogfood", "trust")


def run(context: Context) -> Result:
    """Do what was asked."""
    from signalbox.errors import InputError
    from signalbox.phases.store import Store

    args = context.args
    args.what = args.what or args.by_name
    if args.what not in WHAT:
        raise InputError("there is no such thing to do", where=args.what, fix=f"One of {', '.join(WHAT)}.")
    if args.what == "trust":
        return _trust(context)
    if not args.folder:
        raise InputError("no folder is named", where="--folder")
    store = Store(Path(args.folder))
    if args.what in ("record", *SHORT):
        return _record(context, store, SHORT.get(args.what, args.phase))
    if args.what == "begin":
        state = store.begin(args.work_item, context.stamp.at, args.by, prototype=args.prototype)
        return Result(text=f"{state.work_item} begins in {state.phase}", outputs={"phase": state.phase})
    if args.what == "advance":
        return _advance(context, store)
    if args.what == "mismatch":
        state = store.mismatch(args.reason, reconciled=args.reconciled)
        return Result(text=f"{len(state.mismatches)} mismatches to reconcile")
    return _stop(context, store) if args.what == "stop" else _dogfood(context, store)


def _record(context: Context, store: Store, phase: str) -> Result:
    from signalbox.files import read_limited
    from signalbox.phases.store import LIMIT

    args = context.args
    record = store.write(phase, read_limited(Path(args.record), LIMIT, "record"), args.record)
    return Result(text=f"{phase}: kept the record of {record.work_item}", outputs={"phase": phase})


def _advance(context: Context, store: Store) -> Result:
    args = context.args
    move = store.advance(args.to, at=context.stamp.at, by=args.by, reason=args.reason)
    if move is None:
        return Result(text="no flow is declared here, so nothing is guarded")
    if move.refused:
        return Result(text=f"refused: {move.refused}", exit=DENIES, outputs={"phase": move.state.phase})
    return Result(
        text=f"{move.state.work_item} is in {move.state.phase}", outputs={"phase": move.state.phase}
    )


def _stop(context: Context, store: Store) -> Result:
    from signalbox.phases.machine import stopping

    state = store.state()
    text, blocks = stopping(state, strict=context.args.strict) if state else ("", False)
    return Result(text=text or "nothing is under way", exit=DENIES if blocks else PERMITS)


def _dogfood(context: Context, store: Store) -> Result:
    from signalbox.phases.records import LearningReview
    from signalbox.phases.rules import rates
    from signalbox.phases.store import Store

    folders = sorted({path.parent for path in store.folder.rglob("*.json") if path.parent.name != "history"})
    records = {folder: Store(folder).records() for folder in folders}
    learned = [one for found in records.values() for one in found.values() if isinstance(one, LearningReview)]
    counted = rates(learned, context.stamp.at)
    lines = [f"{sum(map(len, records.values()))} records in {len(records)} folders hold"]
    lines.append(
        f"{counted.reviews} learning reviews, {counted.clean} clean, {counted.corrections} corrections"
    )
    for name, rate in (("correction", counted.correction_rate), ("resolved", counted.resolved_rate)):
        lines.append(f"{name} rate {'nothing to count' if rate is None else f'{100 * rate:.0f}%'}")
    lines.append(f"came back: {', '.join(counted.recurring) or 'none'}")
    lines.append(f"left lying: {', '.join(counted.stale) or 'none'}")
    return Result(text="\n".join(lines))


def _trust(context: Context) -> Result:
    from signalbox.decision import canonical
    from signalbox.errors import InputError
    from signalbox.files import read_limited
    from signalbox.phases.trust import judge

    args = context.args
    providers = {}
    for pair in args.providers.split():
        name, equals, authority = pair.partition("=")
        if not (name and equals and authority):
            raise InputError("a provider is name=authority", where="--providers", why=pair[:80])
        providers[name] = authority

    def read(name: str) -> bytes | None:
        path = Path(name)
        return read_limited(path, 64 << 20, "file") if name and path.exists() else None

    found = judge(read(args.record), read(args.artifact), providers, context.stamp.at)
    if found is None:
        return Result(text="no provider is configured: nothing to take down")
    text = canonical(found).decode().rstrip() if args.format == "json" else f"{found.result}: {found.why}"
    return Result(
        text=text, outputs={"result": found.result}, exit=PERMITS if found.result == "accepted" else DENIES
    )


def main() -> int:
    """Entry point."""
    command = Command("record_phase", __doc__ or "", epilog=EXAMPLES)
    command.option("--what", metavar="WHAT", dest="by_name", help="the same as WHAT, for workflows")
    command.positional("what", nargs="?", default="", metavar="WHAT", help=f"{', '.join(WHAT)}: see below")
    command.option("--folder", metavar="DIR", help="where the work item's records are")
    command.option("--work-item", metavar="ID", help="with begin: what it is called")
    command.option("--phase", metavar="NAME", help="with record: which phase's it is")
    command.option("--record", metavar="FILE", help="the record to check and keep, JSON")
    command.option("--to", metavar="PHASE", help="with advance: where to")
    command.option("--reason", metavar="TEXT", help="why work is sent back or dropped, or what does not fit")
    command.option("--by", metavar="NAME", default="unknown", help="who does it")
    command.option("--artifact", metavar="FILE", help="with trust: what the report is about")
    command.option("--providers", metavar="PAIRS", help="with trust: name=authority, separated by spaces")
    flag = {"action": "store_true", "default": False}
    command.option("--prototype", help="with begin: nothing of it goes on before a learning review", **flag)
    command.option("--reconciled", help="with mismatch: the final records agree again", **flag)
    command.option("--strict", help="with stop: block", **flag)
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
