"""What each shard runs: pytest's arguments, what of them runs on another shard, and the suites' commands."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from signalbox.arguments import below

from .model import Work


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One shard's work. ``tests`` are pytest's arguments; of what they name, the files ``files`` (arguments)
    and the functions ``functions`` (node ids without parameters) run on another shard, not on this one."""

    tests: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A suite's own command and the arguments of its tests."""

    suite: str
    command: str
    tests: tuple[str, ...] = ()


def shards(packed: Sequence[Sequence[Work]], rest: Sequence[str]) -> list[Shard]:
    """What each of the ``packed`` shards runs, with every test below ``rest`` run by exactly one of them.

    Nobody knows a test that is new; so one shard takes the paths themselves and leaves out what the others
    name. In the same way one shard takes a file of which parts run elsewhere.
    """
    home = _home(packed) if rest else None
    parts: dict[str, list[tuple[int, Work]]] = {}
    for number, shard in enumerate(packed):
        for work in shard:
            if work.whole and work.functions:
                parts.setdefault(work.file, []).append((number, work))
    owner = {
        file: home if any(number == home for number, _ in found) else found[0][0]
        for file, found in parts.items()
    }
    return [
        _shard(number, packed, tuple(rest) if number == home else (), parts, owner)
        for number in range(len(packed))
    ]


def _shard(
    number: int,
    packed: Sequence[Sequence[Work]],
    rest: tuple[str, ...],
    parts: dict[str, list[tuple[int, Work]]],
    owner: dict[str, int | None],
) -> Shard:
    tests = dict.fromkeys(rest)
    files: dict[str, None] = {}
    functions: dict[str, None] = {}
    commands: dict[tuple[str, str], dict[str, None]] = {}
    for work in packed[number]:
        if work.command:
            commands.setdefault((work.suite, work.command), {}).update(dict.fromkeys(work.arguments))
        elif work.whole and work.functions and owner[work.file] == number:
            if not below(work.file, rest):
                tests[work.file] = None
            elsewhere = (f for place, part in parts[work.file] if place != number for f in part.functions)
            functions.update(dict.fromkeys(elsewhere))
        elif not (work.whole and below(work.file, rest)):
            tests.update(dict.fromkeys(work.arguments))
    if rest:
        for place, shard in enumerate(packed):
            for work in shard:
                split_here = work.functions and owner.get(work.file) == number
                if place != number and work.file and work.whole and not split_here:
                    files[work.file] = None
    return Shard(
        tests=tuple(tests),
        files=tuple(files),
        functions=tuple(functions),
        commands=tuple(
            Command(suite=suite, command=command, tests=tuple(found))
            for (suite, command), found in commands.items()
        ),
    )


def _home(packed: Sequence[Sequence[Work]]) -> int | None:
    """The shard with the least to do, of those on which pytest runs at all."""
    loads = [
        (sum(work.seconds or 0.0 for work in shard), number)
        for number, shard in enumerate(packed)
        if any(not work.command for work in shard)
    ]
    return min(loads)[1] if loads else None
