"""A contract's Markdown as data: front matter, clauses under their headings, links, the record's fields."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from signalbox.files import read_limited

Kind = Literal["must", "must-not"]
MAX_BYTES = 1 << 20
_HEADINGS: dict[str, Kind] = {"Must": "must", "Must not": "must-not"}
_CLAUSE = re.compile(r"^- \*\*([a-z][a-z-]*)\*\*: (\S.*)$")
_FIELD = re.compile(r"^\| `([^`]+)` \|")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


class Unreadable(Exception):
    """This is no contract; the message says what is wrong with it."""


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """One clause as it is written."""

    id: str
    kind: Kind
    text: str


class FrontMatter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """When the contract applies, what goes in, what comes out, and where the work goes then."""

    phase: str
    use_when: str
    not_when: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    next: tuple[str, ...]
    back: tuple[str, ...]


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """One document. ``front`` is None for a shared one; ``rest`` is all text outside the clauses."""

    name: str
    front: FrontMatter | None
    sentences: tuple[Sentence, ...]
    fields: tuple[str, ...]
    links: tuple[str, ...]
    rest: str


def read_contract(name: str, text: str) -> Contract:
    """The contract in a Markdown text; ``Unreadable`` says what it lacks."""
    front, body = _front(name, text)
    sentences, fields, rest, heading = [], [], [], ""
    for line in body.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
        clause, field = _CLAUSE.match(line), _FIELD.match(line)
        if clause and heading in _HEADINGS:
            sentences.append(Sentence(id=clause[1], kind=_HEADINGS[heading], text=clause[2].strip()))
        elif heading in _HEADINGS and line.startswith("-") and line.strip() != "- none":
            raise Unreadable(f"{name}: not a clause of the form '- **id**: sentence': {line[:80]}")
        elif not line.startswith("#"):
            rest.append(line)
        if field and heading == "Record":
            fields.append(field[1])
    return Contract(
        name=name,
        front=front,
        sentences=tuple(sentences),
        fields=tuple(fields),
        links=tuple(_LINK.findall(body)),
        rest="\n".join(rest),
    )


def read_folder(folder: Path) -> tuple[dict[str, Contract], dict[str, str]]:
    """Contracts by name (``pull-work``, ``shared/transitions``), and every document's text by its path."""
    texts = {
        path.relative_to(folder).as_posix(): read_limited(path, MAX_BYTES, "contract").decode()
        for path in sorted(folder.rglob("*.md"))
    }
    return {
        name.removesuffix(".md"): read_contract(name.removesuffix(".md"), text)
        for name, text in texts.items()
    }, texts


def _front(name: str, text: str) -> tuple[FrontMatter | None, str]:
    if not text.startswith("---\n"):
        if name.startswith("shared/"):
            return None, text
        raise Unreadable(f"{name}: there is no front matter")
    head, closing, body = text[4:].partition("\n---\n")
    if not closing:
        raise Unreadable(f"{name}: the front matter has no end")
    try:
        plain: Any = yaml.safe_load(head)
        return msgspec.convert(plain, FrontMatter), body
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise Unreadable(f"{name}: {' '.join(str(error).split())[:200]}") from None
