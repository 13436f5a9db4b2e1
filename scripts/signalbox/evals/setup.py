"""What a config does besides asking its cases: providers, prompts, defaults, and the files they name.

A candidate that brings its own config could have every answer rewritten (``transform``), another endpoint
asked, or another program grade. So all of this is compared with what the baseline was recorded with. The
endpoints that the caller names in ``EVALS_…_URL`` are the one thing that may differ from run to run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from signalbox.decision import digest_of, sha256_hex
from signalbox.files import read_limited

MAX_FILE = 1 << 24
_MOST_FILES = 500
_PARTS = ("providers", "targets", "prompts", "defaultTest", "scenarios", "nunjucksFilters", "derivedMetrics")
_FILE = re.compile(r"\A(?:file://|(?:python|javascript|golang|ruby):)([^\n]{1,500})\Z")
_PLACEHOLDER = "EVALS_URL"
# The runner fills these in where a config has none of them.
_EMPTY: tuple[Any, ...] = (None, [], {}, "")


def urls_of(environ: Mapping[str, str]) -> frozenset[str]:
    """The endpoints that the caller names."""
    return frozenset(
        value for name, value in environ.items() if re.fullmatch(r"EVALS_\w*URL", name) and value
    )


def scrubbed(value: Any, urls: frozenset[str], depth: int = 0) -> Any:
    """``value`` with the caller's endpoints replaced and empty parts left out."""
    if depth > 40:
        return _PLACEHOLDER
    if isinstance(value, dict):
        kept = {str(key): scrubbed(one, urls, depth + 1) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one not in _EMPTY}
    if isinstance(value, list):
        return [scrubbed(one, urls, depth + 1) for one in value]
    return _PLACEHOLDER if isinstance(value, str) and value in urls else value


def setup_of(config: Mapping[str, Any], urls: frozenset[str]) -> str:
    """The digest of all but the cases; empty for results that hold nothing of the kind."""
    found = scrubbed({name: config.get(name) for name in _PARTS}, urls)
    return digest_of(found) if found else ""


def files_of(config: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Every file that the config names by ``file://``, but for cases' variables: name → SHA-256.

    One that is not there, is too large or lies where it cannot be read has an empty digest. Variables are
    left out, as the runner writes their content into the results.
    """
    named = {name: config.get(name) for name in (*_PARTS, "tests", "extensions")}
    found: dict[str, str] = {}
    for name in sorted(set(_names(named)))[:_MOST_FILES]:
        found[name] = _digest(folder, name)
    return found


def _names(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > 40:
        return
    if isinstance(value, dict):
        for key, one in value.items():
            if key != "vars":
                yield from _names(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield from _names(one, depth + 1)
    elif isinstance(value, str):
        match = _FILE.match(value)
        if match:
            yield match[1]


def _digest(folder: Path, name: str) -> str:
    """``path`` or ``path:function``; a folder or a pattern of files has no digest of its own."""
    for path in (folder / name, folder / name.rpartition(":")[0]):
        try:
            if path.is_file():
                return sha256_hex(read_limited(path, MAX_FILE, "file of the suite"))
        except (OSError, ValueError):
            return ""
    return ""
