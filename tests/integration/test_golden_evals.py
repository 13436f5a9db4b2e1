"""The golden evals through the real runner and the model double: each assertion passes on the recorded good
answer and fails on the recorded bad one, and each case reaches the target with its agent's contract."""

import json
import os
import re
import time
from pathlib import Path

import pytest
import yaml

from doubles.model import ModelDouble
from signalbox.evals.runner import Runner, find_runner

ROOT = Path(__file__).resolve().parents[2]
EVALS = ROOT / "evals"
CONFIG = EVALS / "promptfooconfig.yaml"
TESTS = yaml.safe_load(CONFIG.read_text())["tests"]
RECORDED = {
    name: answers
    for path in sorted((EVALS / "transcripts").glob("*.yaml"))
    for name, answers in yaml.safe_load(path.read_text()).items()
}

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def command():
    """promptfoo from the lock file; installed on first use."""
    return find_runner(EVALS)


def runner(command, folder, double):
    folder.mkdir()
    (folder / "scratch").mkdir()
    names = ("TARGET", "JUDGE")
    environment = {f"EVALS_{name}_URL": double.url for name in names}
    environment |= {f"EVALS_{name}_MODEL": name.lower() for name in names}
    environment |= {f"EVALS_{name}_KEY": "any" for name in names}
    return Runner(
        command=command,
        config=CONFIG,
        folder=folder,
        scratch=folder / "scratch",
        environ={"PATH": os.environ["PATH"], **environment},
        concurrency=4,
        request_seconds=30,
        deadline=time.monotonic() + 240,
    )


def said(passed):
    return json.dumps({"reason": "as recorded", "pass": passed, "score": float(passed)})


def squeezed(text):
    """A pattern for the text, whatever became of its line breaks."""
    return r"\s+".join(re.escape(word) for word in text.split())


def lenient_but_for(rows):
    """A judge that passes everything, except where it is shown both this rubric and this answer."""
    refusals = [
        {
            "when": {"model": "judge", "matches": rf"(?s){squeezed(rubric)}.*{squeezed(answer)}"},
            "do": "say",
            "text": said(False),
        }
        for rubric, answer in rows
    ]
    return {"rules": refusals, "default": {"do": "say", "text": said(True)}}


def rubric_of(test):
    [rubric] = [one["value"] for one in test["assert"] if one["type"] == "llm-rubric"]
    return rubric


@pytest.fixture(scope="module")
def judged(tmp_path_factory, command):
    """One session over the good answer of each case, its bad one, and the good one with a wrong last line."""
    tests, rows = [], []
    for test in TESTS:
        name, task = test["metadata"]["id"], {"task": test["vars"]["task"]}
        rows.append((rubric_of(test), RECORDED[name]["bad"]))
        line = re.sub(r"Decision: \S+$", "Decision: shrug", RECORDED[name]["good"])
        for kind, answer in (*RECORDED[name].items(), ("line", line)):
            metadata = {
                **test["metadata"],
                "id": f"{kind}.{name}",
                "anchor": "bad" if kind != "good" else kind,
            }
            tests.append({**test, "vars": task, "providerOutput": answer, "metadata": metadata})
    with ModelDouble(lenient_but_for(rows)) as double:
        folder = tmp_path_factory.mktemp("judged")
        session = runner(command, folder / "judge", double).rejudge(json.dumps(tests).encode())
        asked = [one for one in double.asked if one.path.endswith("completions")]
    assert session.gaps == ()
    found = {row.case: row for row in session.rows}
    assert len(found) == len(tests) == len(asked) == 3 * len(TESTS)
    assert {one.body["model"] for one in asked} == {"judge"}
    return found


def test_every_model_judged_assertion_fails_on_the_recorded_bad_answer_and_passes_on_the_good(judged):
    for test in TESTS:
        name = test["metadata"]["id"]
        good, bad = judged[f"good.{name}"], judged[f"bad.{name}"]
        assert (good.passed, good.trouble) == (True, ""), name
        assert (bad.passed, bad.trouble) == (False, ""), name


def test_every_decision_line_is_asserted(judged):
    """The judge passes what is no bad answer, so the wrong last line alone fails each case."""
    lines = [row for case, row in judged.items() if case.startswith("line.")]
    assert len(lines) == len(TESTS)
    assert [row.case for row in lines if row.passed or row.trouble] == []


def test_every_case_reaches_the_target_with_its_contract(tmp_path, command):
    """Drawn once from a target that answers as recorded; the contract it is shown is its own."""
    from signalbox.evals.plan import Order

    rules = []
    for test in TESTS:
        contract = (EVALS / test["vars"]["contract"].removeprefix("file://")).read_text()
        shown = rf"(?s){squeezed(contract)}.*{squeezed(test['vars']['task'])}"
        answer = RECORDED[test["metadata"]["id"]]["good"]
        rules.append({"when": {"model": "target", "matches": shown}, "do": "say", "text": answer})
    rules.append({"when": {"model": "target"}, "do": "say", "text": "nothing was recognised"})
    script = {"rules": rules, "default": {"do": "say", "text": said(True)}}
    with ModelDouble(script) as double:
        session = runner(command, tmp_path / "target", double).buy(Order(repeat=1))
    assert session.gaps == ()
    assert [(row.case, row.trouble, row.output[:60]) for row in session.rows if not row.passed] == []
    assert {row.case for row in session.rows} == {test["metadata"]["id"] for test in TESTS}
    assert all(row.judged and row.role and row.layer for row in session.rows)
    assert {row.judge for row in session.rows} == {"openai:chat:judge"}
    assert {row.target for row in session.rows} == {"openai:chat:target"}
