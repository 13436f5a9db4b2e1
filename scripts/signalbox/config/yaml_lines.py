"""Safe YAML with the line of every key, so that an error can point at what a person typed."""

from __future__ import annotations

import math
from typing import Any

import yaml

from signalbox.errors import InputError

MAX_BYTES = 256 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 32
"""Deeper than any settings go; PyYAML takes seconds over a few kilobytes of open brackets."""

_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it: ten times faster over a policy with tables of its own."""

Lines = dict[tuple[str | int, ...], int]
"""Path of keys and indexes → 1-based line."""


def load_with_lines(data: bytes, where: str) -> tuple[Any, Lines]:
    """Parse ``data`` with the safe loader; return the plain value and the line of every place.

    Refused with the line: anything that is not UTF-8, more than one document, a key written twice
    (YAML would let the last one win in silence), anchors and aliases (a small file can expand to a
    huge one), half characters, more than 256 KiB, 20,000 entries or 32 levels.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"the file is larger than {MAX_BYTES} bytes", where=where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError("the file is not UTF-8", where=f"{where}:{line}") from None
    try:
        try:
            node = _compose(text, where, _LOADER)
        except yaml.YAMLError:
            # Asked again, so that what is said of a mistake does not depend on how PyYAML was built.
            node = _compose(text, where, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(
            "this is not YAML",
            where=f"{where}:{line}",
            why=f"{error.context or ''} {error.problem or ''}".strip(),
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError("this is not YAML", where=where, why=str(error).splitlines()[0]) from None
    lines: Lines = {(): 1}
    return (None if node is None else _plain(node, (), lines, where)), lines


def _compose(text: str, where: str, loader: Any) -> yaml.Node | None:
    _refuse_what_expands(text, where, loader)
    node: yaml.Node | None = yaml.compose(text, Loader=loader)
    return node


def _refuse_what_expands(text: str, where: str, loader: Any) -> None:
    depth = 0
    for index, event in enumerate(yaml.parse(text, Loader=loader)):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InputError("anchors and aliases are not allowed here", where=f"{where}:{line}")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise InputError("the file is nested too deep", where=f"{where}:{line}")
        if index > MAX_NODES:
            raise InputError("the file has too many entries", where=f"{where}:{line}")


def _plain(node: yaml.Node, path: tuple[str | int, ...], lines: Lines, where: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.CollectionNode) and node.tag not in _PLAIN_TAGS:
        where_it_is = f"{where}:{node.start_mark.line + 1}"
        raise InputError("this value cannot be read", where=where_it_is, why=f"unknown tag {node.tag}")
    if isinstance(node, yaml.MappingNode):
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = _scalar(key_node, where)
            if not isinstance(key, str):
                raise InputError(
                    f"the key {key!r} is not text",
                    where=f"{where}:{line}",
                    fix=f'Write it in quotes: "{key_node.value}".',
                )
            if key in mapping:
                raise InputError(f"the key {key!r} is written twice", where=f"{where}:{line}")
            lines[(*path, key)] = line
            mapping[key] = _plain(value_node, (*path, key), lines, where)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), lines, where) for index, item in enumerate(node.value)]
    return _scalar(node, where)


def _scalar(node: yaml.Node, where: str) -> Any:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.ScalarNode):
        raise InputError("a key must be plain text", where=f"{where}:{line}")
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(
            "this value cannot be read", where=f"{where}:{line}", why=str(error).splitlines()[0]
        ) from None
    # Neither can stand in a record, and a record names its settings: better refused here, with the line.
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError("this value is not a finite number", where=f"{where}:{line}")
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" or c == "\0" for c in value):
        raise InputError("this text has half a character or a NUL in it", where=f"{where}:{line}")
    return value
