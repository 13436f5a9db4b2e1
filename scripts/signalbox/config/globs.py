"""Path patterns of policy files: ``*`` within a folder, ``**`` across folders, matched from the root."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable


@functools.lru_cache(maxsize=4096)
def pattern(glob: str) -> re.Pattern[str]:
    """The regular expression of one glob. ``a/**`` is everything below a, ``**/b`` is b at any depth."""
    parts, i = [], 0
    while i < len(glob):
        if glob.startswith("**/", i):
            parts.append("(?:.*/)?")
            i += 3
        elif glob.startswith("**", i):
            parts.append(".*")
            i += 2
        elif glob[i] == "*":
            parts.append("[^/]*")
            i += 1
        elif glob[i] == "?":
            parts.append("[^/]")
            i += 1
        else:
            parts.append(re.escape(glob[i]))
            i += 1
    return re.compile("".join(parts), re.DOTALL)


def first_match(path: str, globs: Iterable[str]) -> str:
    """The first glob that matches the whole path, or an empty string."""
    return next((glob for glob in globs if _may(glob, path) and pattern(glob).fullmatch(path)), "")


def _may(glob: str, path: str) -> bool:
    """Whether the ends of a glob fit: most do not, and a regular expression costs more than all of that."""
    first = next((place for place, sign in enumerate(glob) if sign in "*?"), None)
    if first is None:
        return glob == path
    last = max(glob.rfind("*"), glob.rfind("?"))
    # The slash of "**/" belongs to it: there may be no folder at all.
    tail = glob[last + 2 :] if glob[max(last - 1, 0) : last + 2] == "**/" else glob[last + 1 :]
    return path.startswith(glob[:first]) and path.endswith(tail)
