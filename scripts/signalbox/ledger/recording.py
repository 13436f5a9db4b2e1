"""Record what a run left behind: its bundles and the outcomes that are known, into one ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from signalbox.actions import plain
from signalbox.errors import InputError
from signalbox.files import read_limited
from signalbox.ledger.artifacts import Harvest, Refused
from signalbox.ledger.branch import GitLedger
from signalbox.ledger.folder import FolderLedger
from signalbox.ledger.records import decision_name, guard, outcome_name

_SHA = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One record: its name in the ledger, where it came from, and the kinds of secret taken out of it."""

    name: str
    source: str
    trusted: bool
    redacted: tuple[str, ...] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded, what was refused and what was promised but never came.

    `ref` is the git ref that holds it; empty for a folder, or when there was nothing to record.
    """

    lines: tuple[Line, ...]
    refused: tuple[Refused, ...]
    missing: tuple[str, ...]
    others: int = 0
    ref: str = ""

    @property
    def complete(self) -> bool:
        """Whether everything that was there or promised is now recorded."""
        return not self.refused and not self.missing


def expected_digests(text: str) -> frozenset[str]:
    """The SHA-256 digests in a list separated by spaces, commas or lines; InputError for anything else.

    An empty word is dropped: the output of a job that was skipped is empty.
    """
    out = set()
    for word in text.replace(",", " ").split():
        match = _SHA.fullmatch(word.lower())
        if match is None:
            raise InputError("this is not a SHA-256 digest", where="--expect", why=word[:80])
        out.add(match[1])
    return frozenset(out)


def is_fork(environ: Mapping[str, str]) -> bool:
    """Whether the event that started this run comes from a fork: then whoever wrote it is a stranger.

    A pull request whose origin cannot be read counts as one.
    """
    if not environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request"):
        return False
    try:
        event = msgspec.json.decode(
            read_limited(Path(environ.get("GITHUB_EVENT_PATH", "")), 1 << 26, "event")
        )
        head, base = (event["pull_request"][side]["repo"]["full_name"] for side in ("head", "base"))
    except (InputError, msgspec.MsgspecError, KeyError, TypeError):
        return True
    return bool(head != base)


def record_run(
    ledger: FolderLedger | GitLedger | None,
    found: Harvest,
    outcomes: tuple[bytes, ...],
    *,
    expected: frozenset[str] = frozenset(),
    trusted: bool = True,
    at: int | None = None,
) -> Receipt:
    """Put `found` and `outcomes` into `ledger` (None: only say what would be recorded).

    With `expected` digests, a bundle that is not among them is kept as untrusted, because whoever could
    upload an artifact could have made it; a digest without its bundle is missing. `at` is the commit's time
    in a git ledger, seconds since the epoch.
    """
    files: dict[str, bytes] = {}
    lines = []
    for bundle in found.bundles:
        trust = trusted and (not expected or bundle.sha256 in expected)
        data, redacted = guard(bundle.data, where=bundle.where)
        name = decision_name(data, trusted=trust, where=bundle.where)
        files[name] = data
        lines.append(Line(name=name, source=bundle.where, trusted=trust, redacted=redacted))
    for outcome in outcomes:
        data, redacted = guard(outcome, where="outcome")
        name = outcome_name(data, trusted=trusted)
        files[name] = data
        lines.append(Line(name=name, source="outcome", trusted=trusted, redacted=redacted))
    ref = ""
    if isinstance(ledger, GitLedger) and files:
        ref = ledger.write(files, at=at)
    elif isinstance(ledger, FolderLedger):
        ledger.write(files)
    missing = expected - {bundle.sha256 for bundle in found.bundles}
    return Receipt(
        lines=tuple(lines),
        refused=found.refused,
        missing=tuple(sorted(missing)),
        others=found.others,
        ref=ref,
    )


def describe(receipt: Receipt, *, where: str) -> str:
    """The receipt as text for people: a sentence, then what needs their eyes, then the names."""
    fresh = sum(line.trusted for line in receipt.lines)
    untrusted = len(receipt.lines) - fresh
    head = f"recorded {len(receipt.lines)} in {where}" if where else f"would record {len(receipt.lines)}"
    head += f", {untrusted} of them as untrusted" if untrusted else ""
    head += f" under {receipt.ref}" if receipt.ref else ""
    rows = [head]
    rows += [
        f"missing   the bundle with sha256 {digest}, which a job announced" for digest in receipt.missing
    ]
    rows += [f"refused   {item.where}: {item.why}" for item in receipt.refused]
    for line in receipt.lines:
        taken = f"   taken out: {', '.join(line.redacted)}; it cannot be replayed" if line.redacted else ""
        rows.append(f"{'recorded ' if where else 'found    '} {line.name}{taken}")
    # Names come from artifacts: none may write a row of its own.
    return "\n".join(plain(row) for row in rows)


def summary(receipt: Receipt, *, where: str) -> dict[str, Any]:
    """The receipt as plain values for --format json."""
    return {"ledger": where, **msgspec.to_builtins(receipt)}
