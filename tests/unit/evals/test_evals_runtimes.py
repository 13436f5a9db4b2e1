"""Runtimes by name, suites by layer: nothing is paid without a word, and what was left out is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.promptfoo_results import NOW, honest
from signalbox.errors import InputError
from signalbox.evals import Row, Session, Spent, key_of
from signalbox.evals.baseline import Baseline, make
from signalbox.evals.runtimes import (
    check_suite,
    chosen,
    environment,
    left_out,
    narrowed,
    read_runtimes,
    telemetry_gaps,
)

SHIPPED = Path(__file__).resolve().parents[3] / "evals" / "runtimes.yaml"
KNOWN = read_runtimes(
    b"here: {url: 'http://127.0.0.1:1/v1', model: m}\n"
    b"far: {url: 'https://models.example/v1', model: n, key: FAR_KEY, paid: true}\n",
    where="runtimes.yaml",
)


def test_the_shipped_runtimes_are_on_this_machine_and_cost_nothing() -> None:
    shipped = read_runtimes(SHIPPED.read_bytes(), where="runtimes.yaml")
    assert set(shipped) == {"ollama", "llama-cpp", "vllm"}
    assert all("127.0.0.1" in one.url and one.paid is None for one in shipped.values())


def test_who_is_evaluated_and_who_judges_are_chosen_apart() -> None:
    made = environment("here", "TARGET", KNOWN, {}, paid=False)
    assert made == {
        "EVALS_TARGET_URL": "http://127.0.0.1:1/v1",
        "EVALS_TARGET_MODEL": "m",
        "EVALS_TARGET_KEY": "none",
    }
    judge = environment("far", "JUDGE", KNOWN, {"FAR_KEY": "k"}, paid=True)
    assert judge["EVALS_JUDGE_KEY"] == "k"
    assert environment("", "JUDGE", KNOWN, {}, paid=False) == {}


@pytest.mark.parametrize(
    ("name", "environ", "paid", "says"),
    [
        ("far", {"FAR_KEY": "k"}, False, "paid for"),
        ("far", {}, True, "needs a key"),
        ("near", {}, True, "no such runtime"),
    ],
)
def test_nobody_is_asked_who_was_not_meant(name: str, environ: dict[str, str], paid: bool, says: str) -> None:
    with pytest.raises(InputError, match=says):
        environment(name, "JUDGE", KNOWN, environ, paid=paid)


@pytest.mark.parametrize(
    "data",
    [
        b"far: {url: 'https://models.example/v1', model: n}",
        b"x: {url: 'file:///etc/passwd', model: n}",
        b"x: {url: 'http://127.0.0.1:1', model: n, key: 'lower case'}",
        b"x: {url: 'http://127.0.0.1:1', model: n, header: y}",
        b"- x",
        b"{",
        b"\xff",
    ],
)
def test_runtimes_that_cannot_be_meant_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        read_runtimes(data, where="runtimes.yaml")


def test_they_stand_beside_the_config(tmp_path: Path) -> None:
    assert chosen("", "", "", {"A": "b"}, paid=False) == {"A": "b"}
    with pytest.raises(InputError, match="config that is run"):
        chosen("", "here", "", {}, paid=False)
    (tmp_path / "runtimes.yaml").write_bytes(SHIPPED.read_bytes())
    made = chosen(str(tmp_path / "c.yaml"), "vllm", "ollama", {"A": "b"}, paid=False)
    assert (made["A"], made["EVALS_TARGET_URL"][-8:]) == ("b", ":8000/v1")
    assert made["EVALS_JUDGE_MODEL"] == "qwen3:8b"


def test_another_runtime_or_suite_is_another_question() -> None:
    keys = {key_of("sha256:1", "s", None, "p", {}, names) for names in ([], ["a"], ["b"], ["a", "b"])}
    assert len(keys) == 4


def test_what_a_paid_run_cost_has_to_be_told() -> None:
    row = Row(case="a", passed=True)

    def session(tokens: int) -> Session:
        return Session(format="promptfoo", rows=(row,), spent=Spent(target_calls=1, tokens=tokens))

    assert telemetry_gaps([session(5), session(7)]) == []
    for silent in ([], [session(0)], [session(5), session(0)]):
        assert [gap.code for gap in telemetry_gaps(silent)] == ["no-telemetry"]


def stored() -> Baseline:
    scene = honest()
    from signalbox.evals.promptfoo import read

    for one in scene.rows:
        if one["testCase"]["metadata"]["id"].endswith("-1"):
            one["testCase"]["metadata"]["layer"] = "adversarial"
    return make([read(scene.documents()[0])], made_at=NOW, digest="", outputs=10)


def test_a_suite_leaves_the_other_layers_out_by_name() -> None:
    whole = stored()
    part = narrowed(whole, "adversarial")
    assert part is not None
    assert {case.id for case in part.cases} == {"qa-agent-1", "ops-agent-1"}
    assert {one.case for one in part.outputs} <= {case.id for case in part.cases}
    assert left_out(whole, "adversarial") == {"behavioural": "only the suite adversarial was asked for"}
    assert narrowed(whole, "") == whole
    assert left_out(whole, "") == {}
    with pytest.raises(InputError, match="no case of this suite"):
        narrowed(whole, "easy")


@pytest.mark.parametrize("name", ["--x", "a=b", "A", "a b", "a\n"])
def test_a_suite_is_a_plain_name(name: str) -> None:
    with pytest.raises(InputError):
        check_suite(name)
