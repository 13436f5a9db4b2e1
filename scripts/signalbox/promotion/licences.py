"""Licences against policy: SPDX expressions, of which ``OR`` offers a choice and ``AND`` asks for both."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

ALLOWED, OTHER, DENIED = 0, 1, 2
_TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z0-9.+:-]+)")


def judge(expression: str, allow: Sequence[str], deny: Sequence[str]) -> int:
    """``ALLOWED``, ``OTHER`` (neither list names it, or it is no expression) or ``DENIED``.

    Patterns are globs and know no case; with an empty ``allow`` whatever is not denied is allowed. A licence
    with an exception (``A WITH B``) is looked up as a whole first, then as the licence alone.
    """
    tokens = _tokens(expression)
    if not tokens:
        return OTHER

    def one(name: str) -> int:
        for candidate in (name, name.partition(" with ")[0]):
            if _listed(candidate, deny):
                return DENIED
            if _listed(candidate, allow):
                return ALLOWED
        return OTHER if allow or name in ("noassertion", "none") else ALLOWED

    value, rest = _any(tokens, one, 0)
    return OTHER if rest or value is None else value


def _listed(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or len(found) > 500:
            return []
        found.append(match[1].lower())
        at = match.end()
    return found


Value = tuple[int | None, list[str]]


def _any(tokens: list[str], one: Callable[[str], int], depth: int) -> Value:
    value, rest = _all(tokens, one, depth)
    while value is not None and rest[:1] == ["or"]:
        other, rest = _all(rest[1:], one, depth)
        value = None if other is None else min(value, other)
    return value, rest


def _all(tokens: list[str], one: Callable[[str], int], depth: int) -> Value:
    value, rest = _atom(tokens, one, depth)
    while value is not None and rest[:1] == ["and"]:
        other, rest = _atom(rest[1:], one, depth)
        value = None if other is None else max(value, other)
    return value, rest


def _atom(tokens: list[str], one: Callable[[str], int], depth: int) -> Value:
    if not tokens or tokens[0] in (")", "or", "and", "with") or depth > 50:
        return None, tokens
    if tokens[0] == "(":
        value, rest = _any(tokens[1:], one, depth + 1)
        return (value, rest[1:]) if rest[:1] == [")"] else (None, rest)
    if tokens[1:2] == ["with"] and len(tokens) > 2 and tokens[2] not in ("(", ")"):
        return one(f"{tokens[0]} with {tokens[2]}"), tokens[3:]
    return one(tokens[0]), tokens[1:]


def sort_out(
    licences: Mapping[str, int], allow: Sequence[str], deny: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The licence texts that are denied, and those that neither list names."""
    judged = {text: judge(text, allow, deny) for text in sorted(licences)}
    return (
        [text for text, value in judged.items() if value == DENIED],
        [text for text, value in judged.items() if value == OTHER],
    )
