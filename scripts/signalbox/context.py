"""What a script's function is given and what it returns, and the exit codes both sides speak of."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import msgspec

from signalbox.actions import Annotation, Workflow, plain
from signalbox.config import Policy
from signalbox.decision import Decision, Stamp, Subject
from signalbox.render import Block

_DOCS = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._-]+)+")

PERMITS, DENIES, WRONG, ASKS = 0, 1, 2, 3


class Context(msgspec.Struct, frozen=True):
    """What a script's function is given."""

    args: argparse.Namespace
    repo: Path
    policy: Policy
    stamp: Stamp
    environ: Mapping[str, str]
    workflow: Workflow
    log: TextIO

    def say(self, text: str) -> None:
        """One line of progress, on stderr; nothing in it can pass for a command to the runner."""
        print(plain(text), file=self.log, flush=True)

    @property
    def docs(self) -> str:
        """Where the documents of the running version can be read, or nothing when that is not known."""
        address = self.environ.get("SIGNALBOX_DOCS", "")
        return address if _DOCS.fullmatch(address) else ""

    def subject(self, *, commit: str = "", digest: str = "") -> Subject:
        """What is decided about: this repository and environment, with the given commit and digest."""
        return Subject(
            repository=self.environ.get("GITHUB_REPOSITORY", ""),
            commit=commit,
            digest=digest,
            environment=self.args.environment,
        )


class Result(msgspec.Struct, kw_only=True):
    """What a script's function returns.

    With a ``decision`` its ``inputs`` are needed too, so that the bundle can be replayed. ``blocks``
    are shown below it; ``outputs`` are set beside ``verdict``, ``decision-id``, ``bundle`` and
    ``bundle-sha256``. A script that decides nothing gives ``text`` and its own ``exit``.
    """

    decision: Decision | None = None
    inputs: Any = None
    blocks: Sequence[Block] = ()
    outputs: Mapping[str, str] = {}
    annotations: Sequence[Annotation] = ()
    text: str = ""
    summary: str = ""
    exit: int = PERMITS
