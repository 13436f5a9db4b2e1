"""What a run's test jobs really did: cases with their seconds, by shard, from the JUnit files they left.

The files were written by the code under test, so they are read as hostile data and believed no further than
the run itself: what a stranger's run says is recorded as untrusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from signalbox.decision import Subject, canonical, sha256_hex
from signalbox.errors import InputError
from signalbox.ledger.records import Outcome

_FOLDER = re.compile(r"signalbox-results-tests-(\d{1,3})-of-(\d{1,3})(?:-[0-9a-f]{40,64})?")
_BYTES = 64 * 1024 * 1024
_MOST_TESTS = 5000


class Case(msgspec.Struct, frozen=True):
    """One test case as JUnit names it, its seconds, and whether it failed."""

    classname: str
    name: str
    seconds: float
    failed: bool


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """The shards that left readable results, by number, of how many; ``unread``: what could not be read."""

    shards: dict[int, tuple[Case, ...]]
    of: int
    unread: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every shard's results are there and can be read."""
        return self.of > 0 and set(self.shards) == set(range(1, self.of + 1)) and not self.unread


def read_run(folder: Path, of: int) -> Ran:
    """Read the JUnit file of each of ``of`` shards below ``folder``.

    A shard's artifact is ``signalbox-results-tests-<n>-of-<m>-<commit>/junit.xml``; where there is but one,
    downloading it makes no folder of its own.
    """
    shards: dict[int, tuple[Case, ...]] = {}
    unread: list[str] = []
    places = [(1, folder)] if of == 1 and (folder / "junit.xml").exists() else []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        found = _FOLDER.fullmatch(path.name)
        if found and int(found[2]) == of:
            places.append((int(found[1]), path))
    for number, path in places:
        file = path / "junit.xml"
        if file.is_symlink() or not file.is_file():
            continue  # a shard of suites' own commands: its cases are named by other rules
        try:
            shards[number] = _cases(file)
        except InputError as error:
            unread.append(f"shard {number}: {error}")
    return Ran(shards=shards, of=of, unread=tuple(unread))


def outcome_of_plan(decision: str, subject: Subject, facts: dict[str, Any], at: str, producer: str) -> bytes:
    """What a concurrency plan really cost: ``facts`` with ``regret``, a share of the least possible cost."""
    regret = float(facts["regret"])
    return canonical(
        Outcome(
            id="o-" + sha256_hex(f"plan {decision}".encode())[:24],
            label="clean" if regret <= 0.25 else "bad",
            source="audit",
            decision=decision,
            subject=subject,
            observed_at=at,
            recorded_at=at,
            text=f"it cost {regret:.0%} more than the best plan in hindsight",
            facts=facts,
            producer=producer,
        )
    )


def seconds_of(ran: Ran) -> dict[str, float]:
    """Node id → seconds of the slowest tests, for the ledger's history of durations."""
    cases: Iterable[Case] = (case for group in ran.shards.values() for case in group if case.classname)
    ordered = sorted(cases, key=lambda case: (-case.seconds, case.classname, case.name))
    return {f"{c.classname}::{c.name}": round(c.seconds, 3) for c in ordered[:_MOST_TESTS]}


def failed_of(ran: Ran) -> list[str]:
    """The tests that failed, named as in `seconds_of`."""
    cases = (case for group in ran.shards.values() for case in group if case.failed and case.classname)
    return sorted({f"{c.classname}::{c.name}" for c in cases})[:_MOST_TESTS]


def _cases(file: Path) -> tuple[Case, ...]:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    from signalbox.files import read_limited

    try:
        root = fromstring(read_limited(file, _BYTES, "JUnit file"))
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise InputError("this is not JUnit's XML", where=file.name, why=str(error)[:200]) from None
    found = []
    for case in root.iter("testcase"):
        seconds = _number(case.get("time"))
        failed = any(child.tag in ("failure", "error") for child in case)
        found.append(Case(case.get("classname") or "", case.get("name") or "", seconds, failed))
    if not found:
        raise InputError("there is no test case in it", where=file.name)
    return tuple(found)


def _number(text: str | None) -> float:
    try:
        value = float(text or 0.0)
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e6 else 0.0
