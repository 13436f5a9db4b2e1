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
    return next((glob for glob in globs if pattern(glob).fullmatch(path)), "")
