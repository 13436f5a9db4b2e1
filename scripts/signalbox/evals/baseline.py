"""The stored baseline: which cases there are, what was asked of each, and how its draws came out.

A draw is stored as one character, ``1`` passed and ``0`` failed, in the order it was made. Every stored draw
is paired with one draw of the candidate and never used twice in one session.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from signalbox.config.evals import Evals
from signalbox.decision import Evidence, Gap, canonical
from signalbox.errors import InputError
from signalbox.evals.integrity import row_gaps, shape_gaps
from signalbox.evals.model import Row, Session, Unreadable

SCHEMA_VERSION = 1
Draws = str


class StoredCase(msgspec.Struct, frozen=True, kw_only=True):
    """One case of the baseline."""

    id: str
    role: str = ""
    layer: str = ""
    critical: bool = False
    assertions: str
    draws: Draws


class StoredOutput(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the baseline, what was asserted of it and how that came out; the judge sees it again."""

    case: str
    role: str = ""
    output: str
    passed: bool
    asserts: list[Any]
    variables: dict[str, Any] = {}


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What ``--write-baseline`` writes; its JSON Schema is docs/schema/evals-baseline.schema.json."""

    suite: str
    target: str
    judge: str
    cases: tuple[StoredCase, ...]
    outputs: tuple[StoredOutput, ...] = ()
    setup: str = ""
    """Digest of what the config does besides its cases: providers, prompts, defaults."""
    files: dict[str, str] = {}
    """Files that the config names by ``file://``: name → SHA-256, empty for one that could not be read."""
    made_at: str = ""
    digest: str = ""
    schema_version: int = SCHEMA_VERSION


def decode(data: bytes) -> Baseline:
    """A stored baseline; ``Unreadable`` says what is wrong with one that cannot be used."""
    try:
        baseline = msgspec.json.decode(data, type=Baseline)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("unreadable-baseline", f"this is not a stored baseline: {error}") from None
    names = [case.id for case in baseline.cases]
    if not names:
        raise Unreadable("empty-baseline", "the baseline holds no case")
    if len(set(names)) < len(names):
        raise Unreadable("unreadable-baseline", "the baseline names a case twice")
    bad = next((case.id for case in baseline.cases if not case.draws or set(case.draws) - {"0", "1"}), None)
    if bad is not None:
        raise Unreadable("unreadable-baseline", f"the draws of case {bad[:100]!r} are not a row of 0 and 1")
    return baseline


def looks_stored(data: bytes) -> bool:
    """Whether these bytes are a stored baseline and not a runner's results."""
    return b'"draws"' in data and b'"assertions"' in data


def baseline_of(
    sessions: list[Session], extra: list[Evidence], *, digest: str, settings: Evals, now: str
) -> Baseline:
    """A baseline, if nothing is wrong with these sessions; ``InputError`` names the first gap otherwise."""
    gaps = [gap for session in sessions for gap in (*session.gaps, *row_gaps(session.rows))]
    gaps += shape_gaps(sessions)
    gaps += [gap for item in extra if item.kind == "evals-digest" for gap in item.gaps]
    if gaps:
        raise InputError(
            f"no baseline was written: {gaps[0].code}",
            where=sessions[0].source if sessions else "--write-baseline",
            why=gaps[0].text,
            fix="A baseline is recorded from a session in which every row counts.",
        )
    return make(sessions, made_at=now, digest=digest, outputs=settings.judge.rejudge)


def make(sessions: list[Session], *, made_at: str, digest: str, outputs: int) -> Baseline:
    """A baseline from clean sessions; ``outputs`` answers are kept for re-judging, spread over the cases."""
    rows = [row for session in sessions for row in session.rows if not row.anchor]
    by_case: dict[str, list[Row]] = {}
    for session in sessions:
        for row in sorted(session.rows, key=lambda one: one.order):
            if not row.anchor:
                by_case.setdefault(row.case, []).append(row)
    cases = tuple(
        StoredCase(
            id=name,
            role=group[0].role,
            layer=group[0].layer,
            critical=group[0].critical,
            assertions=group[0].assertions,
            draws="".join("1" if row.passed else "0" for row in group),
        )
        for name, group in sorted(by_case.items())
    )
    return Baseline(
        suite=sessions[0].suite if sessions else "",
        target=rows[0].target if rows else "",
        judge=next((row.judge for row in rows if row.judge), ""),
        cases=cases,
        outputs=_keep(by_case, outputs),
        setup=sessions[0].setup if sessions else "",
        files={name: one for session in sessions for name, one in (session.files or {}).items()},
        made_at=made_at,
        digest=digest,
    )


