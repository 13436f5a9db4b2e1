"""Which behaviour answers which request.

A script is JSON::

    {"models": ["stand-in"],                      names that /v1/models lists
     "key": "secret",                             refuse requests without this bearer key (optional)
     "structured": true,                          false: answer 400 to any response_format
     "rules": [{"when": {"contains": "refund", "model": "judge", "role": "system", "schema": "advice",
                         "matches": "order [0-9]+", "turn": 3},
                "times": 2,                       then the next rule that matches answers
                "do": "say", "text": "No."}],
     "default": {"do": "answer"}}

All conditions of a rule must hold; the first matching rule with times left answers. `contains` and
`matches` look at the text of all messages, or of those with `role`. `turn` is the number of messages.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_RULE_KEYS = {"when", "times", "do"}
_CONDITIONS = {"contains", "matches", "model", "role", "schema", "turn"}


class ScriptError(ValueError):
    """The script cannot be followed; the message says which rule and why."""


class Script:
    """The rules and how often each has answered. Safe for many threads."""

    def __init__(self, plain: Mapping[str, Any] | None = None) -> None:
        plain = {} if plain is None else dict(plain)
        unknown = set(plain) - {"models", "key", "structured", "rules", "default"}
        if unknown:
            raise ScriptError(f"unknown keys in the script: {', '.join(sorted(unknown))}")
        self.models: list[str] = plain.get("models", ["stand-in"])
        self.key: str = plain.get("key", "")
        self.structured: bool = plain.get("structured", True)
        self.rules: list[dict[str, Any]] = list(plain.get("rules", []))
        self.default: dict[str, Any] = plain.get("default", {"do": "answer"})
        for number, rule in enumerate([*self.rules, self.default]):
            _check(rule, f"rule {number}" if number < len(self.rules) else "the default")
        self._used = [0] * len(self.rules)
        self._lock = threading.Lock()

    @classmethod
    def read(cls, path: Path) -> Script:
        """The script in a file."""
        return cls(json.loads(path.read_text("utf-8")))

    def choose(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The behaviour for a request: the rule's own keys, without its conditions."""
        with self._lock:
            for index, rule in enumerate(self.rules):
                if self._used[index] < rule.get("times", float("inf")) and _holds(rule.get("when", {}), body):
                    self._used[index] += 1
                    return {key: value for key, value in rule.items() if key not in ("when", "times")}
        return dict(self.default)


def text_of(body: Mapping[str, Any], role: str = "") -> str:
    """The text of all messages of a request, or of one role."""
    parts = []
    for message in body.get("messages", []):
        if role and message.get("role") != role:
            continue
        content = message.get("content")
        if isinstance(content, list):
            parts += [str(part.get("text", "")) for part in content]
        else:
            parts.append(str(content or ""))
    return "\n".join(parts)


def _check(rule: Mapping[str, Any], where: str) -> None:
    from .behaviours import BEHAVIOURS

    if rule.get("do") not in BEHAVIOURS:
        raise ScriptError(f"{where}: 'do' is {rule.get('do')!r}; known: {', '.join(sorted(BEHAVIOURS))}")
    unknown = set(rule.get("when", {})) - _CONDITIONS
    if unknown:
        raise ScriptError(f"{where}: unknown conditions: {', '.join(sorted(unknown))}")
    if "then" in rule:
        _check(rule["then"], f"{where}, then")


def _holds(when: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    text = text_of(body, when.get("role", ""))
    schema = ((body.get("response_format") or {}).get("json_schema") or {}).get("name")
    return (
        when.get("contains", "") in text
        and ("matches" not in when or re.search(when["matches"], text) is not None)
        and ("model" not in when or when["model"] == body.get("model"))
        and ("schema" not in when or when["schema"] == schema)
        and ("turn" not in when or when["turn"] == len(body.get("messages", [])))
    )
