"""promptfoo's results JSON as it is on the wire: only the fields that are used.

What is not named here is skipped while decoding, so that thousands of rows, each with the judge's whole
prompt in it, stay small in memory.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """promptfoo writes camelCase; a type that does not fit makes the file unreadable."""


class Usage(Wire, frozen=True):
    """Tokens and requests of a row; the judge's are under ``assertions``."""

    total: float | None = None
    num_requests: int | None = None
    assertions: Usage | None = None


class Grading(Wire, frozen=True):
    """``grader_error``: the judge gave no verdict, whatever ``pass`` says."""

    grader_error: bool | None = None


class Component(Wire, frozen=True):
    """One assertion's result, or a set of them."""

    # "pass" is a word of Python's; without it there is no verdict at all.
    passed: bool | None = msgspec.field(name="pass", default=None)
    score: float | None = None
    reason: Any = None
    assertion: dict[str, Any] | None = None
    metadata: Grading | None = None
    component_results: list[Component] | None = None


class Test(Wire, frozen=True):
    """The case as promptfoo resolved it, defaults merged in."""

    metadata: dict[str, Any] | None = None
    vars: dict[str, Any] | None = None
    asserts: list[Any] | None = msgspec.field(name="assert", default=None)
    options: dict[str, Any] | None = None
    threshold: float | None = None
    provider_output: Any = None


class Response(Wire, frozen=True):
    """What the target answered; ``cached`` marks a replay."""

    output: Any = None
    error: Any = None
    cached: bool | None = None


class ResultRow(Wire, frozen=True):
    """One draw of one case."""

    success: bool
    failure_reason: int | None = None
    error: Any = None
    cost: float | None = None
    test_idx: int = 0
    prompt_idx: int = 0
    prompt_id: str | None = None
    latency_ms: float | None = None
    provider: Any = None
    response: Response | None = None
    test_case: Test | None = None
    grading_result: Component | None = None
    token_usage: Usage | None = None


ROWS = msgspec.json.Decoder(ResultRow)


class Stats(Wire, frozen=True):
    """The file's own counts."""

    successes: int = 0
    failures: int = 0
    errors: int = 0
    duration_ms: float | None = None


class Results(Wire, frozen=True):
    """All rows, and when they were made."""

    # Decoded one by one: a row carries the judge's whole prompt, and only its verdict is kept.
    results: list[msgspec.Raw]
    version: int = 0
    timestamp: str | None = None
    stats: Stats | None = None


class Config(Wire, frozen=True):
    """What the config said about itself."""

    description: str | None = None
    tags: dict[str, Any] | None = None
    env: dict[str, Any] | None = None
    extensions: Any = None


class Document(Wire, frozen=True):
    """The whole file."""

    results: Results
    config: msgspec.Raw = msgspec.Raw()
    metadata: dict[str, Any] | None = None
    runtime_options: dict[str, Any] | None = None
