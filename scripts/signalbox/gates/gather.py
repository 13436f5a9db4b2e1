"""Evidence of checks from files: records, decisions of Signalbox, and the results of jobs and check runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from signalbox.config.environments import Check
from signalbox.config.globs import first_match
from signalbox.decision import Evidence, Gap, Origin, Subject, decode_bundle, exit_code, sha256_hex
from signalbox.errors import InputError
from signalbox.files import read_limited

MAX_FILE = 64 << 20
MOST_FILES = 5000

BY_THE_CHANGE = ("signalbox-results-", "signalbox-build-")
"""Artifacts that the change's own code fills while it is built and tested: reports may lie there, and no word
of its own that a check passed."""

STATES = {
    "success": ("pass", ""),
    "failure": ("fail", "it ended with failure"),
    "timed_out": ("fail", "it ran out of time"),
    "startup_failure": ("fail", "it could not start"),
    "action_required": ("not_verified", "it waits for somebody"),
    "skipped": ("not_verified", "it was skipped: GitHub shows that as success, and nothing has run"),
    "cancelled": ("not_verified", "it was cancelled"),
    "neutral": ("not_verified", "it ended neutral, which says neither yes nor no"),
    "stale": ("not_verified", "GitHub gave it up as stale"),
    "queued": ("not_verified", "it has not begun"),
    "in_progress": ("not_verified", "it is still running"),
    "waiting": ("not_verified", "it waits to begin"),
    "pending": ("not_verified", "it waits to begin"),
    "requested": ("not_verified", "it has not begun"),
}
"""How a job, a check run or a status ended → what that is worth, and the sentence."""


class Ran(Protocol):
    """A check run or a job."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def conclusion(self) -> str: ...  # noqa: D102
    @property
    def app(self) -> int: ...  # noqa: D102
    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def at(self) -> str: ...  # noqa: D102


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job of this run by its result; nobody but the run itself says so."""

    name: str
    conclusion: str
    at: str
    app: int = 0
    url: str = ""


def of_runs(
    runs: Iterable[Ran], checks: Mapping[str, Check], subject: Subject, *, trusted: bool = False
) -> list[Evidence]:
    """Evidence of every check from the runs that its names match. ``trusted``: not the change's own word."""
    found = []
    for run in runs:
        for id, check in checks.items():
            if run.name != id and not first_match(run.name, check.runs):
                continue
            status, text = STATES.get(
                run.conclusion, ("not_verified", f"it ended as {run.conclusion[:40]!r}")
            )
            gaps = [Gap(run.conclusion or "unknown", f"{run.name}: {text}")] if text else []
            if check.app is not None and run.app != check.app:
                status = "not_verified" if status == "pass" else status
                text = f"{run.name} was reported by app {run.app or 'unknown'}, and only {check.app} counts"
                gaps.append(Gap("forged", text))
            found.append(
                Evidence(
                    kind=id,
                    status=status,  # type: ignore[arg-type]
                    source=run.url or run.name,
                    producer=f"app {run.app}" if run.app else "",
                    subject=subject,
                    observed_at=run.at or None,
                    tier="installed-command",
                    origin="protected" if trusted else "self-reported",
                    gaps=tuple(gaps),
                )
            )
    return found


def jobs_of_needs(text: str, now: str) -> list[Job]:
    """Jobs from ``toJSON(needs)``: {"unit": {"result": "success", …}, …}."""
    try:
        plain = json.loads(text)
        return [Job(name=str(k), conclusion=str(v["result"]), at=now) for k, v in plain.items()]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        fix = "Give ${{ toJSON(needs) }}."
        raise InputError("these are not the results of jobs", where="--needs", fix=fix) from None


def record(data: bytes, name: str) -> list[Evidence] | None:
    """Evidence records in a file: one, a list, or those of ``{"evidence": [...]}``; None when it holds none.

    What a file says of its own origin is not believed: the reader sets it.
    """
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(plain, dict) and isinstance(plain.get("evidence"), list) and "decision" not in plain:
        plain = plain["evidence"]
    rows = plain if isinstance(plain, list) else [plain]
    if not rows or not all(isinstance(row, dict) and {"kind", "status"} <= row.keys() for row in rows):
        return None
    sha256, found = sha256_hex(data), []
    for row in rows:
        try:
            item = msgspec.convert(row, Evidence)
        except msgspec.ValidationError as error:
            gap = Gap("unreadable", f"this record does not fit: {str(error)[:200]}")
            item = Evidence(kind=str(row["kind"])[:100], status="not_verified", gaps=(gap,))
        found.append(msgspec.structs.replace(item, source=name, sha256=sha256))
    return found


