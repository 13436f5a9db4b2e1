"""Inspect AI's logs (``.json``, or the ``.eval`` archive of the same records) → rows.

A sample passes when every score of it says so: "C", true, or a number of at least 0.5. A sample that ended in
an error or at a time limit is no evidence; so is a score that is no plain value. Epochs are repeats.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from signalbox.decision import Gap, digest_of
from signalbox.evals.model import Row, Session, Spent, Unreadable, text_of

MAX_UNPACKED = 1 << 28
_TIME_LIMITS = frozenset({"time", "working"})


class _Score(msgspec.Struct, frozen=True):
    value: Any = None


class _Limit(msgspec.Struct, frozen=True):
    type: str = ""


class _Event(msgspec.Struct, frozen=True):
    event: str = ""
    cache: str | None = None


class _Output(msgspec.Struct, frozen=True):
    completion: Any = None
    choices: list[Any] = []


class _Sample(msgspec.Struct, frozen=True):
    id: int | str
    epoch: int = 1
    input: Any = None
    target: Any = None
    output: _Output = _Output()
    scores: dict[str, _Score] | None = None
    metadata: dict[str, Any] = {}
    error: Any = None
    limit: _Limit | None = None
    events: list[_Event] = []
    total_time: float | None = None


class _Dataset(msgspec.Struct, frozen=True):
    samples: int | None = None


class _Config(msgspec.Struct, frozen=True):
    epochs: int | None = None


class _Eval(msgspec.Struct, frozen=True):
    task: str = ""
    model: str = ""
    created: str | None = None
    dataset: _Dataset = _Dataset()
    config: _Config = _Config()
    model_roles: dict[str, Any] | None = None
    packages: dict[str, str] = {}
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None


class _Log(msgspec.Struct, frozen=True):
    status: str
    eval: _Eval
    samples: list[_Sample] | None = None
    stats: Any = None


def recognises(data: bytes) -> bool:
    """Whether these bytes are Inspect's: an archive, or JSON with its head."""
    return data[:4] == b"PK\x03\x04" or (b'"eval"' in data[:65536] and b'"status"' in data[:4096])


def read(data: bytes) -> Session:
    """The session in a log; ``Unreadable`` for what is truncated or no log."""
    try:
        log = _unpack(data) if data[:4] == b"PK\x03\x04" else msgspec.json.decode(data, type=_Log)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("unreadable-results", f"this is not an Inspect log: {error}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, KeyError, RuntimeError) as error:
        raise Unreadable("unreadable-results", f"the archive cannot be read: {error}") from None
    head, samples = log.eval, log.samples or []
    grader = (head.model_roles or {}).get("grader")
    judge = text_of(grader.get("model") if isinstance(grader, dict) else grader, 200)
    epochs = head.config.epochs or 1
    rows = tuple(_row(sample, head, judge) for sample in samples)
    wanted = None if head.dataset.samples is None else head.dataset.samples * epochs
    gaps = []
    if log.status != "success":
        gaps.append(Gap("incomplete-run", f"the log says {log.status[:40]!r}, not that the run succeeded"))
    if wanted is not None and wanted > len(rows):
        gaps.append(Gap("missing-row", f"{wanted} samples were to be run and the log holds {len(rows)}"))
    judged = sum(row.judged for row in rows)
    return Session(
        format="inspect",
        suite=head.task,
        made_at=head.created,
        producer="inspect_ai " + head.packages.get("inspect_ai", ""),
        repeat=epochs,
        digest=text_of((head.metadata or {}).get("digest"), 100),
        rows=rows,
        gaps=tuple(gaps),
        spent=Spent(
            target_calls=len(rows),
            judge_calls=judged,
            seconds=sum(sample.total_time or 0.0 for sample in samples),
        ),
    )


def _row(sample: _Sample, head: _Eval, judge: str) -> Row:
    scores = sample.scores or {}
    passed, trouble, detail = _judge(sample)
    metadata = sample.metadata
    anchor = metadata.get("anchor")
    was = metadata.get("was")
    return Row(
        case=str(sample.id)[:300],
        role=text_of(metadata.get("role"), 100) or head.task[:100],
        layer=text_of(metadata.get("layer"), 100),
        critical=metadata.get("critical") is True,
        anchor=anchor if anchor in ("good", "bad", "stored") else "",
        was=was if isinstance(was, bool) else None,
        passed=passed,
        trouble=trouble,
        detail=detail,
        assertions=digest_of([sample.input, sample.target, sorted(scores)]),
        judged=any("model" in name or "judge" in name or "rubric" in name for name in scores),
        order=sample.epoch,
        target=head.model,
        judge=judge,
        output=_said(sample.output),
    )


def _judge(sample: _Sample) -> tuple[bool, str, str]:
    if sample.error is not None:
        message = sample.error.get("message") if isinstance(sample.error, dict) else sample.error
        said = text_of(message, 300)
        return False, "target-timeout" if "timeout" in said.lower() else "target-outage", said
    if sample.limit is not None and sample.limit.type in _TIME_LIMITS:
        return False, "target-timeout", f"the sample ended at its {sample.limit.type} limit"
    if any(event.cache == "read" for event in sample.events):
        return False, "cached-row", "an answer of the model was replayed from a cache"
    if not sample.scores:
        return False, "no-assertions", "the sample was not scored"
    if not _said(sample.output).strip().strip("*"):
        return False, "masked-output", "the answer is empty or masked, so nothing was judged"
    verdicts = [_verdict(score.value) for score in sample.scores.values()]
    if any(verdict is None for verdict in verdicts):
        return False, "judge-unparsable", "a score is neither a letter, a truth value nor a number"
    return all(verdicts), "", ""


def _verdict(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return 0.5 <= value <= 1 if 0 <= value <= 1 else None
    letters = {"C": True, "I": False, "P": False, "N": False}
    return letters.get(value) if isinstance(value, str) else None


def _said(output: _Output) -> str:
    if isinstance(output.completion, str) and output.completion:
        return text_of(output.completion)
    for choice in output.choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            return text_of(message.get("content"))
    return ""


def _unpack(data: bytes) -> _Log:
    """The records of an ``.eval`` archive, within a bound; names inside it are never used as paths."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        head = msgspec.json.decode(_member(archive, "header.json", MAX_UNPACKED), type=_Log)
        return msgspec.structs.replace(head, samples=list(_samples(archive)))


def _samples(archive: zipfile.ZipFile) -> Iterator[_Sample]:
    left = MAX_UNPACKED
    for name in sorted(archive.namelist()):
        if name.startswith("samples/") and name.endswith(".json"):
            raw = _member(archive, name, left)
            left -= len(raw)
            yield msgspec.json.decode(raw, type=_Sample)


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    with archive.open(name) as member:
        raw = member.read(limit + 1)
    if len(raw) > limit:
        raise Unreadable("unreadable-results", f"the archive unpacks to more than {MAX_UNPACKED} bytes")
    return raw
