"""Change one scalar of a YAML file that people wrote, and not one other byte.

The file is parsed (ruamel.yaml) only to find where the scalar stands; the text is then cut and joined
there. Afterwards it is parsed again and must differ from before in that value alone, or nothing is
written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from signalbox.errors import InputError

MAX_BYTES = 1 << 20
# Far beyond what people write; beyond them an alias or a bracket is there to keep a parser busy.
MAX_NESTING, MAX_SCALARS = 100, 200_000
_PLAIN_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@+")


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one file: the bytes before and after, and each place as (what, old, new)."""

    before: bytes
    after: bytes
    changes: tuple[tuple[str, str, str], ...]

    @property
    def changed(self) -> bool:
        """Whether a single byte differs."""
        return self.before != self.after


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """Where a scalar stands: character offsets in the text, its value, and its key's offset and name.

    ``odd`` is what stands before the value itself and an edit would lose: an anchor or a tag.
    """

    where: str
    start: int
    end: int
    value: str
    style: str
    odd: bool = False
    key: str = ""
    key_start: int = 0
    key_end: int = 0


class Document:
    """A YAML file, possibly of several documents, with its nodes and where they stand."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        if len(data) > MAX_BYTES:
            raise InputError(f"the file is larger than {MAX_BYTES} bytes", where=name)
        try:
            self.text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError("the file is not UTF-8", where=name, why=error.reason) from None
        self.data = data
        # ruamel.yaml counts offsets after a byte order mark.
        self.shift = 1 if self.text.startswith("\ufeff") else 0
        body = self.text[self.shift :]
        roots = _compose(body, name)
        self.slots: list[tuple[int, tuple[str, ...], Slot]] = []
        for number, root in enumerate(roots):
            for path, slot in _walk(root, (), name, body):
                self.slots.append((number, path, slot))
                if len(self.slots) > MAX_SCALARS:
                    raise InputError(f"the file holds more than {MAX_SCALARS} values", where=name)

    def walk(self) -> Iterator[tuple[int, tuple[str, ...], Slot]]:
        """Every scalar value: its document's number, its path, and where it stands; an alias's too."""
        return iter(self.slots)

    def field(self, number: int, *path: str) -> str:
        """A scalar of a document by its path, empty where there is none."""
        return next((s.value for n, p, s in self.slots if n == number and p == path), "")

    def after(self, slot: Slot) -> str:
        """The rest of the line on which a scalar ends: its comment, if it has one."""
        if slot.style in ("|", ">"):
            return ""  # ends where the next line begins
        return self.text[slot.end + self.shift :].partition("\n")[0]

    def replace(self, slots: Sequence[tuple[Slot, str]]) -> Edit:
        """Give each slot its new value, in its own quoting. InputError if more than that would change."""
        text, changes = self.text, []
        for slot, value in sorted(slots, key=lambda item: -item[0].start):
            if slot.value == value:
                continue
            check_plain(slot)
            start, end = slot.start + self.shift, slot.end + self.shift
            text = text[:start] + _written(value, slot.style, self.name) + text[end:]
            changes.append((slot.where, slot.value, value))
        edit = Edit(before=self.data, after=text.encode(), changes=tuple(reversed(changes)))
        self._check(edit, slots)
        return edit

    def _check(self, edit: Edit, slots: Sequence[tuple[Slot, str]]) -> None:
        wanted = {slot.where: value for slot, value in slots}
        old = [(n, p, wanted.get(s.where, s.value)) for n, p, s in self.walk()]
        try:
            new = [(n, p, s.value) for n, p, s in Document(edit.after, self.name).walk()]
        except InputError:
            new = []
        if old != new:
            raise InputError(
                "the edit would change more than it should, so the file is left as it is",
                where=self.name,
                fix="Write the value as a plain or quoted scalar of its own, without an anchor.",
            )


def check_plain(slot: Slot) -> None:
    """Raises InputError for a value whose edit would lose what stands before it, or has no place yet."""
    if slot.odd:
        raise InputError(
            "the value has an anchor or a tag, which an edit would lose",
            where=slot.where, fix="Write it as a plain or quoted scalar of its own.",
        )  # fmt: skip
    if slot.start == slot.end:
        raise InputError("the value is empty", where=slot.where, fix='Write `""` there once.')


def _compose(text: str, name: str) -> list[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    _check_nesting(text, name)
    try:
        return [root for root in YAML(typ="rt", pure=True).compose_all(text) if root is not None]
    except (YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise InputError("this is not YAML", where=where, why=str(getattr(error, "problem", error))) from None


def _check_nesting(text: str, name: str) -> None:
    """The parser's time grows with the square of the brackets that are open at once."""
    depth = 0
    for found in re.finditer(r"[\[\]{}]", text):
        depth = max(0, depth + (1 if found[0] in "[{" else -1))
        if depth > MAX_NESTING:
            line = text.count("\n", 0, found.start()) + 1
            raise InputError(f"more than {MAX_NESTING} brackets are open at once", where=f"{name}:{line}")


def _walk(
    node: Any, path: tuple[str, ...], name: str, text: str, key: Any = None
) -> Iterator[tuple[tuple[str, ...], Slot]]:
    if len(path) > MAX_NESTING:
        raise InputError(f"values are nested more than {MAX_NESTING} deep", where=name)
    if node.id == "scalar":
        start, style = node.start_mark.index, node.style or ""
        yield (
            path,
            Slot(
                where=f"{name}:{node.start_mark.line + 1} {'.'.join(path)}",
                start=start,
                end=node.end_mark.index,
                value=str(node.value),
                style=style,
                odd=text[start : start + 1] in ("&", "!"),
                key=str(key.value) if key is not None else "",
                key_start=key.start_mark.index if key is not None else 0,
                key_end=key.end_mark.index if key is not None else 0,
            ),
        )
    elif node.id == "sequence":
        for index, item in enumerate(node.value):
            yield from _walk(item, (*path, str(index)), name, text)
    elif node.id == "mapping":
        for inner, item in node.value:
            yield from _walk(item, (*path, str(getattr(inner, "value", "?"))), name, text, inner)


def _written(value: str, style: str, name: str) -> str:
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    if style == '"' or (not style and not set(value) <= _PLAIN_SAFE):
        if any(ord(c) < 32 or c in '"\\' for c in value):
            raise InputError("the new value holds characters that are not written here", where=name)
        return f'"{value}"'
    if style:
        raise InputError(
            "a block scalar is not edited", where=name, fix="Write the value on the key's own line."
        )
    # A plain 1.10 would be read as a number by others, and 1e3 or true as something else again.
    return value if _stays_text(value) else f'"{value}"'


def _stays_text(value: str) -> bool:
    import yaml

    try:
        return isinstance(yaml.safe_load(value), str) and yaml.safe_load(value) == value
    except yaml.YAMLError:
        return False
