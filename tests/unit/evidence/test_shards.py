"""Shards against their plan: what is missing, doubled or foreign is named, and failures stay failures."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.decision import Evidence
from signalbox.errors import InputError
from signalbox.evidence import expected_shards, merge_shards, read_folder

SHA = "1" * 40


def write(folder: Path, shard: str, *cases: str, failing: int = 0) -> None:
    (folder / shard).mkdir(parents=True)
    rows = "".join(
        f'<testcase classname="{shard}" name="{case}">{"<failure/>" if i < failing else ""}</testcase>'
        for i, case in enumerate(cases)
    )
    text = f'<testsuite name="{shard}" tests="{len(cases)}" failures="{failing}">{rows}</testsuite>'
    (folder / shard / "junit.xml").write_text(text)


def merged(folder: Path, *expected: str, commit: str = "") -> Evidence:
    result = merge_shards(read_folder(folder), expected, commit=commit)
    assert result is not None
    return result


def test_complete_shards_are_one_report(tmp_path: Path) -> None:
    write(tmp_path, "unit-1-of-2", "a", "b")
    write(tmp_path, "unit-2-of-2", "c")
    result = merged(tmp_path, "unit-1-of-2", "unit-2-of-2")
    assert result.status == "pass"
    assert (result.facts["total"], result.facts["passed"], result.facts["files"]) == (3, 3, 2)


def test_a_missing_shard_is_named_from_the_plan(tmp_path: Path) -> None:
    write(tmp_path, "unit", "a")
    result = merged(tmp_path, "unit", "integration")
    assert result.status == "not_verified"
    assert [g.text for g in result.gaps] == ["shard integration is missing"]


def test_a_missing_shard_is_named_without_a_plan_from_the_others_names(tmp_path: Path) -> None:
    write(tmp_path, f"unit-1-of-3-{SHA}", "a")
    write(tmp_path, f"unit-3-of-3-{SHA}", "b")
    result = merged(tmp_path, commit=SHA)
    assert [g.text for g in result.gaps] == [f"shard unit-2-of-3-{SHA} is missing"]


def test_a_shard_of_another_commit_or_given_twice_or_not_planned(tmp_path: Path) -> None:
    write(tmp_path, f"unit-1-of-1-{'2' * 40}", "a")
    result = merged(tmp_path, f"unit-1-of-1-{'2' * 40}", commit=SHA)
    assert [g.code for g in result.gaps] == ["other-commit"]
    copy = tmp_path / "unit-copy"
    copy.mkdir()
    (copy / "junit.xml").write_bytes((tmp_path / f"unit-1-of-1-{'2' * 40}" / "junit.xml").read_bytes())
    codes = [g.code for g in merged(tmp_path, f"unit-1-of-1-{'2' * 40}").gaps]
    assert codes == ["unexpected-shard", "duplicate-shard"]


def test_a_shard_that_says_nothing_or_fails_decides_for_all(tmp_path: Path) -> None:
    write(tmp_path, "a", "x")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "junit.xml").write_bytes(b"")
    result = merged(tmp_path, "a", "b")
    assert (result.status, [g.code for g in result.gaps]) == ("not_verified", ["empty"])
    assert result.gaps[0].text.startswith("b/junit.xml: ")
    write(tmp_path, "c", "x", "y", failing=1)
    result = merged(tmp_path, "a", "b", "c")
    assert (result.status, result.facts["failed"], result.facts["failing"]) == ("fail", 1, ["c.x"])


def test_nothing_at_all(tmp_path: Path) -> None:
    assert merge_shards([], ()) is None
    result = merge_shards([], ("unit", "e2e"))
    assert result is not None
    assert result.status == "not_verified"
    assert "shard unit is missing; shard e2e is missing" in result.gaps[0].text


@given(st.sets(st.integers(1, 9), min_size=1, max_size=9))
def test_every_absent_index_is_named_and_no_other(present: set[int]) -> None:
    items = [
        Evidence(kind="tests", status="pass", source=f"u-{i}-of-9/j.xml", sha256=f"{i}", facts={"total": 1})
        for i in present
    ]
    result = merge_shards(items)
    assert result is not None
    assert {g.text for g in result.gaps} == {
        f"shard u-{i}-of-9 is missing" for i in range(1, 10) if i not in present
    }
    assert (result.status == "pass") == (len(present) == 9)


def test_plans_as_lists_and_as_matrices() -> None:
    assert expected_shards(["a", "b"]) == ["a", "b"]
    assert expected_shards({"include": [{"name": "a"}, {"artifact": "b", "name": "c"}]}) == ["a", "b"]
    for bad in (None, 3, {}, [1], [{}], ["a", "a"], {"include": "a"}):
        with pytest.raises(InputError, match="shard"):
            expected_shards(bad)
