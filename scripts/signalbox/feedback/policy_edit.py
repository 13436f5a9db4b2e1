"""Set one value in a policy file that people wrote, and nothing else: comments and order stay.

The text is edited by lines, and then the file is read as a policy before and after: unless the two differ in
that one value alone, nothing is written.
"""

from __future__ import annotations

import json
import re

import msgspec

from signalbox.config import Settings
from signalbox.config.load import parse
from signalbox.errors import InputError


def set_policy(data: bytes, section: str, key: str, value: float | str | None, *, name: str) -> bytes:
    """The file with ``section: {key: value}``; names as they stand in the file (kebab case).

    Raises InputError where the section is written in a way that cannot be edited line by line.
    """
    before = parse(data, name)
    text = data.decode("utf-8")
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    shown = "null" if value is None else json.dumps(value)
    head = next((i for i, line in enumerate(lines) if re.match(rf"{re.escape(section)}\s*:", line)), None)
    if head is None:
        lines += [*([""] if lines and lines[-1].strip() else []), f"{section}:", f"  {key}: {shown}"]
    elif re.fullmatch(rf"{re.escape(section)}\s*:\s*(#.*)?", lines[head]):
        _in_section(lines, head, key, shown)
    else:
        raise _refused(section, key, shown, name)
    after = ending.join(lines) + ending
    wanted = _with(before, section, key, value)
    try:
        read = parse(after.encode(), name)
    except InputError:
        read = None
    if read != wanted:
        raise _refused(section, key, shown, name)
    return after.encode()


def _in_section(lines: list[str], head: int, key: str, shown: str) -> None:
    end = head + 1
    while end < len(lines) and (not lines[end].strip() or lines[end][0] in " \t#"):
        end += 1
    body = [i for i in range(head + 1, end) if lines[i].strip() and not lines[i].lstrip().startswith("#")]
    indent = re.match(r"\s*", lines[body[0]])[0] if body else "  "  # type: ignore[index]
    for i in body:
        found = re.fullmatch(
            rf"({re.escape(indent)}{re.escape(key)}\s*:)\s*([^#\s]\S*|)(\s+#.*|\s*)", lines[i]
        )
        if found:
            lines[i] = f"{found[1]} {shown}{found[3].rstrip()}"
            return
    lines.insert(head + 1, f"{indent}{key}: {shown}")


def _with(settings: Settings, section: str, key: str, value: float | str | None) -> Settings:
    field = section.replace("-", "_")
    inner = msgspec.structs.replace(getattr(settings, field), **{key.replace("-", "_"): value})
    return msgspec.structs.replace(settings, **{field: inner})


def _refused(section: str, key: str, shown: str, name: str) -> InputError:
    return InputError(
        "the policy file is not edited by itself, because more than one value would change",
        where=name,
        fix=f"Set `{key}: {shown}` under `{section}:` by hand.",
    )
