"""The change as text for a reader with little room: each file gets a share, so none can hide another."""

from __future__ import annotations

from pathlib import Path

from .git import EMPTY_TREE, GitFailed, git

_LINE = 400  # longer lines are data or minified code


def read_patch(repo: Path, old: str, new: str, room: int) -> str:
    """The patch from ``old`` (empty: the empty tree) to ``new`` in about ``room`` characters; empty when git
    cannot print it. What is left out of a file is said in its place."""
    try:
        raw = git(
            repo,
            "diff",
            "--unified=3",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=none",
            "-M",
            old or EMPTY_TREE,
            new,
        )
    except GitFailed:
        return ""
    text = raw[:30_000_000].decode("utf-8", "replace")
    parts = [f"diff --git {part}" for part in ("\n" + text).split("\ndiff --git ")[1:]]
    return "\n".join(shared(parts, room))


def shared(parts: list[str], room: int) -> list[str]:
    """Cut ``parts`` to ``room`` characters together. Short ones leave what they do not need to the others."""
    cut = ["\n".join(line[:_LINE] for line in part.split("\n")) for part in parts]
    left = room
    kept = dict.fromkeys(range(len(cut)), "")
    for done, place in enumerate(sorted(kept, key=lambda i: (len(cut[i]), i))):
        share = max(0, left) // (len(cut) - done)
        part = cut[place]
        kept[place] = (
            part if len(part) <= share else f"{part[:share]}\n[{len(part) - share} characters left out]"
        )
        left -= min(len(part), share)
    return list(kept.values())
