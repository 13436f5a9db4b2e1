"""A ledger in a folder: one file per record, written so that it is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from signalbox.errors import InputError
from signalbox.ledger.reading import Damage, Entry, Reading, collect, read_entry
from signalbox.ledger.records import MAX_RECORD_BYTES, decision_name, guard, outcome_name

_SCRATCH = ".tmp"


class FolderLedger:
    """Records below `root`. Any number of processes may write at once: no two ever use one name."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"FolderLedger({str(self.root)!r})"

    def exists(self) -> bool:
        """Whether anything was ever recorded here."""
        return self.root.is_dir()

    def record(self, bundle: bytes, *, trusted: bool = True) -> str:
        """Keep a decision's bundle; returns its name. The same bundle twice is one record.

        Raises InputError for bytes that are no bundle or a folder that cannot be written.
        """
        kept, _ = guard(bundle)
        return self._keep(decision_name(kept, trusted=trusted), kept)

    def record_outcome(self, outcome: bytes, *, trusted: bool = True) -> str:
        """Keep an outcome (canonical bytes of `Outcome`); returns its name."""
        kept, _ = guard(outcome)
        return self._keep(outcome_name(kept, trusted=trusted), kept)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Keep many records under the names that `decision_name` and `outcome_name` gave them."""
        for name, data in files.items():
            self._keep(name, data)

    def decisions(self) -> Reading:
        """Every bundle here, trusted or not, each id once."""
        return self._read("decisions")

    def outcomes(self) -> Reading:
        """Every outcome here, each id once."""
        return self._read("outcomes")

    def _keep(self, name: str, data: bytes) -> str:
        target = self.root / name
        try:
            if target.is_file() and target.read_bytes() == data:
                return name
            scratch = self.root / _SCRATCH
            # A ledger in a working tree may have come with the change: no link in it leads a write out.
            if not _inside(target, self.root) or not _inside(scratch, self.root):
                raise OSError(errno.ELOOP, "a link leads out of the ledger")
            scratch.mkdir(parents=True, exist_ok=True)
            temporary = scratch / uuid.uuid4().hex
            try:
                with temporary.open("xb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                new = _make_folders(target.parent, self.root)
                temporary.replace(target)
                for folder in (target.parent, *new):
                    _sync_folder(folder)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    temporary.unlink()
        except OSError as error:
            raise InputError(
                "the record cannot be written to the ledger",
                where=str(target),
                why=error.strerror or str(error),
                fix="Check that --ledger names a folder that may be written.",
            ) from None
        return name

    def _read(self, shelf: str) -> Reading:
        found: list[Entry | Damage] = []
        for top in (shelf, f"untrusted/{shelf}"):
            if not _inside(self.root / top, self.root):
                found.append(Damage(name=top, code="foreign", why="a link leads out of the ledger"))
                continue
            for path in _files(self.root / top):
                name = path.relative_to(self.root).as_posix()
                found.append(_load(path, name))
        return collect(found)


def _load(path: Path, name: str) -> Entry | Damage:
    try:
        if path.is_symlink() or not path.is_file():
            return Damage(name=name, code="foreign", why="not a plain file")
        if path.stat().st_size > MAX_RECORD_BYTES:
            return Damage(name=name, code="too-large", why=f"more than {MAX_RECORD_BYTES} bytes")
        raw = path.read_bytes()
    except OSError as error:
        return Damage(name=name, code="unreadable", why=error.strerror or str(error))
    return read_entry(name, raw)


def _inside(path: Path, root: Path) -> bool:
    """Whether `path` lies below `root` once every link on the way is followed; it need not exist."""
    return path.resolve().is_relative_to(root.resolve())


def _files(top: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(top):  # links to folders are not followed
        for name in names:
            yield Path(folder) / name


def _make_folders(folder: Path, root: Path) -> list[Path]:
    """Create `folder`; returns the parents whose listing changed and must reach the disk too."""
    changed = []
    at = folder
    while not at.exists() and at != root:
        changed.append(at.parent)
        at = at.parent
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some file systems have no such thing for folders; the record itself is synced already.
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
