"""What select_tests.py asks git, the index and the ledger, for the plan to be decided from.

Stands above the rooms, as the scripts do: that of selection knows nothing of git, git's nothing of tests.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalbox.context import Context

if TYPE_CHECKING:
    import sqlite3

    from signalbox.change import Change
    from signalbox.selection.escapes import Audits
    from signalbox.selection.gather import Gathered


def without_index(context: Context, root: Path, change: Change) -> tuple[sqlite3.Connection | None, str]:
    """An index of what the sources of the merge base say, held in memory; None where they say nothing."""
    import sqlite3

    from signalbox.change import blobs, tree
    from signalbox.selection.static import MOST_FILES, wanted, weak_of_imports
    from signalbox.selection.weaker import write_weak

    settings = context.policy.settings
    if settings.selection.without_index != "imports" or change.troubles or not change.merge_base:
        return None, ""
    files = tree(root, change.merge_base)
    paths = wanted(files)
    if len(paths) > MOST_FILES:
        return None, ""
    found = blobs(root, (files[path] for path in paths))
    contents = {path: found[files[path]] for path in paths if files[path] in found}
    weak = weak_of_imports(files, contents, settings, commit=change.merge_base, recorded_at=context.stamp.at)
    if isinstance(weak, str):
        context.say(f"no index, and {weak}: whole suites are chosen")
        return None, ""
    connection = sqlite3.connect(":memory:")
    return connection, write_weak(connection, weak, context.args.python)


def ask_index(
    context: Context,
    root: Path,
    head: dict[str, str],
    connection: sqlite3.Connection,
    sha256: str,
    base: str,
) -> tuple[Gathered | None, str]:
    """What the index says, or why it cannot be used after all: a file may open and still be nonsense."""
    import sqlite3

    import msgspec

    from signalbox.change import changed_together, commits_between
    from signalbox.selection.gather import gather

    try:
        settings = context.policy.settings
        row = connection.execute("SELECT value FROM meta WHERE key = 'evidence'").fetchone()
        together = changed_together(root, base) if row and row[0] != "recorded" and base else []
        found = gather(connection, sha256, head, _compare(root), settings, context.environ, together)
        behind = commits_between(root, found.index.commit, context.args.head)
        return msgspec.structs.replace(found, index=msgspec.structs.replace(found.index, behind=behind)), ""
    except (sqlite3.Error, KeyError, ValueError, TypeError) as error:
        return (
            None,
            f"the index does not hold what it should ({type(error).__name__}: {error}); record it anew",
        )


def given_index(context: Context) -> tuple[sqlite3.Connection | None, str, str]:
    """The open index and its digest; or why there is none that can be used (empty: none was expected)."""
    from signalbox.selection.schema import usable_index

    if not context.args.index:
        return None, "", ""
    path = Path(context.args.index)
    if not path.exists():
        context.say(f"{path}: no index yet; record one with index_tests.py")
        return None, "", ""
    return usable_index(path)


def _compare(root: Path) -> Any:
    """Compare two versions of a file by their blobs, read from git when they are needed."""
    from signalbox.change import blobs, compare
    from signalbox.selection.schema import unpack_starts

    def compared(path: str, old: str, new: str, starts: bytes) -> Any:
        found = blobs(root, [old, new])
        if old not in found or new not in found:
            return None  # a shallow clone, or an index of a commit that is not here
        try:
            edit = compare(found[old], found[new], unpack_starts(starts))
        except ValueError:
            return None
        return None if edit is None else (edit.blocks, edit.symbols, edit.import_time, edit.resumed)

    return compared


def known_audits(context: Context) -> Audits:
    """What the ledger says of audited plans; nothing of what a fork's run wrote."""
    from signalbox.ledger import open_ledger
    from signalbox.selection.escapes import Audits, audits_of

    url = context.args.ledger or context.policy.settings.ledger.url
    ledger = open_ledger(url, repo=context.repo) if url else None
    if ledger is None or not ledger.exists():
        return Audits()
    return audits_of(
        [entry.data for entry in ledger.decisions().entries if entry.trusted],
        [entry.data for entry in ledger.outcomes().entries if entry.trusted],
    )
