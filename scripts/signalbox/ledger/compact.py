"""One writer puts what runs recorded under refs of their own into one branch, as a chain that can be checked.

Each compaction is one commit on the one before. Its `compaction.json` names the SHA-256 of its parent's
`compaction.json` and a digest over every record it holds, so that a record that was changed, left out or put
in later shows, and so does a branch that was rewritten. The same parent, records and time give the same
commit, byte for byte. A second writer at the same time is refused by git and loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from signalbox.decision import SCHEMA_VERSION, canonical, format_time, sha256_hex
from signalbox.errors import InputError
from signalbox.ledger.branch import REF_PREFIX, GitLedger
from signalbox.ledger.plumbing import message_of
from signalbox.ledger.reading import Damage, Entry, read_entry
from signalbox.ledger.records import MAX_RECORD_BYTES

MANIFEST = "compaction.json"
SEEN_REF = "refs/signalbox/compacted"
"""What this repository last saw of the branch: a branch that no longer holds it was rewritten."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What `compaction.json` says. `root` is a digest over the names and contents of all `records`."""

    sequence: int
    parent: str
    at: str
    records: int
    root: str
    added: int
    dropped: int
    schema_version: int = SCHEMA_VERSION


class Compaction(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. `covered` are the refs that hold nothing but what the branch now holds or has outlived;
    `damaged` stays in its ref. `commit` is empty when there was nothing to do."""

    commit: str
    manifest: Manifest | None
    covered: tuple[str, ...]
    damaged: tuple[Damage, ...]


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """A place where the chain does not hold."""

    commit: str
    why: str


def compact(ledger: GitLedger, *, seconds: int, retention_days: int) -> Compaction:
    """Add every whole record of the refs to the branch and leave out those older than `retention_days`.

    `seconds` is the time since the epoch that counts as now. Raises InputError when the chain does not hold
    (nothing is built on a branch that somebody changed) or another writer was quicker.
    """
    flaws = verify(ledger)
    if flaws:
        raise InputError(
            "the compacted ledger was changed by somebody else",
            where=f"{ledger.branch} at {flaws[0].commit[:12]}",
            why=flaws[0].why,
            fix="The records are still under their refs. Find out who wrote to the branch; then restore the "
            f"last good commit ({SEEN_REF} names it), or begin a new branch (ledger: {{branch: …}}).",
        )
    parent = _tip(ledger)
    held, before = _read(ledger, parent) if parent else ({}, b"")
    oldest = datetime.fromtimestamp(seconds, UTC) - timedelta(days=retention_days)
    fresh: dict[str, bytes] = {}
    damaged: list[Damage] = []
    covered = []
    for ref, commit in sorted(ledger.repository.refs(REF_PREFIX).items()):
        flawed = [d for d in _take(ledger, commit, fresh) if d.name not in held]
        damaged += flawed
        if not flawed:
            covered.append(ref)
    records = {name: data for name, data in {**held, **fresh}.items() if _day(name) >= oldest}
    added, dropped = sorted(records.keys() - held.keys()), sorted(held.keys() - records.keys())
    if not added and not dropped:
        return Compaction(commit="", manifest=None, covered=tuple(covered), damaged=tuple(damaged))
    manifest = Manifest(
        sequence=msgspec.json.decode(before, type=Manifest).sequence + 1 if before else 1,
        parent=sha256_hex(before) if before else "",
        at=format_time(datetime.fromtimestamp(seconds, UTC)),
        records=len(records),
        root=root_of(records),
        added=len(added),
        dropped=len(dropped),
    )
    files = {name: records[name] for name in added} | {MANIFEST: canonical(manifest)}
    ledger.repository.commit_files(
        f"refs/heads/{ledger.branch}",
        files,
        message=f"Compaction {manifest.sequence}: {len(added)} new, {len(dropped)} past their time",
        seconds=seconds,
        parent=parent,
        removed=dropped,
    )
    commit = _tip(ledger)
    ledger.repository.run("update-ref", SEEN_REF, commit)
    return Compaction(commit=commit, manifest=manifest, covered=tuple(covered), damaged=tuple(damaged))


def verify(ledger: GitLedger) -> tuple[Flaw, ...]:
    """Walk the chain from its tip to its beginning; everything that does not hold."""
    tip = _tip(ledger)
    flaws = []
    seen = ledger.repository.refs(SEEN_REF).get(SEEN_REF, "")
    if seen:
        inside = (
            tip
            and not ledger.repository.run("merge-base", "--is-ancestor", seen, tip, check=False).returncode
        )
        if not inside:
            flaws.append(Flaw(commit=tip or seen, why=f"the branch no longer holds {seen[:12]}, seen before"))
    commits = ledger.repository.run("rev-list", "--first-parent", tip).stdout.decode().split() if tip else []
    child: Manifest | None = None
    for commit in commits:
        try:
            raw = ledger.repository.run("cat-file", "blob", f"{commit}:{MANIFEST}").stdout
            manifest = msgspec.json.decode(raw, type=Manifest)
        except (InputError, msgspec.MsgspecError) as error:
            return (*flaws, Flaw(commit=commit, why=f"it has no readable {MANIFEST}: {error}"))
        if child is not None and child.parent != sha256_hex(raw):
            flaws.append(Flaw(commit=commit, why="the compaction after it names another parent"))
        if child is not None and child.sequence != manifest.sequence + 1:
            flaws.append(Flaw(commit=commit, why="the numbers of the compactions do not follow"))
        child = manifest
    if child is not None and child.parent:
        flaws.append(Flaw(commit=commits[-1], why="the beginning of the chain is missing"))
    if tip:
        flaws += _contents(ledger, tip)
    return tuple(flaws)


def root_of(records: Mapping[str, bytes]) -> str:
    """SHA-256 over the canonical list of [name, SHA-256 of the content], in order of the names."""
    return sha256_hex(canonical([[name, sha256_hex(records[name])] for name in sorted(records)]))


def prune(ledger: GitLedger, refs: tuple[str, ...]) -> None:
    """Delete refs that a compaction covered. Only after the branch is safe elsewhere, if it is to be."""
    commands = "".join(f"delete {ref}\n" for ref in refs)
    ledger.repository.run("update-ref", "--stdin", stdin=commands.encode())


def push(ledger: GitLedger, remote: str, *, pruned: tuple[str, ...] = ()) -> None:
    """Push the branch (never by force) and delete the covered refs there, in one transaction.

    What was last seen of the branch goes with it, so that a fresh clone notices a rewritten branch too.
    Nothing is pushed where there is nothing. Raises InputError when the remote refuses; then nothing changed.
    """
    if remote.startswith("-"):
        raise InputError("the remote's name looks like an option", where=remote)
    branch = f"refs/heads/{ledger.branch}"
    here = ledger.repository.refs(branch, SEEN_REF)
    updates = [*(f"{ref}:{ref}" for ref in here), *(f":{ref}" for ref in pruned)]
    if not updates:
        return
    done = ledger.repository.run("push", "--porcelain", "--atomic", "--", remote, *updates, check=False)
    if done.returncode:
        raise InputError(
            "the remote did not take the compaction",
            where=ledger.branch,
            why=message_of(done),
            fix="Fetch the branch and the refs again and compact anew; nothing is lost meanwhile.",
        )


def _tip(ledger: GitLedger) -> str:
    branch = f"refs/heads/{ledger.branch}"
    return ledger.repository.refs(branch).get(branch, "")


def _read(ledger: GitLedger, commit: str) -> tuple[dict[str, bytes], bytes]:
    records, manifest = {}, b""
    for path, content in ledger.repository.files([commit], largest=MAX_RECORD_BYTES):
        if path == MANIFEST:
            manifest = content or b""
        elif content is not None:
            records[path] = content
    return records, manifest


def _contents(ledger: GitLedger, tip: str) -> list[Flaw]:
    records, raw = _read(ledger, tip)
    manifest = msgspec.json.decode(raw, type=Manifest)
    if root_of(records) != manifest.root:
        return [Flaw(commit=tip, why=f"its records are not those that its {MANIFEST} names")]
    return []


def _take(ledger: GitLedger, commit: str, into: dict[str, bytes]) -> list[Damage]:
    """Put the whole records of a commit into `into`; returns the others."""
    flawed = []
    for path, content in ledger.repository.files([commit], largest=MAX_RECORD_BYTES):
        read: Entry | Damage = (
            Damage(name=path, code="too-large", why=f"more than {MAX_RECORD_BYTES} bytes")
            if content is None
            else read_entry(path, content)
        )
        if isinstance(read, Damage) or content is None:
            flawed.append(read if isinstance(read, Damage) else Damage(name=path, code="unreadable", why=""))
        else:
            into[path] = content
    return flawed


def _day(name: str) -> datetime:
    """The day in a record's name, its end: nothing is dropped before its time."""
    year, month, day = name.removeprefix("untrusted/").split("/")[1:4]
    return datetime(int(year), int(month), int(day), tzinfo=UTC) + timedelta(days=1)
