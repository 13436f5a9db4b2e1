"""Run a benchmark of two revisions in turns, so that whatever slows the machine hits both sides of a pair."""

from __future__ import annotations

import json
import os
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
    pairs: int = 0,
    alpha: float = 0.05,
    warm: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, list[list[float]]]:
    """Pairs [baseline, candidate] of each benchmark, the order within a pair turning from pair to pair.

    ``pairs`` 0 takes as many as can decide for the number of benchmarks found. Raises InputError if the two
    sides do not report the same benchmarks.
    """
    for _ in range(warm):
        for side in sides:
            run(side)
    result: dict[str, list[list[float]]] = {}
    wanted, done = pairs or 1, 0
    while done < wanted:
        order = sides if done % 2 == 0 else (sides[1], sides[0])
        taken = {side.name: dict(run(side)) for side in order}
        before, after = taken[sides[0].name], taken[sides[1].name]
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
    command: Sequence[str], environ: Mapping[str, str], timeout: float
) -> Callable[[Side], Mapping[str, float]]:
    """Run ``command`` in a side's folder: its wall time, or the times it writes to $SIGNALBOX_BENCH_OUT.

    That file is ``{"name": seconds, …}``. Raises InputError where the command fails: a run that fails
    early is no fast run.
    """

    def run(side: Side) -> Mapping[str, float]:
        with tempfile.TemporaryDirectory(prefix="signalbox-bench-out-") as folder:
            out = Path(folder) / "times.json"
            env = {**environ, OUT: str(out)}
            started = time.perf_counter()
            try:
                ran = subprocess.run(
                    list(command), cwd=side.folder, env=env, capture_output=True, check=False, timeout=timeout
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise InputError("the benchmark did not run", where=side.name, why=str(error)[:300]) from None
            took = time.perf_counter() - started
            if ran.returncode:
                why = ran.stderr.decode(errors="replace").strip()[-300:]
                raise InputError(
                    f"the benchmark ended with {ran.returncode} at the {side.name}",
                    where=side.commit,
                    why=why,
                )
            return _times(out, side) if out.exists() else {COMMAND_NAME: took}

    return run


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
