"""Replies and prompts in a folder, by reference; only references where content must not be kept.

Where policy (``environments.data.prompts``) has prompts kept in full, the redacted prompt and the reply are.
Anywhere else a record holds the reference, sizes and the model, and no text, so there a reply cannot be
reused either.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from signalbox.advisor.prompt import Prompt
from signalbox.advisor.wire import Completion
from signalbox.decision import canonical
from signalbox.errors import InputError
from signalbox.files import read_limited, write_atomic

_LIMIT = 1 << 21


class _Kept(msgspec.Struct, kw_only=True):
    reference: str
    model: str
    input_tokens: int
    output_tokens: int
    environment: str = ""
    system: str = ""
    user: str = ""
    reply: str = ""
    schema_version: int = 1


class Cache:
    """One folder; empty `folder` keeps nothing. A cache that cannot be read or written is only slow."""

    def __init__(self, folder: str, environment: str, *, words: bool) -> None:
        self._folder = Path(folder) if folder else None
        self._environment = environment
        self._content = words

    def find(self, reference: str) -> Completion | None:
        """The reply kept for `reference`, if its record is whole and holds one."""
        if self._folder is None or not self._content:
            return None
        try:
            data = read_limited(self._path(reference), _LIMIT, "kept reply")
            kept = msgspec.json.decode(data, type=_Kept)
        except (InputError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if kept.reference != reference or not kept.reply:
            return None
        return Completion(kept.reply, kept.input_tokens, kept.output_tokens)

    def keep(self, prompt: Prompt, model: str, completion: Completion) -> None:
        """Write down that this was asked and, where content is allowed, what was said."""
        if self._folder is None:
            return
        kept = _Kept(
            reference=prompt.reference,
            model=model,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            environment=self._environment,
        )
        if self._content:
            kept.system, kept.user, kept.reply = prompt.system, prompt.user, completion.content
        with contextlib.suppress(InputError):
            write_atomic(self._path(prompt.reference), canonical(kept))

    def _path(self, reference: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{reference}.json"
