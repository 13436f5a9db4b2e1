"""The closed grammar of conditions in policy: parsed, never evaluated as code.

    condition := term { "or" term }      term := factor { "and" factor }
    factor    := "not" factor | "(" condition ")" | "flags" | NAME OP WORD | "paths" "~" "'glob'"

NAME is tier, trust, severity, classification or risk; OP is ==, !=, <, <=, > or >=. What is not known makes
a condition unknown, and whoever asks must then take the stricter side.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

from signalbox.config.globs import pattern

ORDERS: Mapping[str, tuple[str, ...]] = {
    "tier": ("1", "2", "3", "4"),
    "trust": ("0", "1", "2", "3"),
    "severity": ("none", "low", "medium", "high", "critical"),
    "classification": ("Public", "Internal", "Confidential", "Restricted"),
    "risk": ("low", "medium", "high"),
}
LONGEST = 500
_DEEPEST = 20
_TOKEN = re.compile(r"\s*(?:([A-Za-z]+|\d+)|(==|!=|<=|>=|<|>|~|\(|\))|'([^']*)'|\"([^\"]*)\")")
_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "==": int.__eq__,
    "!=": int.__ne__,
    "<": int.__lt__,
    "<=": int.__le__,
    ">": int.__gt__,
    ">=": int.__ge__,
}

Node = tuple[Any, ...]
"""("or" | "and", left, right), ("not", node), ("flags",), ("paths", glob) or (operator, name, word)."""


def parse(text: str) -> Node:
    """The condition as a tree. ``ValueError`` says what does not belong there."""
    if len(text) > LONGEST:
        raise ValueError(f"a condition has at most {LONGEST} characters")
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise ValueError(f"{text[at:].strip()[:40]!r} does not belong in a condition")
        word, sign, *quoted = found.groups()
        tokens.append(word or sign or next(f"'{q}" for q in quoted if q is not None))
        at = found.end()
    node, rest = _either(tokens, 0)
    if rest:
        raise ValueError(f"{rest[0]!r} stands where the condition should end")
    return node


def _either(tokens: list[str], depth: int) -> tuple[Node, list[str]]:
    return _chain(tokens, "or", lambda rest: _chain(rest, "and", lambda more: _factor(more, depth)))


def _chain(
    tokens: list[str], word: str, below: Callable[[list[str]], tuple[Node, list[str]]]
) -> tuple[Node, list[str]]:
    node, rest = below(tokens)
    while rest[:1] == [word]:
        right, rest = below(rest[1:])
        node = (word, node, right)
    return node, rest


def _factor(tokens: list[str], depth: int) -> tuple[Node, list[str]]:
    if depth > _DEEPEST:
        raise ValueError("the condition is nested too deep")
    match tokens:
        case ["not", *rest]:
            node, rest = _factor(rest, depth + 1)
            return ("not", node), rest
        case ["(", *rest]:
            node, rest = _either(rest, depth + 1)
            if rest[:1] != [")"]:
                raise ValueError("a bracket is not closed")
            return node, rest[1:]
        case ["flags", *rest]:
            return ("flags",), rest
        case ["paths", "~", glob, *rest] if glob.startswith("'") and len(glob) > 1:
            return ("paths", glob[1:]), rest
        case [name, sign, word, *rest] if name in ORDERS and sign in _COMPARE:
            if word not in ORDERS[name]:
                raise ValueError(f"{name} is one of {', '.join(ORDERS[name])}, not {word!r}")
            return (sign, name, word), rest
    what = " ".join(tokens[:3]) or "nothing"
    raise ValueError(f"{what!r} is no comparison; known: {', '.join(ORDERS)}, flags, paths ~ 'glob'")


def evaluate(node: Node, facts: Mapping[str, Any]) -> bool | None:
    """Whether the condition holds; ``None`` when that depends on something that is not known.

    ``facts``: the names of ``ORDERS`` → one of their words or None; ``flags`` → bool or None; ``paths`` → a
    list of changed paths or None.
    """
    match node:
        case ("not", below):
            held = evaluate(below, facts)
            return None if held is None else not held
        case ("and" | "or" as word, left, right):
            sides = evaluate(left, facts), evaluate(right, facts)
            decided: bool = word == "or"
            if decided in sides:
                return decided
            return None if None in sides else not decided
        case ("flags",):
            flag = facts.get("flags")
            return flag if isinstance(flag, bool) else None
        case ("paths", glob):
            paths = facts.get("paths")
            return None if paths is None else any(pattern(glob).fullmatch(path) for path in paths)
    sign, name, word = node
    value = facts.get(name)
    order = ORDERS[name]
    if value is None or str(value) not in order:
        return None
    compare: Callable[[int, int], bool] = _COMPARE[sign]
    return compare(order.index(str(value)), order.index(word))


def atoms(node: Node) -> set[Node]:
    """Every comparison in the tree."""
    if node[0] in ("and", "or"):
        return atoms(node[1]) | atoms(node[2])
    return atoms(node[1]) if node[0] == "not" else {node}


def outcomes(node: Node) -> set[bool]:
    """What the condition can come out as, over every combination of what it asks about.

    ``{True}``: it always holds; ``{False}``: it never does. Paths and flags count as free.
    """
    found = atoms(node)
    names = sorted({atom[1] for atom in found if atom[0] in _COMPARE})
    free = sorted(atom for atom in found if atom[0] not in _COMPARE)
    if len(free) > 8:
        return {True, False}
    results = set()
    for values in itertools.product(*(ORDERS[name] for name in names)):
        facts = dict(zip(names, values, strict=True))
        for bits in itertools.product((False, True), repeat=len(free)):
            results.add(_free(node, facts, dict(zip(free, bits, strict=True))))
    return results


def _free(node: Node, facts: Mapping[str, Any], free: Mapping[Node, bool]) -> bool:
    if node in free:
        return free[node]
    if node[0] == "not":
        return not _free(node[1], facts, free)
    if node[0] in ("and", "or"):
        sides = _free(node[1], facts, free), _free(node[2], facts, free)
        return any(sides) if node[0] == "or" else all(sides)
    return bool(evaluate(node, facts))
