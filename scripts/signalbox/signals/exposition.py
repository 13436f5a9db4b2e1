"""Prometheus's text format, as services print it under ``/metrics``."""

from __future__ import annotations

import re
from collections.abc import Collection

from signalbox.signals.reading import Labels, Series

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|(?=\}))')
_VALUE = re.compile(r"[ \t]+([^\s#]+)(?:[ \t]+(-?[0-9.eE+]+))?[ \t]*(?:#.*)?$")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", '"': '"', "\\": "\\"}


class Malformed(ValueError):
    """The text is not the format; the message names the line."""


def parse(text: str, names: Collection[str] = ()) -> list[Series]:
    """The samples of ``text``, in order; only those called one of ``names`` if any are given.

    Follows the text format 0.0.4 and reads OpenMetrics' exemplars over. Raises ``Malformed`` for a line
    that is neither a comment nor a sample; lines with other names are not looked at closely, so that a
    page of ten thousand series costs little.
    """
    wanted = frozenset(names)
    found = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name = _NAME.match(line)
        if not name:
            raise Malformed(f"line {number} is neither a comment nor a sample")
        if wanted and name.group() not in wanted:
            continue
        found.append(_sample(line, name.group(), number))
    return found


def _sample(line: str, name: str, number: int) -> Series:
    labels, position = _labels(line, len(name), number)
    rest = _VALUE.match(line, position)
    if not rest:
        raise Malformed(f"line {number} has no value after the name")
    try:
        value = float(rest.group(1).replace("_", "?"))
    except ValueError:
        raise Malformed(f"line {number} has a value that is no number") from None
    return Series(name, labels, value)


def _labels(line: str, position: int, number: int) -> tuple[Labels, int]:
    if not line.startswith("{", position):
        return (), position
    position += 1
    pairs: dict[str, str] = {}
    while not re.match(r"\s*\}", line[position : position + 80]):
        pair = _LABEL.match(line, position)
        if not pair:
            raise Malformed(f"line {number} has labels that cannot be read")
        if pair.group(1) in pairs:
            raise Malformed(f"line {number} has the label {pair.group(1)} twice")
        pairs[pair.group(1)] = _ESCAPE.sub(lambda m: _ESCAPED.get(m.group(1), m.group()), pair.group(2))
        position = pair.end()
    return tuple(sorted(pairs.items())), line.index("}", position) + 1
