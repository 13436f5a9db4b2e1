"""Make a recorded decision again, offline, and say whether every byte is the same."""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.cli import Command, Context, Result
from signalbox.decision.bundle import MAX_BUNDLE_BYTES
from signalbox.errors import InputError
from signalbox.files import read_limited

EXAMPLES = """
examples:
  replay.py ledger/decisions/promotion-….json
  replay.py --sha256 9f2c… bundle.json     also check the digest that a workflow passed on
"""


def run(context: Context) -> Result:
    """Replay every bundle given; exit 1 when any differs."""
    from signalbox.decision import sha256_hex
    from signalbox.kinds import replay

    lines, code = [], 0
    if context.args.sha256 and len(context.args.bundle) != 1:
        raise InputError("--sha256 goes with exactly one bundle", where="--sha256")
    for name in context.args.bundle:
        data = read_limited(Path(name), MAX_BUNDLE_BYTES, "bundle")
        found = sha256_hex(data)
        if context.args.sha256 and found != context.args.sha256:
            lines.append(f"DIFFERS  {name}: its sha256 is {found}, not {context.args.sha256}")
            code = 1
            continue
        result = replay(data, where=name)
        verdict = "same" if result.same else "DIFFERS"
        lines.append(f"{verdict}  {result.kind} {result.verdict}  {name}  {result.difference}".rstrip())
        code = code if result.same else 1
    return Result(text="\n".join(lines), exit=code)


def main() -> int:
    """Entry point."""
    command = Command("replay", __doc__ or "", epilog=EXAMPLES)
    command.positional("bundle", nargs="+", metavar="BUNDLE", help="a bundle, as a decision left it")
    command.option("--sha256", metavar="HEX", help="the digest the bundle must have")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
