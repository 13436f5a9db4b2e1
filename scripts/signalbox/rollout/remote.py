"""The state where it outlives the runner: a line of text in a place that other runners can read.

The state file is on the runner, and a runner that vanishes takes it along. So each step is also written, in
the same order, as one short line to a remote place (the statuses of a GitHub deployment). From that line the
next run resumes or retreats, a sweeper finds a rollout that nobody watches, and a digest that was found
worse stays known.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from signalbox.decision import parse_time
from signalbox.errors import InputError, SignalboxError
from signalbox.rollout.clock import at
from signalbox.rollout.state import Phase, State, StateFile

LEASE_SECONDS = 900.0
"""How long nobody else touches the rollout after its monitor was last heard of. Longer than the state
file's lease, because saying it costs a call."""

RENEW_SECONDS = 240.0
AGAIN_SECONDS = 60.0
"""Before a line that could not be told is told again: looks must not wait for a place that hangs."""

UNDER_WAY = ("stepping", "watching", "retreating", "finishing")
_LINE = re.compile(
    r"(?P<phase>[a-z-]+) at (?P<percent>[0-9.]+)%(?P<worse>, found worse)?; "
    r"lease until (?P<lease>[0-9TZ:-]+); "
    r"slice (?P<slice>[0-9]+) of (?P<slices>[0-9.,]+)(?:; (?P<why>.*))?",
    re.DOTALL,
)
_SIGNS: dict[Phase, str] = {
    "done": "success",
    "rolled-back": "failure",
    "retreated": "inactive",
    "proposed": "pending",
}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The last line that was told of one digest. ``holder`` names who told it (a run), ``at`` when."""

    digest: str
    text: str
    holder: str
    at: str


class Remote(Protocol):
    """Where the line is kept. Both raise ``SignalboxError`` when the place does not answer."""

    def last(self) -> Told | None:
        """The last line about this rollout's digest; None if there never was one."""

    def tell(self, sign: str, text: str) -> None:
        """Write a line; ``sign`` is in_progress, pending, success, failure or inactive."""


def line(state: State, lease: str) -> str:
    """``state`` in one line. Why it was found worse is last, for it is cut where there is no room."""
    why = state.bad.get(state.digest)
    text = f"{state.phase} at {_short(state.percent)}%{', found worse' if why is not None else ''}"
    slices = ",".join(map(_short, state.slices))
    text = f"{text}; lease until {lease}; slice {state.slice + 1} of {slices}"
    return f"{text}; {why}" if why else text


def _short(percent: float) -> str:
    return f"{percent:.3f}".rstrip("0").rstrip(".")


def parse(told: Told, deployment: str) -> State | None:
    """The state that a line speaks of; None for a line of someone else's.

    "finishing" comes back as "watching": whoever may write there can keep traffic away, but a canary is
    only made the version that stays by what this run has seen itself.
    """
    found = _LINE.fullmatch(told.text)
    if not found:
        return None
    try:
        lease = at(parse_time(found["lease"]).timestamp())
        written = at(parse_time(told.at).timestamp())
        slices = tuple(float(one) for one in found["slices"].split(","))
        index, percent = int(found["slice"]) - 1, float(found["percent"])
        if not 0 <= index < len(slices) or not 0 <= percent <= 100:
            return None
        return msgspec.convert(
            {
                "rollout": f"from {told.holder or 'elsewhere'}",
                "deployment": deployment,
                "digest": told.digest,
                "slices": slices,
                "phase": "watching" if found["phase"] == "finishing" else found["phase"],
                "slice": index,
                "percent": percent,
                "started_at": written,
                "updated_at": written,
                "lease_until": lease,
                "bad": {told.digest: found["why"] or "found worse"} if found["worse"] else {},
            },
            State,
        )
    except (ValueError, msgspec.ValidationError):
        return None


class RemoteState(StateFile):
    """A state file that is told elsewhere too. ``holder`` names this run; ``now`` gives seconds since 1970.

    Reading fails when the remote place does not answer and there is no file: it is then not known whether
    this digest was found worse. Telling never fails a rollout under way: it is said, and tried again.
    """

    def __init__(
        self,
        path: Path,
        remote: Remote,
        *,
        deployment: str,
        holder: str,
        now: Callable[[], float],
        say: Callable[[str], None],
        takes_over: bool = False,
    ) -> None:
        super().__init__(path)
        self._remote = remote
        self._deployment = deployment
        self._holder = holder
        self._now = now
        self._say = say
        self._takes_over = takes_over
        self._state: State | None = None
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0

    def read(self) -> State | None:
        """The newer of both; ``InputError`` if another run holds the rollout."""
        own = super().read()
        try:
            told = self._remote.last()
        except SignalboxError as error:
            if own is None:
                raise InputError(
                    "whether this digest was tried before is not known, and no traffic was moved",
                    why=str(error),
                ) from None
            self._say(f"the rollout's remote state cannot be read: {error}")
            return own
        other = parse(told, self._deployment) if told else None
        if told is None or other is None:
            return own
        # Times in one format and zone sort as text.
        held = other.phase in UNDER_WAY and at(self._now()) <= other.lease_until
        if held and told.holder != self._holder and not self._takes_over:
            raise InputError(
                "another monitor holds this rollout",
                where=told.holder,
                why=f"its lease is good until {other.lease_until}",
                fix="Wait for it, or end it: two monitors would pull the traffic in two directions.",
            )
        if own is None:
            return other
        if own.digest != other.digest or own.updated_at >= other.updated_at:
            return msgspec.structs.replace(own, bad={**other.bad, **own.bad})
        return msgspec.structs.replace(other, rollout=own.rollout, bad={**own.bad, **other.bad})

    def write(self, state: State) -> None:
        """Replace the file, then tell it: a step at once, a lease when it is due."""
        super().write(state)
        self._state = state
        step = (state.phase, state.slice, state.percent, state.digest in state.bad)
        if step != self._told or self._now() - self._told_at >= RENEW_SECONDS:
            self._tell(state, at(self._now() + LEASE_SECONDS))
            self._told = step

    def leave(self) -> None:
        """End the lease of a rollout that is left as it is: from now on anyone may take it up."""
        if self._state is not None and self._state.phase in UNDER_WAY:
            self._tell(self._state, at(self._now() - 1), sign="pending")

    def _tell(self, state: State, lease: str, sign: str = "") -> None:
        self._told_at = self._now()
        try:
            self._remote.tell(sign or _SIGNS.get(state.phase, "in_progress"), line(state, lease))
        except SignalboxError as error:
            self._say(f"the rollout's state was not told: {error}")
            self._told_at += AGAIN_SECONDS - RENEW_SECONDS


def newest_under_way(lines: list[Told], deployment: str) -> tuple[Told, State] | None:
    """Of several digests' last lines, newest first, the one whose rollout is under way."""
    for told in lines:
        state = parse(told, deployment)
        if state is not None and state.phase in UNDER_WAY:
            return told, state
    return None
