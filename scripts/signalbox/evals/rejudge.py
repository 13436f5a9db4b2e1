"""The tests that show the judge outputs whose verdict is known: anchors, and stored outputs of the baseline.

They are promptfoo tests with ``providerOutput``, so the target is never called for them.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from signalbox.errors import InputError
from signalbox.evals.baseline import Baseline


def decode_anchors(data: bytes, *, where: str) -> list[dict[str, Any]]:
    """The anchors of a YAML or JSON list of promptfoo tests.

    Each has ``providerOutput``, its own ``assert`` and ``metadata`` with a unique ``id`` and ``anchor: good``
    or ``anchor: bad``. ``InputError`` names the first that has not.
    """
    try:
        found = yaml.safe_load(data.decode())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("the anchors cannot be read", where=where, why=str(error)[:300]) from None
    if not isinstance(found, list) or not found:
        raise InputError("the anchors are not a list of tests", where=where, fix="See docs/evals.md.")
    seen: set[str] = set()
    for number, anchor in enumerate(found):
        told = anchor.get("metadata") if isinstance(anchor, dict) else None
        metadata = told if isinstance(told, dict) else {}
        name = metadata.get("id")
        what = ""
        if not isinstance(name, str) or not name or name in seen:
            what = "needs a metadata.id of its own"
        elif metadata.get("anchor") not in ("good", "bad"):
            what = "needs metadata.anchor: good or bad"
        elif not isinstance(anchor.get("providerOutput"), str) or not anchor["providerOutput"].strip():
            what = "needs the recorded output as providerOutput"
        elif not isinstance(anchor.get("assert"), list) or not anchor["assert"]:
            what = "needs the assertions that judge it"
        if what:
            raise InputError(f"anchor {number + 1} {what}", where=where, fix="See docs/evals.md.")
        seen.add(str(name))
    return found


def names_of(anchors: list[dict[str, Any]]) -> list[str]:
    """Their ids."""
    return [anchor["metadata"]["id"] for anchor in anchors]


def stored_name(number: int, case: str) -> str:
    """What a stored output is called when the judge sees it again."""
    return f"stored-{number}-{case}"


def rejudge_tests(anchors: list[dict[str, Any]], baseline: Baseline | None, most: int) -> bytes:
    """The tests as the JSON that ``promptfoo eval --tests`` takes."""
    tests = [dict(anchor) for anchor in anchors]
    for number, stored in enumerate(baseline.outputs[:most] if baseline else ()):
        name = stored_name(number, stored.case)
        tests.append(
            {
                "description": name,
                "metadata": {"id": name, "role": stored.role, "anchor": "stored", "was": stored.passed},
                "providerOutput": stored.output,
                "vars": stored.variables,
                "assert": stored.asserts,
                "options": {"disableDefaultAsserts": True},
            }
        )
    return msgspec.json.encode(tests)
