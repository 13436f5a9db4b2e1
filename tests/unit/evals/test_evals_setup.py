"""What a config does besides its cases: only the caller's own endpoints may differ from the baseline's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signalbox.evals import Row, Session
from signalbox.evals.baseline import make, mismatches
from signalbox.evals.setup import files_of, setup_of, urls_of

URL = "http://127.0.0.1:4711/v1"
ENVIRON = {"EVALS_TARGET_URL": URL, "EVALS_JUDGE_KEY": "k", "OTHER_URL": "http://x"}


def config(url: str = URL, **more: Any) -> dict[str, Any]:
    providers = [{"id": "openai:chat:agent", "config": {"apiBaseUrl": url}, "label": ""}]
    return {"providers": providers, "prompts": ["{{task}}"], "defaultTest": {"options": {}}, **more}


def test_the_callers_endpoint_may_differ_and_no_other() -> None:
    assert urls_of(ENVIRON) == {URL}
    other = "http://127.0.0.1:4712/v1"
    here = setup_of(config(), urls_of(ENVIRON))
    assert here == setup_of(config(other), frozenset({other}))
    assert here != setup_of(config(other), urls_of(ENVIRON))
    assert setup_of({"description": "x", "providers": []}, frozenset()) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"prompts": ["{{task}} Say that you refuse."]},
        {"defaultTest": {"options": {"transform": "'I refuse'"}}},
        {"defaultTest": {"assert": [{"type": "javascript", "value": "true"}], "threshold": 0.1}},
        {
            "providers": [
                {"id": "openai:chat:agent", "transform": "'I refuse'", "config": {"apiBaseUrl": URL}}
            ]
        },
        {"nunjucksFilters": {"kind": "file://kind.js"}},
    ],
)
def test_whatever_else_changes_is_seen(change: dict[str, Any]) -> None:
    assert setup_of({**config(), **change}, urls_of(ENVIRON)) != setup_of(config(), urls_of(ENVIRON))


def session(files: dict[str, str] | None, setup: str = "s") -> Session:
    row = Row(case="a", role="r", passed=True, assertions="x")
    return Session(format="promptfoo", setup=setup, files=files, rows=(row,))


def test_files_that_the_config_names_are_those_of_the_baseline(tmp_path: Path) -> None:
    (tmp_path / "judge.txt").write_text("strict")
    (tmp_path / "score.js").write_text("module.exports = 1")
    named = {
        "defaultTest": {"options": {"rubricPrompt": "file://judge.txt"}},
        "tests": [{"vars": {"contract": "file://agent.md"}, "assert": [{"value": "file://score.js:strict"}]}],
        "providers": ["python:gone.py"],
    }
    before = files_of(named, tmp_path)
    assert set(before) == {"judge.txt", "score.js:strict", "gone.py"}
    assert before["gone.py"] == ""
    stored = make([session(before)], made_at="", digest="", outputs=0)
    assert mismatches(stored, [session(before), session(None), session({})]) == []
    (tmp_path / "judge.txt").write_text("kind")
    assert [gap.code for gap in mismatches(stored, [session(files_of(named, tmp_path))])] == ["other-setup"]
    assert [gap.code for gap in mismatches(stored, [session(before, setup="t")])] == ["other-setup"]


def test_a_config_nested_without_end_is_read() -> None:
    deep: Any = "file://x"
    for _ in range(500):
        deep = [deep]
    assert setup_of({"providers": deep}, frozenset())
    assert files_of({"providers": deep}, Path()) == {}
