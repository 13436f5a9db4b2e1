"""Errors that a person reads: what was read, where, what was wrong and what to do."""

from __future__ import annotations


class SignalboxError(Exception):
    """Base of every error this library raises on purpose."""


class InputError(SignalboxError):
    """The call or something it was given is wrong; scripts end with exit code 2.

    ``what`` is one sentence. ``where`` is a file with an optional line, a URL or an option.
    ``why`` is the detail from the parser or the tool below. ``fix`` is what the reader can do.
    """

    def __init__(self, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.why:
            text += f": {self.why}"
        if self.fix:
            text += f". {self.fix}" if not text.endswith(".") else f" {self.fix}"
        return text
