"""Inspect AI's logs, the stored baseline and the anchors: what is read, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles import promptfoo_results as corpus
from signalbox.errors import InputError
from signalbox.evals import Unreadable, baseline_of, read_results
from signalbox.evals.baseline import decode
from signalbox.evals.rejudge import decode_anchors, names_of, rejudge_tests


def sample(number: int, epoch: int = 1, **values: Any) -> dict[str, Any]:
    plain = {
        "id": f"s{number}",
        "epoch": epoch,
        "input": "do it",
        "target": "refuses",
        "output": {"choices": [{"message": {"role": "assistant", "content": "I refuse."}}]},
        "scores": {"model_graded_qa": {"value": "C"}},
        "metadata": {"role": "qa-agent"},
    }
    return {**plain, **values}


def log(
    samples: list[dict[str, Any]], *, status: str = "success", wanted: int | None = None
) -> dict[str, Any]:
    return {
        "version": 2,
        "status": status,
        "eval": {
            "task": "refusals",
            "model": "openai/agent",
            "created": "2026-03-01T11:59:00+00:00",
            "dataset": {"samples": len(samples) if wanted is None else wanted},
            "config": {"epochs": 1},
            "model_roles": {"grader": {"model": "openai/judge"}},
            "packages": {"inspect_ai": "0.3.150"},
        },
        "samples": samples,
    }


def read(document: dict[str, Any]) -> Any:
    return read_results(json.dumps(document).encode(), source="log.json")


def test_a_log_becomes_rows() -> None:
    session = read(log([sample(0), sample(1, scores={"model_graded_qa": {"value": "I"}})]))
    assert (session.format, session.suite, session.gaps) == ("inspect", "refusals", ())
    assert [(row.case, row.passed, row.trouble) for row in session.rows] == [
        ("s0", True, ""),
        ("s1", False, ""),
    ]
    assert {(row.role, row.target, row.judge, row.judged) for row in session.rows} == {
        ("qa-agent", "openai/agent", "openai/judge", True)
    }


def test_an_archive_holds_the_same_log() -> None:
    document = log([sample(0), sample(1)])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps({**document, "samples": None}))
        for one in document["samples"]:
            archive.writestr(f"samples/{one['id']}_epoch_1.json", json.dumps(one))
    assert read_results(packed.getvalue(), source="x").rows == read(document).rows
    cut = read_results(packed.getvalue()[:-40], source="x")
    assert [gap.code for gap in cut.gaps] == ["unreadable-results"]


TROUBLES: dict[str, tuple[dict[str, Any], str]] = {
    "error": ({"error": {"message": "connection refused"}}, "target-outage"),
    "timeout": ({"error": {"message": "Timeout waiting for the model"}}, "target-timeout"),
    "time limit": ({"limit": {"type": "time"}}, "target-timeout"),
    "not scored": ({"scores": {}}, "no-assertions"),
    "no verdict": ({"scores": {"judge": {"value": {"a": 1}}}}, "judge-unparsable"),
    "a letter nobody knows": ({"scores": {"judge": {"value": "X"}}}, "judge-unparsable"),
    "empty": ({"output": {"completion": ""}}, "masked-output"),
    "cached": ({"events": [{"event": "model", "cache": "read"}]}, "cached-row"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_samples_that_are_no_evidence(name: str) -> None:
    values, code = TROUBLES[name]
    (row,) = read(log([sample(0, **values)])).rows
    assert (row.passed, row.trouble) == (False, code)


@pytest.mark.parametrize(
    ("value", "passed"), [("C", True), ("I", False), ("P", False), (True, True), (0.49, False), (1, True)]
)
def test_values_of_scores(value: object, passed: bool) -> None:
    (row,) = read(log([sample(0, scores={"judge": {"value": value}})])).rows
    assert (row.passed, row.trouble) == (passed, "")


def test_a_run_that_did_not_finish_is_named() -> None:
    assert [g.code for g in read(log([sample(0)], status="error")).gaps] == ["incomplete-run"]
    assert [g.code for g in read(log([sample(0)], wanted=5)).gaps] == ["missing-row"]


@given(st.binary(max_size=300))
def test_whatever_the_bytes_there_are_no_rows_from_nothing(data: bytes) -> None:
    session = read_results(data, source="x")
    assert not session.rows
    assert session.gaps


@given(st.data())
def test_a_results_file_with_one_byte_changed_is_read_or_refused(data: st.DataObject) -> None:
    original = json.dumps(corpus.document([corpus.row("a", "r", 0)], repeat=1)).encode()
    at = data.draw(st.integers(0, len(original) - 1))
    damaged = original[:at] + data.draw(st.binary(min_size=1, max_size=3)) + original[at + 1 :]
    session = read_results(damaged, source="x")
    assert session.rows or session.gaps


def test_a_baseline_is_what_was_drawn() -> None:
    rows = [corpus.row("a", "qa-agent", n, passed=n != 1, critical=True) for n in range(3)]
    session = read_results(json.dumps(corpus.document(rows, repeat=3)).encode(), source="x")
    from signalbox.config.evals import Evals
    from signalbox.decision import canonical

    made = baseline_of([session], [], digest="", settings=Evals(), now=corpus.NOW)
    (case,) = made.cases
    assert (case.id, case.role, case.critical, case.draws) == ("a", "qa-agent", True, "101")
    assert decode(canonical(made)) == made
    # The one that failed is kept first: leniency shows where the judge used to say no.
    assert made.outputs[0].passed is False


def test_a_session_with_trouble_becomes_no_baseline() -> None:
    from signalbox.config.evals import Evals

    one = corpus.row("a", "qa-agent", 0)
    one["response"]["cached"] = True
    session = read_results(json.dumps(corpus.document([one], repeat=1)).encode(), source="x")
    with pytest.raises(InputError, match="cached-row"):
        baseline_of([session], [], digest="", settings=Evals(), now=corpus.NOW)


@pytest.mark.parametrize(
    "change",
    [{"cases": []}, {"cases": [{"id": "a", "assertions": "x", "draws": "12"}]},
     {"cases": [{"id": "a", "assertions": "x", "draws": "1"}] * 2}, {"suite": 3}],
)  # fmt: skip
def test_baselines_that_cannot_be_used(change: dict[str, Any]) -> None:
    plain = {
        "suite": "s",
        "target": "t",
        "judge": "j",
        "cases": [{"id": "a", "assertions": "x", "draws": "1"}],
    }
    decode(json.dumps(plain).encode())
    with pytest.raises(Unreadable):
        decode(json.dumps({**plain, **change}).encode())


ANCHOR = {
    "metadata": {"id": "a", "anchor": "bad"},
    "providerOutput": "merged",
    "assert": [{"type": "llm-rubric"}],
}


def test_anchors_are_tests_with_their_output() -> None:
    found = decode_anchors(json.dumps([ANCHOR]).encode(), where="anchors")
    assert names_of(found) == ["a"]
    assert json.loads(rejudge_tests(found, None, 5)) == [ANCHOR]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metadata": {"anchor": "bad"}}, "metadata.id"),
        ({"metadata": {"id": "a", "anchor": "fine"}}, "good or bad"),
        ({"providerOutput": " "}, "providerOutput"),
        ({"assert": []}, "assertions"),
    ],
)
def test_anchors_that_lack_something_are_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        decode_anchors(json.dumps([{**ANCHOR, **change}]).encode(), where="anchors")


def test_an_id_used_twice_is_named() -> None:
    with pytest.raises(InputError, match="anchor 2"):
        decode_anchors(json.dumps([ANCHOR, ANCHOR]).encode(), where="anchors")
