"""What makes a session no evidence, each by name. Nothing here knows what a good score is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta

from signalbox.decision import Gap, parse_time
from signalbox.evals.model import Row, Session

_ROW_TEXT = {
    "target-outage": "the target did not answer",
    "target-timeout": "the target did not answer in time",
    "judge-outage": "the judge did not answer",
    "judge-timeout": "the judge did not answer in time",
    "judge-unparsable": "the judge's answer could not be read as a verdict",
    "cached-row": "the answer was replayed from a cache",
    "canned-output": "the case carries its own answer, so the candidate was never asked",
    "no-assertions": "nothing was asserted of the answer",
    "masked-output": "the answer is empty or masked",
    "inconsistent-row": "the row contradicts its own grading",
    "hand-edited": "a person's rating replaced the result",
}
_MASK = "[REDACTED]"
OUTAGES = frozenset({"target-outage", "target-timeout", "judge-outage", "judge-timeout"})


def row_gaps(rows: Sequence[Row]) -> list[Gap]:
    """One gap for each kind of trouble, with how many rows have it and the first case that does."""
    by_code: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.trouble:
            by_code[row.trouble].append(row)
    gaps = []
    for code, found in sorted(by_code.items()):
        first = found[0]
        detail = f": {first.detail}" if first.detail else ""
        text = (
            f"{_ROW_TEXT.get(code, code)} in {len(found)} of {len(rows)} rows, first {_name(first)}{detail}"
        )
        gaps.append(Gap(code, text))
    return gaps


def shape_gaps(sessions: Sequence[Session]) -> list[Gap]:
    """Zero tests, rows without a name or a role, missing and duplicate rows, several targets at once."""
    rows = [row for session in sessions for row in session.rows]
    cases = [row for row in rows if not row.anchor]
    if not cases:
        return [Gap("zero-tests", "no case ran: nothing matched, or nothing was collected")]
    gaps = []
    unnamed = sum(not row.case for row in rows)
    if unnamed:
        text = f"{unnamed} rows have no metadata.id, so repeats and deletions cannot be told apart"
        gaps.append(Gap("case-without-id", text))
    masked = sum(_MASK in row.case for row in rows)
    if masked:
        text = (
            f"{masked} rows have an id that the runner masked as {_MASK}, having taken it for a secret: "
            "give these cases shorter ids, or ids with dots"
        )
        gaps.append(Gap("masked-id", text))
    roles = _per_case(cases, lambda row: row.role)
    split = sorted(name for name, found in roles.items() if len(found) > 1)
    if split:
        gaps.append(Gap("duplicate-row", f"the case {split[0][:80]!r} appears under several roles"))
    asked = _per_case(cases, lambda row: row.assertions)
    twice = sorted(name for name, found in asked.items() if len(found) > 1)
    if twice:
        text = f"two different cases share the id {twice[0][:80]!r}, or one changed during the session"
        gaps.append(Gap("duplicate-row", text))
    targets = sorted({row.target for row in cases})
    if len(targets) > 1:
        named = f"{targets[0][:60]}, {targets[1][:60]}"
        text = f"the rows are of {len(targets)} targets ({named}): judge one at a time"
        gaps.append(Gap("several-targets", text))
    for session in sessions:
        gaps += _counts(session, cases)
    return gaps


def _per_case(rows: Sequence[Row], value: object) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row.case].add(value(row))  # type: ignore[operator]
    return found


def _counts(session: Session, cases: Sequence[Row]) -> list[Gap]:
    """Every case of a role (or every critical one of it) appears equally often in a session, or rows were
    lost or added."""
    counted = Counter(row.case for row in session.rows if not row.anchor)
    if not counted:
        return []
    expected = session.repeat or Counter(counted.values()).most_common(1)[0][0]
    fewer = sorted(name for name, count in counted.items() if count < expected)
    more = sorted(name for name, count in counted.items() if count > expected)
    gaps = []
    if fewer:
        text = (
            f"{len(fewer)} cases have fewer than {expected} rows, first {fewer[0][:80]!r}: rows are missing"
        )
        gaps.append(Gap("missing-row", text))
    if more:
        text = (
            f"{len(more)} cases have more than {expected} rows, first {more[0][:80]!r}: rows are duplicated"
        )
        gaps.append(Gap("duplicate-row", text))
    here = {row.role for row in session.rows if not row.anchor}
    for role in sorted(here):
        every = {row.case for row in cases if row.role == role}
        critical = {row.case for row in cases if row.role == role and row.critical}
        present = {row.case for row in session.rows if not row.anchor and row.role == role}
        if present not in (every, critical):
            lost = sorted(every - present)
            text = (
                f"{len(lost)} cases of {role or 'a role without a name'} ran in one batch and not in another"
            )
            gaps.append(Gap("missing-row", f"{text}: {lost[0][:80]!r}"))
    return gaps


def role_gaps(cases: Sequence[Row], roles: Sequence[str]) -> list[Gap]:
    """A role without cases, and a role that policy does not know."""
    if not roles:
        return []
    found = {row.role for row in cases}
    gaps = [
        Gap("role-without-cases", f"no case ran for the role {role!r}: add one under metadata.role")
        for role in roles
        if role not in found
    ]
    gaps += [
        Gap("unknown-role", f"cases name the role {role[:80]!r}, which evals.roles does not list")
        for role in sorted(found - set(roles))
    ]
    return gaps


def layer_gaps(
    cases: Sequence[Row], layers: Sequence[str], skipped: dict[str, str], may_skip: Sequence[str]
) -> list[Gap]:
    """A layer that did not run and whose skip is not both named with a reason and allowed by policy."""
    ran = {row.layer for row in cases}
    gaps = []
    for layer in layers:
        if layer in ran:
            continue
        if not skipped.get(layer, "").strip():
            gaps.append(Gap("lane-missing", f"the layer {layer!r} did not run, and nobody said why"))
        elif layer not in may_skip:
            text = f"the layer {layer!r} was skipped ({skipped[layer][:120]}), which policy does not allow"
            gaps.append(Gap("lane-skipped", text))
    return gaps


def anchor_gaps(rows: Sequence[Row], declared: Sequence[str]) -> list[Gap]:
    """Declared anchors that were not judged again in this session."""
    seen = {row.case for row in rows if row.anchor}
    gone = sorted(set(declared) - seen)
    if not gone:
        return []
    return [
        Gap("anchor-missing", f"{len(gone)} declared anchors were not judged again, first {gone[0][:80]!r}")
    ]


def own_anchor_gaps(rows: Sequence[Row], known: Sequence[str]) -> list[Gap]:
    """Rows that call themselves anchors and are none: a suite could outvote the real ones with easy ones."""
    own = sorted({row.case for row in rows if row.anchor} - set(known))
    if not own:
        return []
    text = f"{len(own)} rows call themselves anchors that --anchors does not declare, first {own[0][:80]!r}"
    return [Gap("undeclared-anchor", text)]


def age_gaps(session: Session, *, now: str, hours: float) -> list[Gap]:
    """Results that do not say when they were made, are too old, or are from the future."""
    if session.made_at is None:
        return [Gap("stale-results", "the results do not say when they were made")]
    try:
        made, at = parse_time(session.made_at), parse_time(now)
    except ValueError as error:
        return [Gap("stale-results", f"the time of these results cannot be read: {error}")]
    if at - made > timedelta(hours=hours):
        return [Gap("stale-results", f"made at {session.made_at}, more than {hours:g} hours ago")]
    if made - at > timedelta(minutes=1):
        return [Gap("stale-results", f"made at {session.made_at}, which is in the future")]
    return []


def _name(row: Row) -> str:
    return repr(row.case[:80]) if row.case else "one without an id"
