"""Make a recorded decision again, offline, and say whether every byte is the same."""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.actions import plain
from signalbox.cli import DENIES, PERMITS, WRONG, Command, Context, Result
from signalbox.decision.bundle import MAX_BUNDLE_BYTES
from signalbox.errors import InputError
from signalbox.files import read_limited

EXAMPLES = """
examples:
  replay.py ledger/decisions/promotion-….json
  replay.py --sha256 9f2c… bundle.json     also check the digest that a workflow passed on
"""


def run(context: Context) -> Result:
    """Replay every bundle given; exit 1 when any differs, else 2 when any cannot be read."""
    from signalbox.decision import sha256_hex
    from signalbox.kinds import replay

    # The worst of all bundles: one that cannot be read must not hide that another differs.
    lines, codes = [], {PERMITS}
    if context.args.sha256 and len(context.args.bundle) != 1:
        raise InputError("--sha256 goes with exactly one bundle", where="--sha256")
    for name in context.args.bundle:
        try:
            data = read_limited(Path(name), MAX_BUNDLE_BYTES, "bundle")
            found = sha256_hex(data)
            if context.args.sha256 and found != context.args.sha256.lower().removeprefix("sha256:"):
                lines.append(f"DIFFERS  {name}: its sha256 is {found}, not {context.args.sha256}")
                codes.add(DENIES)
                continue
            result = replay(data, where=name)
        except InputError as error:
            if len(context.args.bundle) == 1:
                raise
            lines.append(f"UNREADABLE  {error}")
            codes.add(WRONG)
            continue
        word = "same" if result.same else "DIFFERS"
        lines.append(f"{word}  {result.kind} {result.verdict}  {name}  {result.difference}".rstrip())
        codes.add(PERMITS if result.same else DENIES)
    exit_code = next(code for code in (DENIES, WRONG, PERMITS) if code in codes)
    # One bundle, one line: no name or verdict inside a file may write a line of its own.
    return Result(text="\n".join(plain(line) for line in lines), exit=exit_code)


def main() -> int:
    """Entry point."""
    command = Command("replay", __doc__ or "", epilog=EXAMPLES)
    command.positional("bundle", nargs="+", metavar="BUNDLE", help="a bundle, as a decision left it")
    command.option("--sha256", metavar="HEX", help="the digest the bundle must have")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