def _keep(by_case: dict[str, list[Row]], wanted: int) -> tuple[StoredOutput, ...]:
    """Failed answers first: leniency shows where the judge used to say no."""
    judged = [row for name in sorted(by_case) for row in by_case[name] if row.judged and row.output]
    chosen = sorted(judged, key=lambda row: row.passed)[: (wanted + 1) // 2]
    passing = [row for row in judged if row.passed and row not in chosen]
    chosen += passing[: wanted - len(chosen)]
    return tuple(
        StoredOutput(
            case=row.case,
            role=row.role,
            output=row.output,
            passed=row.passed,
            asserts=row.asserts,
            variables=row.variables,
        )
        for row in chosen
    )


def mismatches(baseline: Baseline, sessions: list[Session]) -> list[Gap]:
    """Why this baseline cannot be the other arm of these sessions; each gap by name."""
    gaps = []
    rows = [row for session in sessions for row in session.rows if not row.anchor]
    for code, stored, found, what in (
        ("other-suite", baseline.suite, {session.suite for session in sessions}, "suite"),
        ("other-model", baseline.target, {row.target for row in rows}, "target"),
        ("other-judge", baseline.judge, {row.judge for row in rows if row.judged}, "judge"),
    ):
        others = sorted(found - {stored})
        if others:
            text = (
                f"the baseline was recorded with the {what} {stored[:80]!r} and this session has "
                f"{others[0][:80]!r}: record a new baseline"
            )
            gaps.append(Gap(code, text))
    gaps += _setup(baseline, sessions)
    asked = {row.case: row.assertions for row in rows}
    gone = sorted(case.id for case in baseline.cases if case.id not in asked)
    if gone:
        gaps.append(Gap("deleted-case", f"{len(gone)} cases of the baseline did not run: {_some(gone)}"))
    changed = sorted(
        case.id for case in baseline.cases if case.id in asked and asked[case.id] != case.assertions
    )
    if changed:
        text = (
            f"{len(changed)} cases ask or assert something else than when the baseline was recorded: "
            f"{_some(changed)}; whether they became weaker cannot be told, so record a new baseline"
        )
        gaps.append(Gap("weakened-case", text))
    return gaps + _demoted(baseline, rows)


def _setup(baseline: Baseline, sessions: list[Session]) -> list[Gap]:
    """What the config does besides its cases, and the files it names, are those of the baseline."""
    if {session.setup for session in sessions if session.rows} - {baseline.setup}:
        text = (
            "providers, prompts or defaults of the config are not those that the baseline was recorded with "
            "(endpoints may differ where they are those of EVALS_…_URL): record a new baseline"
        )
        return [Gap("other-setup", text)]
    changed = sorted(
        name
        for name, sha256 in baseline.files.items()
        # A session holds the files of the cases it drew; one that is no longer named changes its case.
        if any((session.files or {}).get(name, sha256) != sha256 for session in sessions)
    )
    if changed:
        text = f"files that the config names changed since the baseline: {_some(changed)}; record a new one"
        return [Gap("other-setup", text)]
    return []


def _demoted(baseline: Baseline, rows: list[Row]) -> list[Gap]:
    now = {row.case: row for row in rows}
    lost = sorted(c.id for c in baseline.cases if c.critical and c.id in now and not now[c.id].critical)
    moved = sorted(c.id for c in baseline.cases if c.id in now and now[c.id].role != c.role)
    gaps = []
    if lost:
        text = f"no longer marked critical: {_some(lost)}; record a new baseline if that is meant"
        gaps.append(Gap("weakened-case", text))
    if moved:
        gaps.append(Gap("weakened-case", f"moved to another role: {_some(moved)}; record a new baseline"))
    return gaps


def _some(names: list[str], most: int = 3) -> str:
    shown = ", ".join(name[:80] for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def write(path: Path, baseline: Baseline) -> None:
    """Write it whole or not at all."""
    from signalbox.files import write_atomic

    write_atomic(path, canonical(baseline))
