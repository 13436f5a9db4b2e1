"""Usage feedback: any runtime's envelopes, judged by people and evals only, unjoined rows counted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from signalbox.feedback.usage import GROUPS, collect, read_store, report, write_store

ROOT = Path(__file__).resolve().parents[3]


def folder(path, *rows):
    path.mkdir(exist_ok=True)
    (path / "t.jsonl").write_text(
        "\n".join(json.dumps(row) if isinstance(row, dict) else row for row in rows)
    )
    return path


RUN = {"run": "a", "repo": "shop", "skill_ids": ["x", "y"], "duration_seconds": 10, "result": "success"}
GOOD = {"run": "a", "kind": "judgement", "by": "person", "result": "partial", "rework": 1}


def cells(rows, by="runtime"):
    table, unjoined = report(rows, by)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows], unjoined


def test_a_runs_own_word_on_its_result_is_not_taken(tmp_path):
    rows, _ = collect([folder(tmp_path / "t", RUN)], "local", [])
    [line], _ = cells(rows)
    assert line["success"].startswith("0%")
    assert line["not_verified"].startswith("100%")


def test_a_person_comes_before_an_eval_and_an_unknown_run_is_counted_as_unjoined(tmp_path):
    by_eval = {**GOOD, "by": "eval", "result": "failure"}
    lost = {**GOOD, "run": "nowhere"}
    rows, _ = collect([folder(tmp_path / "t", RUN, GOOD, by_eval, lost)], "local", [])
    [line], unjoined = cells(rows)
    assert line["partial"].startswith("100%")
    assert unjoined == 1


@pytest.mark.parametrize(
    "bad", ["not json", {"run": ""}, {"run": "a", "kind": "judgement"}, {"run": "a", "duration_seconds": -1}]
)
def test_what_is_no_envelope_is_refused_by_line(tmp_path, bad):
    rows, refused = collect([folder(tmp_path / "t", RUN, bad)], "local", [])
    assert len(rows) == 1
    assert refused[0].startswith("t.jsonl:2: ")


def test_the_same_telemetry_imported_twice_counts_once(tmp_path):
    source = folder(tmp_path / "t", RUN, GOOD)
    rows, _ = collect([source, source], "local", [])
    write_store(tmp_path / "store.jsonl", rows)
    assert collect([source], "local", read_store(tmp_path / "store.jsonl"))[0] == []


def test_a_run_counts_under_each_of_its_skills(tmp_path):
    rows, _ = collect([folder(tmp_path / "t", RUN)], "local", [])
    lines, _ = cells(rows, "skill_ids")
    assert [line["skill_ids"] for line in lines] == ["x", "y"]
    assert {by for by in GROUPS if cells(rows, by)[0]} == set(GROUPS)


def test_the_command_line_imports_and_reports(tmp_path):
    source = folder(tmp_path / "t", RUN, GOOD)
    script = [sys.executable, ROOT / "scripts/usage_feedback.py"]
    kept = ["--store", tmp_path / "store.jsonl", "--repo", tmp_path]
    first = [*script, "import", "--runtime", "local", "--telemetry-dir", source, *kept]
    assert subprocess.run(first, capture_output=True, text=True).returncode == 0
    done = subprocess.run([*script, "report", "--group-by", "repo", *kept], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "shop" in done.stdout
    assert "0 rows could not be joined" in done.stdout
