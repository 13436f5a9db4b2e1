"""A prompt's reference leads to a record of the ledger, by either spelling, or to a file of the commit."""

import subprocess

import pytest

from signalbox.gates.trailers import resolve


@pytest.fixture
def repository(tmp_path):
    quiet = {"check": True, "capture_output": True}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "init", "-q", "-b", "main", tmp_path], **quiet)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/prompt.md").write_text("a prompt\n")
    subprocess.run(["git", "-C", tmp_path, "add", "--all"], **quiet)
    subprocess.run(["git", "-C", tmp_path, *who, "commit", "-q", "-m", "first"], **quiet)
    return tmp_path


@pytest.mark.parametrize(
    ("ref", "leads"),
    [
        ("d-1", True),
        ("ledger:d-1", True),
        ("ledger:d-2", False),
        ("docs/prompt.md", True),
        ("docs/prompt.md#part", True),
        ("docs", False),
        ("docs/none.md", False),
        ("../docs/prompt.md", False),
        ("--help", False),
        (":(top)docs/prompt.md", False),
    ],
)
def test_a_reference_leads_somewhere_or_does_not(repository, ref, leads):
    assert resolve(repository, [ref], "HEAD", ["d-1"]) == {ref: leads}


def test_without_a_commit_only_the_ledger_is_known(repository):
    found = resolve(repository, ["docs/prompt.md", "d-1"], "", ["d-1"])
    assert found == {"docs/prompt.md": False, "d-1": True}
