"""Run a benchmark of two revisions in turns, so that whatever slows the machine hits both sides of a pair."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from signalbox.errors import InputError
from signalbox.stats.signflip import least_pairs

OUT = "SIGNALBOX_BENCH_OUT"
COMMAND_NAME = "command"


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One revision: its name for people, its commit, the folder it is checked out in."""

    name: str
    commit: str
    folder: Path


class Worktrees:
    """Both revisions beside the caller's checkout, which is not touched; gone again at the end."""

    def __init__(self, repo: Path, baseline: str, candidate: str) -> None:
        self._repo = repo
        self._revisions = {"baseline": baseline, "candidate": candidate}
        self._folder = tempfile.TemporaryDirectory(prefix="signalbox-bench-")
        self._made: list[Path] = []

    def __enter__(self) -> tuple[Side, Side]:
        try:
            sides = [self._side(name, revision) for name, revision in self._revisions.items()]
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return sides[0], sides[1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in self._made:
            _git(self._repo, "worktree", "remove", "--force", str(path), check=False)
        self._folder.cleanup()

    def _side(self, name: str, revision: str) -> Side:
        found = _git(
            self._repo,
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{revision}^{{commit}}",
            check=False,
        )
        if not found:
            raise InputError(f"the {name} revision is not known here", where=repr(revision[:80]))
        path = Path(self._folder.name) / name
        _git(self._repo, "worktree", "add", "--detach", "--quiet", str(path), found)
        self._made.append(path)
        return Side(name=name, commit=found, folder=path)


def _git(repo: Path, *arguments: str, check: bool = True) -> str:
    ran = subprocess.run(
        ["git", "-C", str(repo), *arguments], capture_output=True, check=False, text=True, timeout=300
    )
    if check and ran.returncode:
        raise InputError("git refused", where=str(repo), why=ran.stderr.strip()[:300])
    return ran.stdout.strip() if ran.returncode == 0 else ""


def measure(
    sides: tuple[Side, Side],
    run: Callable[[Side], Mapping[str, float]],
    *,
    rng: random.Random,
    pairs: int = 0,
    alpha: float = 0.05,
    warm: int = 1,
    repeats: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, list[list[float]]]:
    """Pairs [baseline, candidate] of each benchmark.

    Which side goes first is drawn for each pair: that draw is what the sign-flip test rests on. With
    ``repeats`` each side of a pair runs as often, the sides taking turns, and its least time counts, because
    whatever else the machine does can only add time. ``pairs`` 0 takes as many as can decide for the number
    of benchmarks found. Raises InputError if the two sides do not report the same benchmarks.
    """
    for _ in range(warm):
        for side in sides:
            run(side)
    result: dict[str, list[list[float]]] = {}
    wanted, done = pairs or 1, 0
    while done < wanted:
        first = rng.randrange(2)
        least: list[dict[str, float]] = [{}, {}]
        for turn in range(repeats):
            for at in ((first + turn) % 2, (first + turn + 1) % 2):
                taken = dict(run(sides[at]))
                if least[at] and taken.keys() != least[at].keys():
                    raise InputError("the benchmark does not report the same names each time")
                least[at] = {name: min(value, least[at].get(name, value)) for name, value in taken.items()}
        before, after = least
        if before.keys() != after.keys() or not before:
            odd = sorted(before.keys() ^ after.keys())
            raise InputError(
                "the two revisions do not report the same benchmarks", why=", ".join(odd[:5]) or "none at all"
            )
        for name in before:
            result.setdefault(name, []).append([before[name], after[name]])
        if not pairs:
            wanted = least_pairs(len(result), alpha)
        done += 1
        say(f"pair {done} of {wanted}")
    return result


def command_runner(
    command: Sequence[str], environ: Mapping[str, str], timeout: float, *, cpu: bool = False
) -> Callable[[Side], Mapping[str, float]]:
    """Run ``command`` in a side's folder: its wall time, or the times it writes to $SIGNALBOX_BENCH_OUT.

    With ``cpu`` its processor time (user and system, its children's too) instead of wall time: steadier on a
    shared machine, and blind to waiting. That file is ``{"name": seconds, …}``. Raises InputError where the
    command fails: a run that fails early is no fast run.
    """

    def run(side: Side) -> Mapping[str, float]:
        with tempfile.TemporaryDirectory(prefix="signalbox-bench-out-") as folder:
            out = Path(folder) / "times.json"
            env = {**environ, OUT: str(out)}
            started = _clock(cpu)
            try:
                ran = subprocess.run(
                    list(command), cwd=side.folder, env=env, capture_output=True, check=False, timeout=timeout
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise InputError("the benchmark did not run", where=side.name, why=str(error)[:300]) from None
            took = max(_clock(cpu) - started, 1e-6)
            if ran.returncode:
                why = ran.stderr.decode(errors="replace").strip()[-300:]
                raise InputError(
                    f"the benchmark ended with {ran.returncode} at the {side.name}",
                    where=side.commit,
                    why=why,
                )
            return _times(out, side) if out.exists() else {COMMAND_NAME: took}

    return run


def _clock(cpu: bool) -> float:
    if not cpu:
        return time.perf_counter()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _times(path: Path, side: Side) -> dict[str, float]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        times = {str(name): float(value) for name, value in told.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"${OUT} does not hold times", where=side.name, why=str(error)[:200]) from None
    if not times or not all(0 < value < 1e9 for value in times.values()):
        raise InputError(f"${OUT} holds a time that is not positive", where=side.name)
    return times


def default_environ() -> dict[str, str]:
    """The caller's environment without what would tell a benchmark that it is part of this tool."""
    return {key: value for key, value in os.environ.items() if not key.startswith("SIGNALBOX_")}
