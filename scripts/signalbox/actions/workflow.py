"""Environment files and workflow commands, written so that no value can pass for a command.

Facts this rests on: a heredoc with a fixed delimiter lets a value add outputs of its own; a step
summary over 1 MiB is dropped while the step stays green; an output that contains a masked value
arrives empty; any line of the log that starts with ``::`` is a command.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TextIO

import msgspec

from signalbox.errors import InputError

Level = Literal["notice", "warning", "error"]

SUMMARY_LIMIT = 900 * 1024
"""Bytes of one step's summary; GitHub's own limit is 1 MiB, markup and retries included."""

OUTPUT_LIMIT = 1024 * 1024
"""Bytes of one output; GitHub allows a job this much in all its outputs together."""

ANNOTATION_LIMIT = 10
"""Annotations of a level that GitHub shows for one step."""

_CUT = "\n\n> The summary was cut here: it is longer than a step may write. The whole is in the artifact.\n"


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """One message at a place; ``line`` 0 means the file as a whole, no file means the run."""

    level: Level
    text: str
    title: str = ""
    file: str = ""
    line: int = 0


class Workflow:
    """One step's way to speak to the runner. Everything it touches is passed in.

    ``environ`` names the environment files, ``log`` is where commands go (the step's stdout) and
    ``token`` makes unguessable delimiters.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        log: TextIO,
        token: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._environ = environ
        self._log = log
        self._token = token
        self._masked: set[str] = set()

    @property
    def present(self) -> bool:
        """Whether this process runs as a step of a workflow."""
        return self._environ.get("GITHUB_ACTIONS") == "true"

    def output(self, name: str, value: str) -> None:
        """Set an output of the step. Refuses what would arrive changed: too long, or masked."""
        if not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"{name!r} is not a name for an output")
        if len(value.encode()) > OUTPUT_LIMIT:
            raise InputError(
                f"the output {name} is larger than {OUTPUT_LIMIT} bytes",
                fix="Pass it as an artifact and its digest as the output.",
            )
        if any(secret in value for secret in self._masked):
            raise InputError(f"the output {name} contains a masked value and would arrive empty")
        self._append("GITHUB_OUTPUT", self._heredoc(name, value))

    def outputs(self, values: Mapping[str, str]) -> None:
        """Set several outputs."""
        for name, value in values.items():
            self.output(name, value)

    def summary(self, markdown: str) -> None:
        """Append to the step's summary, cut at a line and said so when it would be dropped whole."""
        path = self._environ.get("GITHUB_STEP_SUMMARY", "")
        written = Path(path).stat().st_size if path and Path(path).exists() else 0
        room = SUMMARY_LIMIT - written - len(_CUT.encode())
        data = markdown.encode()
        if len(data) > room:
            kept = data[: max(room, 0)].decode(errors="ignore")
            markdown = kept[: kept.rfind("\n") + 1] + _CUT
        self._append("GITHUB_STEP_SUMMARY", markdown if markdown.endswith("\n") else markdown + "\n")

    def annotate(self, annotations: Iterable[Annotation]) -> None:
        """Emit the first ten of each level, and a last one that counts the rest."""
        counts: dict[Level, int] = {}
        for item in annotations:
            counts[item.level] = counts.get(item.level, 0) + 1
            if counts[item.level] < ANNOTATION_LIMIT:
                self._command(item.level, item.text, _properties(item))
            elif counts[item.level] == ANNOTATION_LIMIT:
                self._command(item.level, "There are more of these; the summary lists them all.", {})

    def mask(self, secret: str) -> None:
        """Keep ``secret`` out of the log from here on. Each line is masked by itself, as the runner does."""
        for line in secret.splitlines():
            if len(line) > 2:
                self._masked.add(line)
                self._command("add-mask", line, {})

    @contextmanager
    def untrusted(self) -> Iterator[None]:
        """While open, no line of the log is taken for a command, whoever wrote it."""
        token = self._token()
        self._command("stop-commands", token, {})
        try:
            yield
        finally:
            self._log.write(f"\n::{token}::\n")
            self._log.flush()

    def _heredoc(self, name: str, value: str) -> str:
        delimiter = f"signalbox-{self._token()}"
        # A guessed delimiter is out of reach; a token source that repeats itself is not.
        if delimiter in value:
            raise ValueError("the delimiter occurs in the value")
        return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"

    def _append(self, variable: str, text: str) -> None:
        path = self._environ.get(variable, "")
        if not path:
            return
        with Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)

    def _command(self, name: str, text: str, properties: Mapping[str, str]) -> None:
        joined = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items() if value)
        self._log.write(f"::{name}{' ' + joined if joined else ''}::{_escape_data(text)}\n")
        self._log.flush()


def plain(text: str) -> str:
    """``text`` on one line that the runner cannot take for a command.

    The runner trims a line before it looks for ``::`` and finds the older ``##[`` anywhere in it.
    """
    line = "".join(character if character.isprintable() else " " for character in text).strip()
    line = line.replace("##[", "## [")
    return ": " + line[1:] if line.startswith("::") else line


def _properties(item: Annotation) -> dict[str, str]:
    line = str(item.line) if item.file and item.line > 0 else ""
    return {"title": item.title, "file": item.file, "line": line}


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
