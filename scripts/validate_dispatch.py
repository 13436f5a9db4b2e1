"""Check an event from outside before anything acts on it: its type, and every field of its payload."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from signalbox.cli import Command, Context, Result
from signalbox.dispatch import CAPABILITIES, validate
from signalbox.errors import InputError
from signalbox.files import read_limited

EXAMPLES = """
examples:
  validate_dispatch.py --event-type signalbox-deploy --payload-file payload.json
  validate_dispatch.py --event-type signalbox-rollback --payload '{"severity": "high", ...}'

A payload that is refused ends with exit code 2 in every mode: this check guards, it does not advise.
"""


def run(context: Context) -> Result:
    """Refuse, or hand on the capability and the payload in canonical form."""
    from signalbox.dispatch.payloads import MAX_BYTES

    args = context.args
    if bool(args.payload) == bool(args.payload_file):
        raise InputError("give the payload once", where="--payload or --payload-file")
    if args.payload_file:
        payload = read_limited(Path(args.payload_file), MAX_BYTES, "payload")
    else:
        payload = args.payload.encode(errors="surrogateescape")
    capability, checked = validate(args.event_type, payload)
    text = checked.decode().rstrip("\n")
    outputs = {"capability": capability, "payload": text}
    return Result(text=f"{capability} {text}", outputs=outputs, summary=f"Event for {capability}: accepted.")


def main() -> int:
    """Entry point."""
    # No policy loosens this check, so it does not ask one for its mode.
    environ = {**os.environ, "SIGNALBOX_MODE": "enforce", "SIGNALBOX_FAIL_ON": ""}
    command = Command("validate_dispatch", __doc__ or "", epilog=EXAMPLES, environ=environ)
    known = ", ".join(CAPABILITIES)
    command.option("--event-type", metavar="TYPE", help=f"signalbox- and one of {known}")
    command.option("--payload", metavar="JSON", help="the event's client_payload")
    command.option("--payload-file", metavar="FILE", help="the same from a file")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
