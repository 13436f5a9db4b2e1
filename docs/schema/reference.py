"""What each key of the policy means, taken from the strings below the fields of the types that read it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

CONFIG = Path(__file__).resolve().parents[2] / "scripts" / "signalbox" / "config"
HEAD = """# The policy file

`.github/signalbox.yml`, read strictly: an unknown key is refused, with its line. An empty file works.
An editor that knows JSON Schema completes and checks it with [its schema](schema/signalbox.schema.json):

```yaml
# yaml-language-server: $schema=https://raw.githubusercontent.com/OWNER/signalbox/v1/docs/schema/signalbox.schema.json
mode: observe
```

Written by `make schema` from the types that read it.
"""
_LONG = 60


def meanings() -> dict[tuple[str, str], str]:
    """(type, key) → what is written below the field, in one line of plain text."""
    found = {}
    for path in sorted(CONFIG.glob("*.py")):
        for kind in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(kind, ast.ClassDef):
                for name, text in _fields(kind):
                    found[kind.name, name.rstrip("_").replace("_", "-")] = text
    return found


def _fields(kind: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(kind.body, kind.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            yield field.target.id, re.sub(r"\s+", " ", str(below.value.value)).strip().replace("``", "`")


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with each key's meaning as its ``description``; editors show it."""
    known = meanings()
    for name, kind in schema.get("$defs", {}).items():
        for key, about in kind.get("properties", {}).items():
            text = known.get((name, key.replace("_", "-")))
            if text:
                # Beside a $ref other words count too, since the 2019 draft.
                about["description"] = text
    return schema


def policy_page(schema: Mapping[str, Any]) -> str:
    """The policy reference as Markdown: a table for each section, and for each type below it."""
    kinds: dict[str, Any] = schema["$defs"]
    root = kinds["Settings"]["properties"]
    parts = [HEAD, _table(kinds["Settings"])]
    told = {"Settings"}
    for section, about in root.items():
        waiting = _below(about)
        title = f"\n## {section}\n"
        while waiting:
            name = waiting.pop(0)
            if name in told or name not in kinds:
                continue
            told.add(name)
            kind = kinds[name]
            parts += [
                title or f"\n### {section}: {name}\n",
                _text(kind.get("description", "")),
                "",
                _table(kind),
            ]
            title = ""
            waiting += _below(kind)
    return "\n".join(parts)


def _below(node: Any) -> list[str]:
    """Names of the types that a piece of a schema refers to, in order."""
    return list(dict.fromkeys(re.findall(r'"#/\$defs/(\w+)"', json.dumps(node))))


def _table(kind: Mapping[str, Any]) -> str:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for key, about in kind["properties"].items():
        rows.append(f"| `{key}` | {_default(about)} | {_text(about.get('description', ''))} |")
    return "\n".join(rows) + "\n"


def _default(about: Mapping[str, Any]) -> str:
    if "default" not in about:
        return ""
    value = about["default"]
    if "$ref" in about:
        return ""  # a section or a part of one, with a table of its own
    if isinstance(value, tuple):
        value = list(value)
    if value in ("", None, [], {}):
        return ""
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(shown) > _LONG:
        return f"{len(value)} entries" if isinstance(value, (list, dict)) else "see the schema"
    return "`" + shown.replace("|", "\\|") + "`"


def _text(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("``", "`").replace("|", "\\|")
