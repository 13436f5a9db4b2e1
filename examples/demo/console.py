"""What the demo says while it runs: plain lines with the time passed, on a terminal with a little colour."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO


class Console:
    """Prints, and keeps a transcript. Paths are shown relative to `root`, the interpreter as `python`."""

    def __init__(self, out: TextIO, transcript: TextIO | None, root: Path) -> None:
        self._out, self._transcript, self._root = out, transcript, root
        self._started = time.monotonic()
        self._colour = out.isatty() and "NO_COLOR" not in os.environ

    @property
    def elapsed(self) -> float:
        """Seconds since the demo began."""
        return time.monotonic() - self._started

    def chapter(self, title: str) -> None:
        """A heading."""
        self._write(f"\n{title}", "1")

    def say(self, text: str) -> None:
        """A sentence about what happens."""
        self._write(f"[{self.elapsed:5.1f} s] {text}")

    def command(self, argv: Sequence[str | Path], cwd: Path) -> str:
        """Show a command as it can be typed in `root`, and return it."""
        shown = self.shell(argv, cwd)
        self._write(f"[{self.elapsed:5.1f} s] $ {shown}", "36")
        return shown

    def output(self, line: str) -> None:
        """One line that a command printed."""
        self._write(f"          {printable(line)}", "2")

    def good(self, text: str) -> None:
        """Something went as it should."""
        self._write(f"[{self.elapsed:5.1f} s] {text}", "32")

    def bad(self, text: str) -> None:
        """Something did not."""
        self._write(f"[{self.elapsed:5.1f} s] {text}", "31")

    def shell(self, argv: Sequence[str | Path], cwd: Path) -> str:
        """The command as one line of shell, to be typed in `root`."""
        words = ["python" if str(word) == sys.executable else self.path(str(word)) for word in argv]
        line = shlex.join(words)
        return line if cwd == self._root else f"cd {shlex.quote(self.path(str(cwd)))} && {line}"

    def path(self, text: str) -> str:
        """`text` with the root folder's own path taken off."""
        return text.replace(f"{self._root}{os.sep}", "")

    def _write(self, text: str, style: str = "") -> None:
        if self._transcript:
            self._transcript.write(text + "\n")
            self._transcript.flush()
        print(f"\x1b[{style}m{text}\x1b[0m" if style and self._colour else text, file=self._out, flush=True)


def printable(line: str) -> str:
    """`line` without characters that would steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in line.rstrip())
