"""What a pull request makes of the file that promotes: which digest or version it moves to, and what
else. Pure.

Only the values that change count. A digest in a comment, a title or a body proves nothing; a change beside
the digest (another repository, a wider range, another marker of Flux) promotes more than what was tested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
import yaml

Match = Literal["not-a-promotion", "this-digest", "another-digest"]
MOST_LEAVES = 20_000
SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_EXACT = re.compile(r"=?v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]{1,100})?)")
_MARKER = re.compile(r"#\s*(\{\s*\"\$imagepolicy\".*?)\s*$", re.MULTILINE)
_TAGS = frozenset({"range", "tag", "newTag"})
_Place = tuple[str, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """``digests`` and exact ``versions`` that the file is moved to; ``odd`` says what else it does."""

    digests: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    odd: str = ""

    @property
    def nothing(self) -> bool:
        """Whether the file still says what it said."""
        return not (self.digests or self.versions or self.odd)


def change(before: str | None, after: str | None) -> Change:
    """What a file's text becomes; None: there is none on that side, or it could not be read."""
    if before is None or after is None:
        return Change(odd="the file cannot be read on both sides")
    try:
        old, new = _leaves(before), _leaves(after)
    except ValueError as error:
        return Change(odd=str(error))
    digests: set[str] = set()
    versions: set[str] = set()
    for place in sorted({*old, *new}):
        if old.get(place) == new.get(place):
            continue
        if place not in new:
            return Change(odd=f"{'.'.join(place)} is taken away")
        if not _moved(place, old.get(place, ""), new, digests, versions):
            return Change(odd=f"{'.'.join(place)} changes to what names no one digest or version")
    if _MARKER.findall(before) != _MARKER.findall(after):
        return Change(odd="a marker of Flux changes")
    return Change(digests=frozenset(digests), versions=frozenset(versions))


def match(found: Change, digest: str, resolved: Mapping[str, frozenset[str]]) -> Match:
    """What this change is to ``digest``; ``resolved``: version → the digests that its tags have."""
    if found.nothing:
        return "not-a-promotion"
    named = target(found, resolved)
    return "this-digest" if named and named == digest else "another-digest"


def target(found: Change, resolved: Mapping[str, frozenset[str]]) -> str:
    """The one digest that a change moves to, empty where it is not exactly one."""
    if found.odd:
        return ""
    sets = [frozenset({digest}) for digest in found.digests]
    sets += [resolved.get(version, frozenset()) for version in found.versions]
    named = {digest for one in sets for digest in one}
    return named.pop() if len(named) == 1 and all(sets) else ""


def _moved(place: _Place, old: str, new: Mapping[_Place, str], digests: set[str], versions: set[str]) -> bool:
    """Take one changed value as a move to a digest or a version; False where it is neither."""
    value = new[place]
    written = set(SHA256.findall(value))
    if written:
        digests |= written
        return place[-1] in ("image", "digest") and len(written) == 1
    if place[-1] in _TAGS:
        if SHA256.search(new.get((*place[:-1], "digest"), "")):
            return True  # the digest beside it is what is pulled
        exact = _EXACT.fullmatch(value.strip())
        if exact:
            versions.add(exact[1])
        return exact is not None
    if place[-1] == "image":
        name, colon, tag = value.rpartition(":")
        exact = _EXACT.fullmatch(tag)
        if colon and exact and name == old.rpartition(":")[0]:
            versions.add(exact[1])
            return True
    return False


def _leaves(text: str) -> dict[_Place, str]:
    """Every plain value of a YAML text by its place; ``ValueError`` where readers could differ."""
    found: dict[_Place, str] = {}
    try:
        documents: list[Any] = list(yaml.compose_all(text, yaml.BaseLoader))
        for number, document in enumerate(documents):
            for place, value in _walk(document, (str(number),), 0):
                if place in found:
                    raise ValueError(f"{'.'.join(place[1:])} stands there twice")
                if len(found) >= MOST_LEAVES:
                    raise ValueError("the file holds too much")
                found[place] = value
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"the file is not YAML: {' '.join(str(error).split())[:120]}") from None
    return found


def _walk(node: Any, place: _Place, depth: int) -> Iterator[tuple[_Place, str]]:
    if depth > 60:
        raise ValueError("the file is nested too deeply")
    if isinstance(node, yaml.ScalarNode):
        yield place, str(node.value)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _walk(item, (*place, str(number)), depth + 1)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                raise ValueError("the file has keys that are no plain names")
            yield from _walk(value, (*place, str(key.value)), depth + 1)
