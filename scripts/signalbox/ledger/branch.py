"""A ledger in a git repository: every writer a ref of its own, one compactor a branch.

A run writes one commit without parents under `refs/signalbox/ledger/<run>-<uuid>`; nothing is read or
merged first, so writers cannot collide and lose nothing. Readers take the union of these refs and of the
compacted branch; names carry their digests, so what stands in both counts once.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from signalbox.errors import InputError
from signalbox.ledger.plumbing import GitRepository, message_of
from signalbox.ledger.reading import Damage, Entry, Reading, collect, read_entry
from signalbox.ledger.records import MAX_RECORD_BYTES, decision_name, guard, outcome_name

REF_PREFIX = "refs/signalbox/ledger"
_UNSAFE = re.compile(r"[^0-9A-Za-z_-]+")


class GitLedger:
    """Records in the repository at `path`; `branch` is where the nightly compaction puts them."""

    def __init__(self, path: Path, *, branch: str = "signalbox-ledger", run: str = "local") -> None:
        self.repository = GitRepository(path)
        self.branch = branch
        self.run = _UNSAFE.sub("-", run).strip("-")[:60] or "local"

    def __repr__(self) -> str:
        return f"GitLedger({str(self.repository.path)!r}, branch={self.branch!r})"

    def exists(self) -> bool:
        """Whether any record can be reached from here."""
        return bool(self._refs())

    def record(self, bundle: bytes, *, trusted: bool = True) -> str:
        """Keep a decision's bundle under a ref of its own; returns its name."""
        kept, _ = guard(bundle)
        name = decision_name(kept, trusted=trusted)
        self.write({name: kept})
        return name

    def record_outcome(self, outcome: bytes, *, trusted: bool = True) -> str:
        """Keep an outcome under a ref of its own; returns its name."""
        kept, _ = guard(outcome)
        name = outcome_name(kept, trusted=trusted)
        self.write({name: kept})
        return name

    def write(self, files: Mapping[str, bytes], *, at: int | None = None) -> str:
        """Keep many records in one commit; returns the ref. `at` is seconds since the epoch."""
        ref = f"{REF_PREFIX}/{self.run}-{uuid.uuid4()}"
        message = f"Record {len(files)} of {self.run}"
        seconds = int(time.time()) if at is None else at
        self.repository.commit_files(ref, files, message=message, seconds=seconds)
        return ref

    def files(self, ref: str) -> dict[str, bytes]:
        """The records of one ref that was written here."""
        found = self.repository.files([ref], largest=MAX_RECORD_BYTES)
        return {name: content for name, content in found if content is not None}

    def push(self, ref: str, remote: str, *, attempts: int = 4, wait: float = 1.0) -> None:
        """Push a written ref to `remote` (a remote's name or URL); retries with growing pauses.

        Raises InputError when the remote has not taken it. The local ref stays, so nothing is lost.
        """
        if remote.startswith("-"):
            raise InputError("the remote's name looks like an option", where=remote)
        why = ""
        for attempt in range(attempts):
            done = self.repository.run("push", "--porcelain", "--", remote, f"{ref}:{ref}", check=False)
            if done.returncode == 0:
                return
            why = message_of(done)
            if attempt + 1 < attempts:
                time.sleep(wait * 2**attempt)
        from signalbox.classify import redact

        raise InputError(
            "the remote did not take the records",
            where=redact(remote),
            why=why,
            fix=f"They are kept here under {ref}. The job needs `permissions: contents: write`.",
        )

    def decisions(self) -> Reading:
        """Every bundle that can be reached, trusted or not, each id once."""
        return self._read("decisions")

    def outcomes(self) -> Reading:
        """Every outcome that can be reached, each id once."""
        return self._read("outcomes")

    def _refs(self) -> dict[str, str]:
        branches = (f"refs/heads/{self.branch}", f"refs/remotes/origin/{self.branch}")
        return self.repository.refs(REF_PREFIX, *branches)

    def _read(self, shelf: str) -> Reading:
        found = list(self._load(shelf, sorted(set(self._refs().values()))))
        return collect(found)

    def _load(self, shelf: str, commits: Iterable[str]) -> Iterable[Entry | Damage]:
        under = (shelf, f"untrusted/{shelf}")
        for path, content in self.repository.files(commits, largest=MAX_RECORD_BYTES, under=under):
            if content is None:
                yield Damage(name=path, code="too-large", why=f"more than {MAX_RECORD_BYTES} bytes")
            else:
                yield read_entry(path, content)
