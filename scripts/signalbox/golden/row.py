"""A case's row in promptfooconfig.yaml: behind the last one of its role, not one other byte changed."""

from __future__ import annotations

import re
from typing import Any

import yaml

from signalbox.errors import InputError
from signalbox.golden.record import Case

# The C loader, where there is one, reads a config of hundreds of cases in a tenth of the time.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _load(text: str) -> Any:
    return yaml.load(text, _LOADER)  # noqa: S506 (both are safe loaders)


# Line breaks to YAML and to Python, but not to the people who wrote the text: only quoted do they survive.
_BREAKS = frozenset("\x85\u2028\u2029")


class _Plain(yaml.SafeDumper):
    """Lists set in; no aliases; text with rare line breaks in double quotes."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    style = '"' if _BREAKS & set(data) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Plain.add_representer(str, _text)


def row_of(case: Case) -> dict[str, Any]:
    """The promptfoo test of a case."""
    given = case.given
    metadata = {"id": case.id, "role": case.role, "layer": given.layer}
    told: dict[str, Any] = {**metadata, "origin": case.key, "attested-by": case.by}
    if given.environment:
        told["environment"] = given.environment
    if given.critical:
        told["critical"] = True
    asserts: list[dict[str, str]] = [{"type": "llm-rubric", "value": given.rubric}]
    if given.decision:
        asserts.insert(0, {"type": "regex", "value": rf"Decision: {re.escape(given.decision)}\s*$"})
    return {"description": case.id, "metadata": told, "vars": dict(given.vars), "assert": asserts}


def answers_text(case: Case) -> str:
    """What transcripts/<role>.yaml gets: the recorded answers."""
    answers = {"good": case.given.good_output, "bad": case.given.bad_output}
    return yaml.dump({case.id: answers}, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=108)


def insert(text: str, row: dict[str, Any], *, where: str) -> str:
    """The config with the row behind the last one of its role (a new role's: at the end of ``tests``).

    ``InputError``: ``tests`` is no block list, the case is there already, or more than that would change.
    """
    before, items = _tests(text, where)
    name, role = row["metadata"]["id"], row["metadata"]["role"]
    metadata = [
        (test.get("metadata") or {}) if isinstance(test, dict) else {} for test in before.get("tests") or []
    ]
    if any(one.get("id") == name for one in metadata):
        raise InputError("this case is there already", where=where, why=name)
    mine = [number for number, one in enumerate(metadata) if one.get("role") == role]
    at = mine[-1] + 1 if mine else len(metadata)
    lines = text.splitlines(keepends=True)
    # The dash stands before the item, however many spaces lie between.
    first = items[0].start_mark
    column = lines[first.line].rfind("-", 0, first.column)
    end = _end(items, at, lines, column)
    newline = "\r\n" if "\r\n" in text else "\n"
    dumped = yaml.dump([row], Dumper=_Plain, sort_keys=False, allow_unicode=True, width=108 - column)
    # A top-level list is not set in, so the dash of the dump stands at column 0 or 2.
    added = [line[2:] if line.startswith("  ") else line for line in _set_in(dumped)]
    block = "".join((" " * column + line if line else "") + newline for line in added)
    if end and not lines[end - 1].endswith("\n"):
        block = newline + block
    after = "".join(lines[:end]) + block + "".join(lines[end:])
    _same_but_for(before, after, row, at, where)
    return after


def _set_in(dumped: str) -> list[str]:
    lines = dumped.splitlines()
    return lines if lines[0].startswith("  ") else ["  " + line for line in lines]


def _tests(text: str, where: str) -> tuple[dict[str, Any], list[Any]]:
    try:
        plain, root = _load(text), yaml.compose(text, _LOADER)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError("this is not YAML", where=where, why=" ".join(str(error).split())[:300]) from None
    nodes = {key.value: value for key, value in root.value} if isinstance(root, yaml.MappingNode) else {}
    tests = nodes.get("tests")
    if not isinstance(tests, yaml.SequenceNode) or tests.flow_style or not tests.value:
        raise InputError(
            "the config has no list of tests that a row can be added to",
            where=where,
            fix="Write tests: as a block list with at least one case in this file.",
        )
    return plain, tests.value


def _end(items: list[Any], at: int, lines: list[str], dash: int) -> int:
    """The line behind item ``at`` - 1; comments that introduce what follows stay with what follows."""
    end = len(lines)
    if at < len(items):
        end = items[at].start_mark.line
    else:
        for number in range(items[-1].start_mark.line + 1, len(lines)):
            line = lines[number].strip()
            if line and not line.startswith("#") and _depth(lines[number]) <= dash:
                end = number
                break
    while end > 0:
        line = lines[end - 1]
        if line.strip() and (_depth(line) > dash or not line.lstrip().startswith("#")):
            break
        end -= 1
    return end


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _same_but_for(before: dict[str, Any], after: str, row: dict[str, Any], at: int, where: str) -> None:
    try:
        found = _load(after)
    except yaml.YAMLError:
        found = None
    tests = list(before["tests"])
    if found != {**before, "tests": [*tests[:at], row, *tests[at:]]}:
        raise InputError(
            "the row would change more than it should, so the file is left as it is",
            where=where,
            fix="Write each test as a block mapping of its own.",
        )
