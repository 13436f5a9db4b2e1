"""Run the stand-in as a program: `python -m doubles.model --port 0 --script FILE --log FILE`.

Prints one line of JSON with its URL when it answers, and runs until SIGTERM, SIGINT or `--seconds`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from .script import Script, ScriptError
from .server import ModelDouble


def main() -> int:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="doubles.model", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path, help="JSON file with the rules; without it, it just conforms")
    parser.add_argument("--log", type=Path, help="append every request as a line of JSON")
    parser.add_argument("--seconds", type=float, default=3600, help="end by itself after this long")
    args = parser.parse_args()
    try:
        script = Script.read(args.script) if args.script else Script()
    except (OSError, ValueError, ScriptError) as error:
        print(f"error: {args.script}: {error}", file=sys.stderr)
        return 2
    done = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: done.set())
    with ModelDouble(script, port=args.port, log=args.log) as double:
        print(json.dumps({"url": double.url}), flush=True)
        done.wait(args.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
