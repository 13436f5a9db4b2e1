"""What a failed call says: which call, which status, which permission is missing, what to do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from signalbox.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")


class GitHubError(InputError):
    """A call that GitHub did not grant or that did not arrive; scripts end with exit code 2.

    ``call`` is method and path. ``status`` is 0 when no HTTP status came back. ``permission`` is
    the line to add under ``permissions:``, empty when another thing is missing. ``message`` is
    GitHub's own text. ``uncertain`` says that the write may have happened although no answer came.
    """

    def __init__(
        self,
        what: str,
        *,
        call: str = "",
        status: int = 0,
        message: str = "",
        permission: str = "",
        fix: str = "",
        uncertain: bool = False,
    ) -> None:
        super().__init__(what, where=call, why=message, fix=fix)
        self.call = call
        self.status = status
        self.message = message
        self.permission = permission
        self.uncertain = uncertain


class Unavailable(msgspec.Struct, frozen=True, kw_only=True):
    """A read that did not answer. It is never an empty list: nothing may be concluded from it."""

    reason: str
    call: str = ""
    status: int = 0
    permission: str = ""
    fix: str = ""

    def __bool__(self) -> bool:
        """Unavailable counts as nothing, so that ``if reading:`` cannot take it for an answer."""
        return False


def unavailable(error: GitHubError) -> Unavailable:
    """Return an error as the answer of a read."""
    return Unavailable(
        reason=str(error),
        call=error.call,
        status=error.status,
        permission=error.permission,
        fix=error.fix,
    )


def reading(function: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T | Unavailable]:
    """Make a method answer :class:`Unavailable` where it would raise :class:`GitHubError`."""

    @functools.wraps(function)
    def read(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T | Unavailable:
        try:
            return function(self, *args, **kwargs)
        except GitHubError as error:
            return unavailable(error)

    return read
