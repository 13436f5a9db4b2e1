"""What the demo says while it runs: plain lines with the time passed, on a terminal with a little colour."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

WIDTH = 110
INDENT = " " * 10


class Console:
    """Prints, and keeps a transcript. Paths are shown relative to `root`, where the commands can be typed."""

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

    def say(self, text: str, style: str = "") -> None:
        """A sentence about what happens; further lines of it are set under the first."""
        first, *rest = text.splitlines()
        self._write(f"[{self.elapsed:5.1f} s] {first}", style)
        for line in rest:
            self._write(f"{INDENT}{line}", style)

    def good(self, text: str) -> None:
        """Something went as it should."""
        self.say(text, "32")

    def bad(self, text: str) -> None:
        """Something did not."""
        self.say(text, "31")

    def command(self, argv: Sequence[str | Path], cwd: Path) -> str:
        """Show a command as it can be typed in `root`, and return it."""
        shown = self.shell(argv, cwd)
        self.say(f"$ {shown}", "36")
        return shown

    def output(self, line: str) -> None:
        """One line that a command printed."""
        self._write(f"{INDENT}{printable(line)}".rstrip(), "2")

    def shell(self, argv: Sequence[str | Path], cwd: Path) -> str:
        """The command for a shell in `root`, on as many lines as it needs."""
        # Behind "--" stands a command that runs elsewhere, as all does in another folder: paths stay whole.
        own = len(argv) if cwd == self._root else 0
        own = min(own, argv.index("--")) if "--" in argv else own
        words = [shlex.quote(self.path(str(word)) if i < own else str(word)) for i, word in enumerate(argv)]
        # Outside the root (an installed interpreter) the absolute path says nothing to anybody.
        if own and str(argv[0]) == sys.executable and Path(words[0]).is_absolute():
            words[0] = "python"
        if cwd != self._root:
            words = ["cd", shlex.quote(self.path(str(cwd))), "&&", *words]
        return _wrapped(words)

    def path(self, text: str) -> str:
        """`text` with the root folder's own path taken off."""
        return text.replace(f"{self._root}{os.sep}", "")

    def _write(self, text: str, style: str = "") -> None:
        if self._transcript:
            self._transcript.write(text + "\n")
            self._transcript.flush()
        print(f"\x1b[{style}m{text}\x1b[0m" if style and self._colour else text, file=self._out, flush=True)


def _wrapped(words: Sequence[str]) -> str:
    """Words in lines that end in a backslash, broken before options so that these keep their values."""
    groups: list[str] = []
    for word in words:
        if groups and not word.startswith("--"):
            groups[-1] += f" {word}"
        else:
            groups.append(word)
    lines = [""]
    for group in groups:
        if lines[-1] and len(lines[-1]) + len(group) > WIDTH - len(INDENT) - 4:
            lines[-1] += " \\"
            lines.append(f"    {group}")
        else:
            lines[-1] += f" {group}" if lines[-1] else group
    return "\n".join(lines)


def printable(line: str) -> str:
    """`line` without characters that would steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in line.rstrip())