def bundle(data: bytes, name: str, checks: Mapping[str, Check]) -> list[Evidence] | None:
    """Evidence of the checks that a decision of Signalbox proves; None when the file is no bundle.

    A bundle that does not replay byte for byte proves nothing.
    """
    from signalbox.kinds import replay

    if b'"decision"' not in data or b'"seal"' not in data:
        return None
    try:
        decision = decode_bundle(data, where=name).decision
        again = replay(data, where=name)
        code = exit_code(decision.kind, decision.verdict)
    except (InputError, ValueError):
        return None
    status = {0: "pass", 1: "fail"}.get(code, "not_verified")
    gaps = tuple(
        Gap("verdict", f"{decision.verdict}: {r.text}") for r in decision.reasons[:1] if status != "pass"
    )
    if not again.same:
        status, gaps = "not_verified", (Gap("not-the-same", f"it does not replay: {again.difference}"),)
    return [
        Evidence(
            kind=id,
            status=status,  # type: ignore[arg-type]
            source=name,
            sha256=sha256_hex(data),
            producer=decision.producer,
            subject=decision.subject,
            observed_at=decision.decided_at,
            tier="live-acceptance" if decision.kind == "rollout" else "installed-command",
            gaps=gaps,
            facts={"verdict": decision.verdict, "decision": decision.id},
        )
        for id, check in checks.items()
        if check.bundle == decision.kind
    ]


def of_report(item: Evidence, name: str, checks: Mapping[str, Check]) -> list[Evidence]:
    """A report as evidence of each check whose ``reports`` name its file."""
    found = []
    for id, check in checks.items():
        if first_match(name, check.reports):
            facts = dict(item.facts)
            if "percent" not in facts and isinstance(facts.get("line_percent"), (int, float)):
                facts["percent"] = facts["line_percent"]
            found.append(msgspec.structs.replace(item, kind=id, facts=facts))
    return found


def severity_of(evidence: Iterable[Evidence]) -> str | None:
    """The worst severity that scans show, open or waived; None when no scan says anything."""
    order = ("none", "low", "medium", "high", "critical")
    worst: str | None = None
    for item in evidence:
        counts = item.facts.get("by_severity")
        if not isinstance(counts, dict):
            continue
        shown = [name for name, count in counts.items() if count]
        rows = item.facts.get("findings")
        shown += [str(row.get("severity")) for row in rows or [] if isinstance(row, dict)]
        shown += [str(name) for name in item.facts.get("closed_severities") or []]
        for name in [*shown, "none"]:
            known = name if name in order else "high"
            worst = known if worst is None or order.index(known) > order.index(worst) else worst
    return worst


def folder(
    root: Path,
    checks: Mapping[str, Check],
    subject: Subject,
    origin: Origin,
    read: Callable[[Path, str], Evidence],
) -> list[Evidence]:
    """Evidence of checks in every file below ``root``; ``read`` reads what is a tool's own report.

    What lies in an artifact of the change's own making counts as a self-reported report or not at all. A
    report says nothing of its subject: it is taken to be about ``subject``, on the word of whoever laid it
    there, and is therefore never more than self-reported unless ``origin`` says so.
    """
    if not root.is_dir():
        raise InputError("the evidence folder is not there", where=str(root), fix="Check --evidence.")
    found: list[Evidence] = []
    names = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    )
    if len(names) > MOST_FILES:
        raise InputError(f"the evidence folder holds more than {MOST_FILES} files", where=str(root))
    for name in names:
        data = b""
        if name.endswith(".json"):
            data = read_limited(root / name, MAX_FILE, "evidence")
        its_own = name.startswith(BY_THE_CHANGE)
        own = None if its_own else record(data, name) or bundle(data, name, checks)
        if own is not None:
            found += [msgspec.structs.replace(item, origin=origin) for item in own]
            continue
        for item in of_report(read(root / name, name), name, checks):
            about = item.subject if item.subject != Subject() else subject
            whose: Origin = "self-reported" if its_own else origin
            found.append(msgspec.structs.replace(item, subject=about, origin=whose))
    return found
