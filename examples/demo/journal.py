"""What the demo did, command by command, for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from console import Console
from processes import Children, Words

COMMAND_SECONDS = 150.0


class Unexpected(RuntimeError):
    """A command ended as it must not here; the message names it and what it said last."""


@dataclass(frozen=True)
class Step:
    """One command as it was typed, and how it went."""

    command: str
    exit: int
    seconds: float
    output: tuple[str, ...]


@dataclass
class Journal:
    """Runs commands in `cwd`, shows them, and keeps them."""

    console: Console
    children: Children
    cwd: Path
    steps: list[Step] = field(default_factory=list)

    def run(
        self,
        argv: Words,
        *,
        exits: Sequence[int] = (0,),
        cwd: Path | None = None,
        brief: bool = False,
        env: Mapping[str, str] | None = None,
        seconds: float = COMMAND_SECONDS,
    ) -> Step:
        """Run a command and return how it went. What it prints is shown; if `brief`, to the first empty line.

        Raises `Unexpected` for an exit code that is not among `exits`.
        """
        where = cwd or self.cwd
        command = self.console.command(argv, where)
        lines: list[str] = []

        def take(line: str) -> None:
            lines.append(line.rstrip("\r\n"))
            if not (brief and "" in lines):
                self.console.output(line)

        started = monotonic()
        code = self.children.run(argv, cwd=where, seconds=seconds, on_line=take, env=env)
        step = Step(command, code, monotonic() - started, tuple(lines))
        self.steps.append(step)
        if code not in exits:
            said = "\n".join(lines[-15:])
            raise Unexpected(
                f"exit code {code}, expected {' or '.join(map(str, exits))}, of: {command}\n{said}"
            )
        return step
