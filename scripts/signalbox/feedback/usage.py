"""Usage envelopes of any runtime, joined with what people and evals say of the runs; rates with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import NormalDist, fmean, stdev
from typing import Annotated, Any, Literal

import msgspec

from signalbox.errors import InputError
from signalbox.files import read_limited, write_atomic
from signalbox.render import Table
from signalbox.stats.binomial import lower_bound, upper_bound

GROUPS = ("runtime", "repo", "profile_id", "prompt_variant", "skill_ids")
RESULTS = ("success", "partial", "failure", "not_verified")
_COUNTS = ("duration_seconds", "tool_invocations", "delegations", "permission_requests")
_JUDGED = ("rework", "quality_score", "human_minutes_saved")
MAX_BYTES = 1 << 26
Number = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Name = Annotated[str, msgspec.Meta(max_length=200)]


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of telemetry: a run, or somebody's judgement of one."""

    run: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Literal["run", "judgement"] = "run"
    by: Literal["", "person", "eval"] = ""
    runtime: Name = ""
    repo: Name = ""
    profile_id: Name = ""
    prompt_variant: Name = ""
    skill_ids: tuple[Name, ...] = ()
    duration_seconds: Number | None = None
    tool_invocations: Number | None = None
    delegations: Number | None = None
    permission_requests: Number | None = None
    result: Literal["", "success", "partial", "failure", "not_verified"] = ""
    rework: Number | None = None
    quality_score: Number | None = None
    human_minutes_saved: Number | None = None


def decode(line: bytes, runtime: str) -> Envelope:
    """One envelope. A run's own word on its result, quality, rework or saved time is dropped."""
    found = msgspec.json.decode(line, type=Envelope)
    found = msgspec.structs.replace(found, runtime=runtime)
    if found.kind == "judgement":
        if not found.by:
            raise msgspec.ValidationError("a judgement says whether a person or an eval made it (by)")
        return found
    return msgspec.structs.replace(
        found, result="", rework=None, quality_score=None, human_minutes_saved=None
    )


def collect(
    folders: Iterable[Path], runtime: str, known: Sequence[Envelope]
) -> tuple[list[Envelope], list[str]]:
    """New envelopes of the folders' ``*.jsonl``, and a line for each one that was refused."""
    seen = {msgspec.json.encode(one) for one in known}
    added: list[Envelope] = []
    refused: list[str] = []
    for folder in folders:
        for path in sorted(folder.rglob("*.jsonl")):
            for number, line in enumerate(read_limited(path, MAX_BYTES, "telemetry").splitlines(), 1):
                if not line.strip():
                    continue
                try:
                    found = decode(line, runtime)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    refused.append(f"{path.name}:{number}: {error}")
                    continue
                key = msgspec.json.encode(found)
                if key not in seen:
                    seen.add(key)
                    added.append(found)
    return added, refused


def read_store(path: Path) -> list[Envelope]:
    """What was imported so far."""
    lines = read_limited(path, MAX_BYTES, "usage store").splitlines()
    try:
        return [msgspec.json.decode(line, type=Envelope) for line in lines if line.strip()]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("this is no store of usage", where=str(path), why=str(error)[:200]) from None


def write_store(path: Path, rows: Sequence[Envelope]) -> None:
    """Write it whole or not at all."""
    write_atomic(path, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def report(rows: Sequence[Envelope], by: str) -> tuple[Table, int]:
    """Rates and means by group, each with its 95 % interval, and how many judgements name no known run.

    A run nobody judged counts as not verified; of several judgements a person's last one counts before an
    eval's. With several skills a run counts under each.
    """
    runs = {(row.runtime, row.run): row for row in rows if row.kind == "run"}
    judged: dict[tuple[str, str], Envelope] = {}
    unjoined = 0
    for row in rows:
        key = (row.runtime, row.run)
        if row.kind != "judgement":
            continue
        if key not in runs:
            unjoined += 1
        elif key not in judged or row.by == "person" or judged[key].by == "eval":
            judged[key] = row
    groups: dict[str, list[tuple[Envelope, Envelope | None]]] = {}
    for key, one in runs.items():
        value: Any = getattr(one, by)
        for name in (value or ("(none)",)) if isinstance(value, tuple) else (value or "(none)",):
            groups.setdefault(name, []).append((one, judged.get(key)))
    columns = (by, "runs", *RESULTS, *_COUNTS, *_JUDGED)
    lines = tuple(tuple(_line(name, groups[name])) for name in sorted(groups))
    return Table(columns, lines, "Usage"), unjoined


def _line(name: str, pairs: Sequence[tuple[Envelope, Envelope | None]]) -> list[Any]:
    results: list[str] = [(verdict.result if verdict else "") or "not_verified" for _, verdict in pairs]
    line: list[Any] = [name, len(pairs)]
    line += [_rate(results.count(result), len(results)) for result in RESULTS]
    line += [_mean([getattr(one, field) for one, _ in pairs]) for field in _COUNTS]
    return line + [_mean([getattr(v, field) for _, v in pairs if v]) for field in _JUDGED]


def _rate(count: int, of: int) -> str:
    """Clopper–Pearson."""
    low, high = lower_bound(count, of, 0.975), upper_bound(count, of, 0.975)
    return f"{count / of:.0%} ({low:.0%} – {high:.0%})"


def _mean(values: Sequence[float | None]) -> str:
    """The mean with its normal-theory interval (approximate); the number of runs that told it."""
    known = [value for value in values if value is not None]
    if not known:
        return "nobody said"
    if len(known) < 2:
        return f"{known[0]:.4g} (n 1, no interval)"
    half = NormalDist().inv_cdf(0.975) * stdev(known) / len(known) ** 0.5
    mean = fmean(known)
    return f"{mean:.4g} ({mean - half:.4g} – {mean + half:.4g}, n {len(known)})"
