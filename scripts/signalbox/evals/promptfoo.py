"""promptfoo's results JSON → rows, with everything that only looks like a verdict named.

What promptfoo writes has to be read with care: a judge that is down is an ordinary failure with ``errors: 0``
(only ``graderError`` tells); a judge whose JSON lacks ``pass`` *passes*; a case without assertions passes; a
replayed answer is marked only by ``response.cached``; ``--repeat`` multiplies rows without saying which
repeat a row is, so that ``metadata.id`` is the only name of a case.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from signalbox.decision import Gap, digest_of
from signalbox.evals.model import Anchor, Row, Session, Spent, Unreadable, text_of
from signalbox.evals.promptfoo_wire import (
    ROWS,
    Component,
    Config,
    Document,
    Response,
    ResultRow,
    Stats,
    Test,
    Usage,
)
from signalbox.evals.setup import files_of, scrubbed, setup_of

_ERROR = 2  # promptfoo's ResultFailureReason.ERROR: no answer was had
_DEFAULT_FAILED_EXIT = "100"
_TIMED_OUT = ("timed out", "timeout", "etimedout", "aborterror")
# promptfoo's own words where the judge gave no reason; with "pass" missing too it counts as passed.
_NO_REASON = ("Grading passed", "No reason provided")
_MODEL_GRADED = frozenset(
    {"llm-rubric", "agent-rubric", "search-rubric", "g-eval", "factuality", "answer-relevance", "select-best"}
    | {"model-graded-closedqa", "model-graded-factuality", "conversation-relevance", "context-recall"}
    | {"context-relevance", "context-faithfulness", "trajectory:goal-success", "pi"}
)


def read(data: bytes, *, urls: frozenset[str] = frozenset(), folder: Path | None = None) -> Session:
    """The session in a results file; ``Unreadable`` for what is truncated or no results file.

    ``urls``: the endpoints that the caller names, the one part of a config that may differ between runs.
    ``folder``: where the config lies that was run here, so that the files it names can be read.
    """
    shared: dict[str, Row] = {}
    rows, told, spent = [], Counter[str](), Spent()
    try:
        document = msgspec.json.decode(data, type=Document)
        whole = msgspec.json.decode(document.config) if document.config else {}
        config = msgspec.convert(whole, Config) if whole is not None else Config()
        scorers = _scorers(whole)
        for raw in document.results.results:
            one = ROWS.decode(raw)
            rows.append(_shared(_row(one, urls, scorers), shared))
            told["passed" if one.success else "errors" if one.failure_reason == _ERROR else "failed"] += 1
            spent = spent.plus(_spent(one))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("unreadable-results", f"this is not promptfoo's results JSON: {error}") from None
    results = document.results
    options = document.runtime_options or {}
    repeat = options.get("repeat")
    version = (document.metadata or {}).get("promptfooVersion", "")
    seconds = (results.stats.duration_ms or 0) / 1000 if results.stats else 0.0
    return Session(
        format="promptfoo",
        suite=(config.description or "").strip(),
        made_at=results.timestamp,
        producer=f"promptfoo {version}".strip(),
        repeat=repeat if isinstance(repeat, int) and not isinstance(repeat, bool) else None,
        digest=text_of((config.tags or {}).get("digest")),
        setup=setup_of(whole or {}, urls),
        files=files_of(whole or {}, folder) if folder is not None else None,
        rows=tuple(rows),
        gaps=tuple(_session_gaps(results.stats, told, config)),
        spent=msgspec.structs.replace(spent, seconds=seconds),
    )


def _shared(row: Row, seen: dict[str, Row]) -> Row:
    """``row`` with the questions and assertions of the first draw of its case: equal ones are kept once."""
    first = seen.setdefault(row.assertions, row)
    return msgspec.structs.replace(row, asserts=first.asserts, variables=first.variables)


def exit_code_gap(value: str) -> Gap | None:
    """``PROMPTFOO_FAILED_TEST_EXIT_CODE`` as it was set: anything but the default hides failures."""
    if value in ("", _DEFAULT_FAILED_EXIT):
        return None
    text = f"PROMPTFOO_FAILED_TEST_EXIT_CODE is {value[:20]!r}: failing cases would have looked like success"
    return Gap("exit-code-masked", text)


def _session_gaps(stats: Stats | None, found: Counter[str], config: Config) -> list[Gap]:
    gaps = []
    if config.extensions:
        text = "the config has extensions, programs that may rewrite every result before it is written"
        gaps.append(Gap("rewritten-results", text))
    masked = exit_code_gap(text_of((config.env or {}).get("PROMPTFOO_FAILED_TEST_EXIT_CODE")))
    if masked:
        gaps.append(masked)
    if stats is not None:
        told = (stats.successes, stats.failures, stats.errors)
        if told != (found["passed"], found["failed"], found["errors"]):
            text = (
                f"the file counts {told[0]} passed, {told[1]} failed, {told[2]} errors and holds rows of "
                f"{found['passed']}, {found['failed']} and {found['errors']}: rows were added or changed"
            )
            gaps.append(Gap("counts-differ", text))
    return gaps


def _scorers(config: Any) -> dict[str, Any]:
    """Case → the program that decides over its assertions; the rows do not name it."""
    tests = config.get("tests") if isinstance(config, dict) else None
    return {
        text_of(metadata.get("id"), 300): one["assertScoringFunction"]
        for one in (tests if isinstance(tests, list) else [])
        if isinstance(one, dict) and one.get("assertScoringFunction")
        for metadata in (one.get("metadata") or {},)
        if isinstance(metadata, dict)
    }


def _row(row: ResultRow, urls: frozenset[str], scorers: dict[str, Any]) -> Row:
    test = row.test_case or Test()
    metadata = test.metadata or {}
    asserts = test.asserts or []
    components = list(_flat(row.grading_result.component_results if row.grading_result else None))
    anchor = metadata.get("anchor")
    kind: Anchor = anchor if anchor in ("good", "bad", "stored") else ""
    trouble, detail = _trouble(row, asserts, components)
    if not kind and not trouble and test.provider_output is not None:
        trouble, detail = "canned-output", "the case carries its own answer, so the candidate was never asked"
    was = metadata.get("was")
    options = test.options or {}
    return Row(
        case=text_of(metadata.get("id"), 300),
        role=text_of(metadata.get("role"), 100),
        layer=text_of(metadata.get("layer"), 100),
        critical=metadata.get("critical") is True,
        anchor=kind,
        was=was if isinstance(was, bool) else None,
        passed=row.success and not trouble,
        trouble=trouble,
        detail=detail[:300],
        assertions=digest_of(
            [
                scrubbed(asserts, urls),
                test.threshold,
                test.vars or {},
                scrubbed(options, urls),
                row.prompt_id,
                scorers.get(text_of(metadata.get("id"), 300)),
            ]
        ),
        judged=any(_judged(item) for item in asserts),
        order=row.test_idx,
        target=_provider(row.provider),
        judge=_provider(options.get("provider")),
        output=text_of(row.response.output) if row.response else "",
        asserts=asserts,
        variables=test.vars or {},
    )


def _trouble(row: ResultRow, asserts: list[Any], components: list[Component]) -> tuple[str, str]:
    """Why a row is no evidence; ("", "") for one that is."""
    response = row.response or Response()
    if row.failure_reason == _ERROR or response.error is not None or (row.response is None and row.error):
        said = text_of(row.error) or text_of(response.error)
        return ("target-timeout" if _timed_out(said) else "target-outage"), said
    if response.cached:
        return "cached-row", "the answer was replayed from a cache, not given by the candidate"
    # A weight of 0 makes an assertion decoration.
    if not any(_counts(item) for item in asserts) or not components:
        return "no-assertions", "nothing was asserted of the answer, so it could only pass"
    for component in components:
        judge = _judge_trouble(component)
        if judge:
            return judge
    output = text_of(response.output).strip()
    if not output.strip("*"):
        return "masked-output", "the answer is empty or masked, so nothing was judged"
    return _contradiction(row, components)


def _judge_trouble(component: Component) -> tuple[str, str] | None:
    said = text_of(component.reason)
    if component.metadata is not None and component.metadata.grader_error:
        if _timed_out(said):
            return "judge-timeout", said
        unparsable = ("could not extract", "parsing response", "no output", "cannot read properties")
        garbled = any(word in said.lower() for word in unparsable)
        return ("judge-unparsable" if garbled else "judge-outage"), said
    if (component.assertion or {}).get("type") == "human":
        return "hand-edited", "a person's rating replaced the assertion's result"
    if not _judged(component.assertion):
        return None
    if component.passed is None or said.strip() in ("", *_NO_REASON):
        return "judge-unparsable", "the judge's answer holds no verdict that promptfoo could read"
    if component.passed and component.score == 0:
        return "judge-unparsable", "the judge passes what it scores 0: its answer holds no clear verdict"
    return None


def _contradiction(row: ResultRow, components: list[Component]) -> tuple[str, str]:
    overall = row.grading_result.passed if row.grading_result else None
    if overall is None or overall != row.success:
        return "inconsistent-row", "the row says one thing and its grading another"
    threshold = row.test_case.threshold if row.test_case else None
    if row.success and threshold is None and any(item.passed is False for item in components):
        return "inconsistent-row", "the row passed although one of its assertions failed"
    if not row.success and all(item.passed for item in components):
        return "inconsistent-row", "the row failed although every assertion passed"
    return "", ""


def _flat(components: list[Component] | None, depth: int = 0) -> list[Component]:
    """Assertions and those inside assertion sets."""
    found: list[Component] = []
    for item in components or []:
        nested = item.component_results
        found += _flat(nested, depth + 1) if nested and depth < 8 else [item]
    return found


def _judged(assertion: Any) -> bool:
    kind = assertion.get("type") if isinstance(assertion, dict) else ""
    if isinstance(kind, str) and kind.removeprefix("not-") in _MODEL_GRADED:
        return True
    nested = assertion.get("assert") if isinstance(assertion, dict) else None
    return isinstance(nested, list) and any(_judged(item) for item in nested)


def _counts(assertion: Any) -> bool:
    if not isinstance(assertion, dict) or not assertion.get("type"):
        return False
    weight = assertion.get("weight", 1)
    return not (isinstance(weight, (int, float)) and weight <= 0)


def _timed_out(text: str) -> bool:
    return any(word in text.lower() for word in _TIMED_OUT)


def _provider(value: Any) -> str:
    """A provider's id, in whichever of its forms it was written."""
    if isinstance(value, dict):
        value = value.get("id") or value.get("label")
    return value[:200] if isinstance(value, str) else ""


def _spent(row: ResultRow) -> Spent:
    test = row.test_case or Test()
    usage = row.token_usage or Usage()
    graded = usage.assertions or Usage()
    asked = (test.metadata or {}).get("anchor") is None and not (row.response and row.response.cached)
    return Spent(
        target_calls=int(asked),
        # promptfoo counts the judge's requests only where its provider reports tokens.
        judge_calls=max(graded.num_requests or 0, sum(_judged(item) for item in test.asserts or [])),
        tokens=int((usage.total or 0) + (graded.total or 0)),
        dollars=row.cost or 0.0,
    )
