"""Earlier changes of a repository and whether each was followed by a fix: what a risk model learns from.

A change counts as bad when the next change of one of its files is a fix (by the words of its subject). That
is a file-level form of what Śliwerski, Zimmermann and Zeller (2005) do by lines: cruder, one call of git, and
it needs no tracker. Fixes, merges and sweeping changes are no examples; nor are the newest, whose fix may
be ahead.
"""

from __future__ import annotations

import math
from pathlib import Path

from .git import GitFailed, git, path_text
from .history import FIX

_COMMITS = 2000
_MANY = 100
_NEWEST = 0.1
_WINDOW = 500  # as in `read_history`, so that counts mean the same when the model is used

Example = tuple[dict[str, float], bool]


def read_outcomes(repo: Path, commit: str) -> list[Example]:
    """Features and outcome of the last changes up to ``commit``, oldest first; empty if git cannot tell."""
    try:
        wanted = ("log", f"-{_COMMITS}", "--no-merges", "--no-renames", "--numstat", "-z")
        log = git(repo, *wanted, "--format=%x01%ae%x02%s%x02", "--end-of-options", commit)
    except GitFailed:
        return []
    return examples(log)


def examples(log: bytes) -> list[Example]:
    """The examples in the output of ``git log --numstat -z`` with author and subject, newest commit first."""
    found: list[Example] = []
    last: dict[str, int] = {}  # file → the example that changed it last
    bad: set[int] = set()
    past: list[tuple[bytes, frozenset[str]]] = []
    for entry in reversed(log.split(b"\x01")[1:]):
        author, subject, numbers = [*entry.split(b"\x02", 2), b"", b""][:3]
        lines = _lines(numbers)
        fix = FIX.search(subject) is not None
        for path in lines:
            if fix and path in last:
                bad.add(last[path])
            last.pop(path, None)
        if not fix and 0 < len(lines) <= _MANY:
            for path in lines:
                last[path] = len(found)
            found.append((_features(author.lower(), lines, past[-_WINDOW:]), False))
        past.append((author.lower(), frozenset(lines)))
    told = found[: int(len(found) * (1 - _NEWEST))]
    return [(values, number in bad) for number, (values, _) in enumerate(told)]


def _lines(numbers: bytes) -> dict[str, tuple[int, int]]:
    """Path → (lines added, lines deleted); binary files count none."""
    found = {}
    for line in numbers.split(b"\0"):
        added, _, rest = line.strip(b"\n").partition(b"\t")
        deleted, _, path = rest.partition(b"\t")
        if path:
            found[path_text(path)] = tuple(int(n) if n.isdigit() else 0 for n in (added, deleted))
    return found  # type: ignore[return-value]


def _features(
    author: bytes, lines: dict[str, tuple[int, int]], past: list[tuple[bytes, frozenset[str]]]
) -> dict[str, float]:
    sizes = [added + deleted for added, deleted in lines.values() if added + deleted]
    total = sum(sizes)
    touched = [(who, len(paths & lines.keys())) for who, paths in past if not paths.isdisjoint(lines)]
    return {
        "la": float(sum(added for added, _ in lines.values())),
        "ld": float(sum(deleted for _, deleted in lines.values())),
        "nf": float(len(lines)),
        "nd": float(len({path.rpartition("/")[0] for path in lines})),
        "ns": float(len({path.partition("/")[0] if "/" in path else "" for path in lines})),
        "entropy": -sum(size / total * math.log2(size / total) for size in sizes) if total else 0.0,
        "ndev": float(len({who for who, _ in touched})),
        "nuc": float(sum(count for _, count in touched)),
        "sexp": float(sum(who == author for who, _ in touched)),
    }
