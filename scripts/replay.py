"""Make a recorded decision again, offline, and say whether every byte is the same."""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.cli import DENIES, PERMITS, WRONG, Command, Context, Result
from signalbox.decision.bundle import MAX_BUNDLE_BYTES
from signalbox.errors import InputError
from signalbox.files import read_limited

EXAMPLES = """
examples:
  replay.py bundles/promotion-….json
  replay.py bundles                        every bundle in a folder
  replay.py --sha256 9f2c… bundle.json     also check the digest that a workflow passed on
  replay.py --show markdown promotion-….json       and what its summary looked like
  replay.py --digest sha256:4f53… --statement decision.statement.json promotion-….json
      the attested statement (or a Sigstore bundle's payload) must be what this bundle says about this digest
"""


def run(context: Context) -> Result:
    """Replay every bundle given; exit 1 when any differs, else 2 when any cannot be read."""
    from signalbox.actions import plain
    from signalbox.decision import sha256_hex
    from signalbox.kinds import replay

    # The worst of all bundles: one that cannot be read must not hide that another differs.
    lines, codes = [], {PERMITS}
    bundles = [path for name in context.args.bundle for path in _bundles(name)]
    for option in ("sha256", "digest", "statement", "show"):
        if getattr(context.args, option) and len(bundles) != 1:
            raise InputError(f"--{option} goes with exactly one bundle", where=f"--{option}")
    digest, statement = context.args.digest, _statement(context.args.statement)
    for name in bundles:
        try:
            data = read_limited(Path(name), MAX_BUNDLE_BYTES, "bundle")
            found = sha256_hex(data)
            if context.args.sha256 and found != context.args.sha256.lower().removeprefix("sha256:"):
                lines.append(f"DIFFERS  {name}: its sha256 is {found}, not {context.args.sha256}")
                codes.add(DENIES)
                continue
            result = replay(data, where=name)
            other = _difference(data, statement, digest, name) if result.same else ""
        except InputError as error:
            if len(bundles) == 1:
                raise
            lines.append(f"UNREADABLE  {error}")
            codes.add(WRONG)
            continue
        same = result.same and not other
        word = "same" if same else "DIFFERS"
        lines.append(f"{word}  {result.kind} {result.verdict}  {name}  {result.difference}{other}".rstrip())
        codes.add(PERMITS if same else DENIES)
    exit_code = next(code for code in (DENIES, WRONG, PERMITS) if code in codes)
    # One bundle, one line: no name or verdict inside a file may write a line of its own.
    shown = "\n".join(plain(line) for line in lines)
    if context.args.show and exit_code == PERMITS:
        shown += "\n\n" + _shown(data, context.args.show, bundles[0])
    return Result(text=shown, exit=exit_code)


def _shown(data: bytes, form: str, name: str) -> str:
    """What people saw when the decision was made, as text or as a summary's Markdown."""
    from signalbox.kinds import shown

    decision, blocks = shown(data, where=name)
    if form == "markdown":
        from signalbox.render.markdown import markdown

        return markdown(decision, blocks, replay=f"replay.py {name}")
    from signalbox.render.text import text

    return text(decision, blocks, replay=f"replay.py {name}")


def _bundles(name: str) -> list[str]:
    """The bundle itself, or every one in a folder of them (not in folders below it)."""
    if not Path(name).is_dir():
        return [name]
    found = sorted(str(path) for path in Path(name).glob("*.json"))
    if not found:
        raise InputError(
            "there is no bundle in this folder", where=name, fix="Name a folder of <kind>-<id>.json."
        )
    return found


def _statement(name: str) -> bytes:
    if not name:
        return b""
    data = read_limited(Path(name), 32 << 20, "statement")
    if not data:
        raise InputError("the statement is empty", where=name)
    return data


def _difference(data: bytes, statement: bytes, digest: str, name: str) -> str:
    """Why the bundle is not what was attested, or not about that digest."""
    if not (statement or digest):
        return ""
    from signalbox.promotion.attestation import difference

    return difference(data, statement, digest, where=name)


def main() -> int:
    """Entry point."""
    command = Command("replay", __doc__ or "", epilog=EXAMPLES)
    command.positional(
        "bundle", nargs="+", metavar="BUNDLE", help="a bundle, as a decision left it, or a folder of them"
    )
    command.option("--sha256", metavar="HEX", help="the digest the bundle must have")
    command.option("--digest", metavar="SHA256", help="the artifact the promotion must be about, sha256:…")
    command.option("--statement", metavar="FILE", help="the statement that was attested about it")
    command.option(
        "--show", choices=("text", "markdown"), help="also show it as people saw it when it was made"
    )
    found = WRONG

    def check(context: Context) -> Result:
        nonlocal found
        result = run(context)
        found = result.exit
        return result

    # A check and no decision: in no mode is a difference, or a bundle that cannot be read, harmless.
    return command.run(check) or found


if __name__ == "__main__":
    sys.exit(main())
