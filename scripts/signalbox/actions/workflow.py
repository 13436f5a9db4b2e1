"""Environment files and workflow commands, written so that no value can pass for a command.

Facts this rests on: a heredoc with a fixed delimiter lets a value add outputs of its own; a step
summary over 1 MiB is dropped while the step stays green; an output that contains a masked value
arrives empty; any line of the log that starts with ``::`` is a command.
"""

from __future__ import annotations

import re
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
"""Bytes of one step's outputs; GitHub allows a job this much in all its outputs together."""

ANNOTATION_LIMIT = 10
"""Annotations of a level that GitHub shows for one step."""

_CUT = "\n\n> The summary was cut here: it is longer than a step may write. The whole is in the artifact.\n"


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


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
        self._output_bytes = 0

    @property
    def present(self) -> bool:
        """Whether this process runs as a step of a workflow."""
        return self._environ.get("GITHUB_ACTIONS") == "true"

    def output(self, name: str, value: str) -> None:
        """Set one output of the step; see :meth:`outputs`."""
        self.outputs({name: value})

    def outputs(self, values: Mapping[str, str]) -> None:
        """Set outputs of the step, all or none of them.

        ``InputError`` for what would arrive changed or not at all: masked, not text, or too long with
        what was set before.
        """
        size = self._output_bytes
        for name, value in values.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a name for an output")
            if any(secret in value for secret in self._masked):
                raise InputError(f"the output {name} contains a masked value and would arrive empty")
            try:
                size += len(value.encode())
            except UnicodeEncodeError:
                raise InputError(
                    f"the output {name} is not text",
                    why="it has half a character in it, as a file name that is not UTF-8 does",
                ) from None
            if size > OUTPUT_LIMIT:
                raise InputError(
                    f"with the output {name} the outputs are larger than {OUTPUT_LIMIT} bytes",
                    fix="Pass it as an artifact and its digest as the output.",
                )
        self._append("GITHUB_OUTPUT", "".join(self._heredoc(*item) for item in values.items()))
        self._output_bytes = size

    def summary(self, markdown: str) -> None:
        """Append to the step's summary, cut at a line and said so when it would be dropped whole."""
        path = self._environ.get("GITHUB_STEP_SUMMARY", "")
        written = Path(path).stat().st_size if path and Path(path).exists() else 0
        room = SUMMARY_LIMIT - written - len(_CUT.encode())
        data = markdown.encode(errors="backslashreplace")
        if len(data) > room:
            kept = data[: max(room, 0)].decode(errors="ignore")
            kept = kept[: kept.rfind("\n") + 1]
            markdown = kept + _closing(kept) + _CUT
        self._append("GITHUB_STEP_SUMMARY", markdown if markdown.endswith("\n") else markdown + "\n")

    def annotate(self, annotations: Iterable[Annotation]) -> None:
        """Emit the first ten of each level, and a last one that counts the rest."""
        counts: dict[Level, int] = {}
        for item in annotations:
            counts[item.level] = counts.get(item.level, 0) + 1
            if counts[item.level] < ANNOTATION_LIMIT:
                self._command(item.level, "\n".join(map(plain, item.text.splitlines())), _properties(item))
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
        try:
            # One write: a step that is killed leaves the whole of it or nothing.
            with Path(path).open("ab") as file:
                file.write(text.encode(errors="backslashreplace"))
        except OSError as error:
            raise InputError(f"{variable} cannot be written", where=path, why=error.strerror or "") from None

    def _command(self, name: str, text: str, properties: Mapping[str, str]) -> None:
        joined = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items() if value)
        line = f"::{name}{' ' + joined if joined else ''}::{_escape_data(text)}\n"
        self._log.write(line.encode(errors="backslashreplace").decode())
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
    return {"title": plain(item.title), "file": item.file, "line": line}


def _closing(markdown: str) -> str:
    """What ends the code fence and the folds that are open at the end of ``markdown``."""
    fence, folds = "", 0
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            folds += line.count("<details") - line.count("</details>")
    return (f"{fence}\n" if fence else "") + "\n</details>\n" * max(folds, 0)


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
