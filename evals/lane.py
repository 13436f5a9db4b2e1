"""Runs the commands of one lane and leaves its log, its evidence as Markdown and the same as JSON.

usage: lane.py NAME FOLDER COMMAND… [--skip WHAT=REASON]…

Each command is one argument, run without a shell. What is skipped is named with its reason, in the evidence
and in the step summary.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def run(command: str, log: Path) -> tuple[str, str]:
    """(result, last line) of a command; its output goes into the log."""
    started = time.monotonic()
    with log.open("ab") as stream:
        stream.write(f"$ {command}\n".encode())
        stream.flush()
        try:
            done = subprocess.run(
                shlex.split(command),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=1500,
                check=False,
            )
            output, code = done.stdout, str(done.returncode)
        except (OSError, subprocess.TimeoutExpired) as error:
            output, code = str(error).encode(), "not run to its end"
        stream.write(output + b"\n")
    lines = output.decode(errors="replace").strip().splitlines()
    last = re.sub(r"[|`<>]", " ", lines[-1])[:120] if lines else ""
    state = "passed" if code == "0" else f"failed ({code})"
    return f"{state}, {time.monotonic() - started:.0f} s", last


def main() -> int:
    """Run all, even after one that failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("commands", nargs="+")
    parser.add_argument("--skip", action="append", default=[], metavar="WHAT=REASON")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"lane": args.name, "results": [], "skipped": {}}
    log, failed = args.folder / "log.txt", False
    lines = [f"## Lane {args.name}", "", "| what | result | last line |", "|---|---|---|"]
    for command in args.commands:
        result, last = run(command, log)
        failed |= not result.startswith("passed")
        lines.append(f"| `{command}` | {result} | {last} |")
        told["results"].append({"what": command, "passed": result.startswith("passed"), "result": result})
    for skip in args.skip:
        what, equals, why = skip.partition("=")
        if not equals or not why.strip():
            print(f"error: a skip is named as WHAT=REASON, not {skip!r}", file=sys.stderr)
            return 2
        lines.append(f"| {what} | skipped | {why} |")
        told["skipped"][what] = why
    text = "\n".join(lines) + "\n"
    (args.folder / "evidence.md").write_text(text, "utf-8")
    (args.folder / "lane.json").write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as stream:
            stream.write(text)
    print(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
