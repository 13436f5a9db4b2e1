"""The digest of a suite: what would have to be the same for a recorded verdict to be about it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from signalbox.errors import InputError
from signalbox.files import read_limited

MOST_FILES = 5000
_PASSED_OVER = frozenset({"node_modules", "__pycache__", ".git"})


def suite_digest(config: Path, others: Sequence[Path] = ()) -> str:
    """SHA-256 over every file below the config's folder, by name and content, and over ``others``.

    A config may name any file beside it, so all of them count; a change in one that is not used costs a run.
    """
    files = sorted(_files(config.parent))
    if len(files) > MOST_FILES:
        raise InputError(
            f"more than {MOST_FILES} files lie beside the config",
            where=str(config.parent),
            fix="Give the evals a folder of their own.",
        )
    total = hashlib.sha256(config.name.encode())
    for path in [*files, *others]:
        content = hashlib.sha256(read_limited(path, 1 << 28, "file of the suite")).hexdigest()
        name = os.path.relpath(path, config.parent)
        total.update(f"{len(name)}:{name}:{content}\n".encode(errors="surrogateescape"))
    return total.hexdigest()


def _files(folder: Path) -> list[Path]:
    found = []
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _PASSED_OVER]
        found += [Path(base) / name for name in names if (Path(base) / name).is_file()]
        if len(found) > MOST_FILES:
            break
    return found
