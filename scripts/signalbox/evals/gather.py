"""Sessions, baseline, anchors and digests put together into what ``decide`` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from signalbox.config.evals import Evals
from signalbox.decision import Evidence, Gap, Origin, Subject, canonical, digest_of, sha256_hex
from signalbox.evals import baseline as stored
from signalbox.evals import integrity
from signalbox.evals.baseline import Baseline
from signalbox.evals.inputs import Case, Inputs, Judged
from signalbox.evals.model import Row, Session, Spent
from signalbox.evals.promptfoo import exit_code_gap
from signalbox.evals.rejudge import stored_name
from signalbox.evals.runtimes import telemetry_gaps
from signalbox.stats.rogan_gladen import Counts


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """All that was read. ``extra`` is evidence made elsewhere: JUnit suites, the running digest."""

    subject: Subject
    sessions: Sequence[Session]
    baseline: Baseline | None = None
    baseline_source: str = ""
    baseline_gaps: Sequence[Gap] = ()
    declared_anchors: Sequence[str] = ()
    extra: Sequence[Evidence] = ()
    skipped: Mapping[str, str] = {}
    origin: Origin = "self-reported"
    environ_exit_code: str = ""
    telemetry: bool = False
    ran: bool = False


def gather(material: Material, settings: Evals, *, now: str) -> Inputs:
    """Check, join and count; every check that fails becomes a gap of the evidence it concerns."""
    sessions = list(material.sessions)
    rows = [row for session in sessions for row in session.rows]
    cases = [row for row in rows if not row.anchor]
    evidence = [_session(session, material, settings, now) for session in sessions]
    evidence += material.extra
    if sessions or not material.extra:
        shared = [*integrity.shape_gaps(sessions), *_wholes(material, settings, rows, cases)]
        evidence.append(_evidence("evals-suite", shared, material, facts={"rows": len(rows)}))
        evidence.append(_baseline(material, sessions))
    spent = Spent()
    for session in sessions:
        spent = spent.plus(session.spent)
    return Inputs(
        subject=material.subject,
        evidence=tuple(evidence),
        cases=tuple(cases_of(sessions, material.baseline)),
        judge=judged_of(sessions),
        skipped=dict(material.skipped),
        suite=next((session.suite for session in sessions), ""),
        target=next((row.target for row in cases), ""),
        spent=spent,
    )


def key_of(
    digest: str,
    suite: str,
    baseline: Baseline | None,
    policy: str,
    environ: Mapping[str, str],
    chosen: Sequence[str] = (),
) -> str:
    """Name of a verdict that may be taken again: empty without a digest, which nothing can be bound to.

    Models named by the environment (``EVALS_…_MODEL``) are part of the question; endpoints are not, as the
    same environment answers at another address in the next run. ``chosen``: runtimes and suite by name.
    """
    if not digest:
        return ""
    models = {k: v for k, v in environ.items() if k.startswith("EVALS_") and k.endswith("_MODEL")}
    return digest_of(
        [digest, suite, sha256_hex(canonical(baseline)) if baseline else "", policy, models, *chosen]
    )


def _session(session: Session, material: Material, settings: Evals, now: str) -> Evidence:
    gaps = [*session.gaps, *integrity.row_gaps(session.rows)]
    if session.format != "unknown":
        gaps += integrity.age_gaps(session, now=now, hours=settings.max_age_hours)
    wanted = material.subject.digest
    if wanted and session.digest and session.digest != wanted:
        text = f"these results are about {session.digest[:80]}, not about {wanted}"
        gaps.append(Gap("stale-image", text))
    passed = sum(row.passed for row in session.rows if not row.anchor)
    facts = {"format": session.format, "rows": len(session.rows), "passed": passed}
    return msgspec.structs.replace(
        _evidence("evals-session", gaps, material, facts=facts),
        source=session.source,
        sha256=session.sha256,
        producer=session.producer,
        observed_at=session.made_at,
    )


def _evidence(
    kind: str, gaps: Sequence[Gap], material: Material, *, facts: dict[str, object] | None = None
) -> Evidence:
    return Evidence(
        kind=kind,
        status="not_verified" if gaps else "pass",
        gaps=tuple(gaps),
        tier="installed-command",
        origin=material.origin,
        subject=material.subject,
        facts=facts or {},
    )


def _wholes(material: Material, settings: Evals, rows: Sequence[Row], cases: Sequence[Row]) -> list[Gap]:
    masked = exit_code_gap(material.environ_exit_code)
    return [
        *([masked] if masked else []),
        *integrity.role_gaps(cases, settings.roles),
        *integrity.layer_gaps(cases, settings.layers, dict(material.skipped), settings.may_skip),
        *integrity.anchor_gaps(rows, material.declared_anchors),
        *(integrity.own_anchor_gaps(rows, _known_anchors(material)) if _guarded(material) else ()),
        *(telemetry_gaps(material.sessions) if material.telemetry else ()),
    ]


def _guarded(material: Material) -> bool:
    """Whether it is known which anchors there are: they were declared, or were shown by this very run."""
    return material.ran or bool(material.declared_anchors)


def _known_anchors(material: Material) -> list[str]:
    outputs = material.baseline.outputs if material.baseline else ()
    return [*material.declared_anchors, *(stored_name(n, one.case) for n, one in enumerate(outputs))]


def _baseline(material: Material, sessions: list[Session]) -> Evidence:
    gaps = list(material.baseline_gaps)
    if material.baseline is None and not gaps:
        text = "no baseline was given, so nothing can be compared: record one with --write-baseline"
        gaps.append(Gap("no-baseline", text))
    facts: dict[str, object] = {}
    if material.baseline is not None:
        if any(not row.anchor for session in sessions for row in session.rows):
            gaps += stored.mismatches(material.baseline, sessions)
        facts = {"cases": len(material.baseline.cases), "digest": material.baseline.digest}
    found = _evidence("evals-baseline", gaps, material, facts=facts)
    return msgspec.structs.replace(found, source=material.baseline_source, subject=Subject())


def cases_of(sessions: Sequence[Session], baseline: Baseline | None) -> list[Case]:
    """Every case with the candidate's draws in the order they were made and the baseline's stored ones."""
    before = {case.id: case.draws for case in baseline.cases} if baseline else {}
    found: dict[str, list[Row]] = {}
    for session in sessions:
        for row in sorted(session.rows, key=lambda one: one.order):
            if not row.anchor:
                found.setdefault(row.case, []).append(row)
    return [
        Case(
            id=name,
            role=group[0].role,
            layer=group[0].layer,
            critical=group[0].critical,
            judged=any(row.judged for row in group),
            candidate="".join("1" if row.passed else "0" for row in group),
            baseline=before.get(name, ""),
        )
        for name, group in sorted(found.items())
    ]


def judged_of(sessions: Sequence[Session]) -> Judged:
    """The judge's record on anchors, each counted once: a second look at one output is no second anchor."""
    rows = [row for session in sessions for row in session.rows]
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.anchor and not row.trouble:
            first.setdefault((row.anchor, row.case), row)
    good = [row for row in first.values() if row.anchor == "good"]
    bad = [row for row in first.values() if row.anchor == "bad"]
    again = [row for row in first.values() if row.anchor == "stored" and row.was is not None]
    return Judged(
        name=next((row.judge for row in rows if row.judge), ""),
        good=Counts(sum(row.passed for row in good), len(good)),
        bad=Counts(sum(not row.passed for row in bad), len(bad)),
        to_pass=sum(row.passed and row.was is False for row in again),
        to_fail=sum(not row.passed and row.was is True for row in again),
        kept=sum(row.passed == row.was for row in again),
    )
