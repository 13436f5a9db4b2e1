"""Run the double as a program: ``python -m doubles.github --port 0 --state FILE``.

Prints one line of JSON with its URL when it answers, and runs until SIGTERM, SIGINT or the end
of ``--seconds``. ``--state`` is read if it exists and written after every request; git and the
archives lie in the folder ``<state>.d``. Exit code 1 when an exchange broke GitHub's description.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from .server import GitHubDouble


def main() -> int:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="doubles.github", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path, help="JSON file to start from and to keep")
    parser.add_argument("--seconds", type=float, default=3600, help="end by itself after this long")
    args = parser.parse_args()
    folder = args.state.with_name(f"{args.state.name}.d") if args.state else None
    done = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: done.set())
    double = GitHubDouble(folder, args.port, state_file=args.state)
    if args.state and args.state.is_file():
        double.state.load(json.loads(args.state.read_text("utf-8")))
    for repository in double.state.repositories.values():
        if not double.state.git(repository.name).refs():
            double.commit(repository.name, repository.default_branch, {"README.md": "# A repository\n"})
    with double:
        print(json.dumps({"url": double.url}), flush=True)
        done.wait(args.seconds)
    for violation in double.violations:
        print(violation, file=sys.stderr)
    return 1 if double.violations else 0


if __name__ == "__main__":
    sys.exit(main())
