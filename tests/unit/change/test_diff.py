"""Changes read from real git repositories, hostile ones too."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from signalbox.change import ChangedFile, blobs, read_change, top, tree
from signalbox.errors import InputError


def git(repo: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *settings, *arguments], cwd=repo, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace").strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    place = tmp_path / "repo"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    (place / "a.py").write_text("".join(f"line {i}\n" for i in range(40)))
    (place / "gone.txt").write_text("".join(f"{i} is gone\n" for i in range(9)))
    (place / "data.bin").write_bytes(b"\0\1\2" * 50)
    (place / "CODEOWNERS").write_text("* @everyone\n/src/ @core\n*.bin @data\n")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "one")
    git(place, "checkout", "-q", "-b", "change")
    return place


def changed(repo: Path, base: str = "main") -> dict[str, ChangedFile]:
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "fix: two", "--allow-empty")
    return {file.path: file for file in read_change(repo, base, "HEAD").files}


def test_every_kind_of_change(repo: Path):
    text = (repo / "a.py").read_text()
    (repo / "a.py").unlink()
    (repo / "b.py").write_text(text.replace("line 5\n", "line five\n"))
    (repo / "gone.txt").unlink()
    (repo / "data.bin").write_bytes(b"\0\1\3" * 50)
    (repo / "src").mkdir()
    (repo / "src/new.py").write_text("x\ny\n")
    files = changed(repo)
    assert {path: file.status for path, file in files.items()} == {
        "b.py": "renamed",
        "gone.txt": "deleted",
        "data.bin": "modified",
        "src/new.py": "added",
    }
    assert files["b.py"].old_path == "a.py"
    assert (files["b.py"].lines_added, files["b.py"].lines_deleted) == (1, 1)
    assert [(h.old_start, h.new_lines) for h in files["b.py"].hunks] == [(6, 1)]
    assert files["data.bin"].binary
    assert files["data.bin"].owners == ("@data",)
    assert files["src/new.py"].owners == ("@core",)
    assert files["gone.txt"].owners == ("@everyone",)


NAMES = [
    "new\nline.py",
    'quo"te.py',
    "tab\there.py",
    "-rf",
    "@file",
    "::colons.py",
    "\u202egnp.py",
    "a b.py",
    "ü.py",
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_come_through_whole(repo: Path, name: str):
    (repo / name).write_text("x = 1\n")
    files = changed(repo)
    assert set(files) == {name}
    assert files[name].lines_added == 1
    assert name in tree(repo, "HEAD")


def test_a_name_that_is_not_utf8_is_escaped(repo: Path):
    (repo / os.fsdecode(b"\xff.py")).write_text("x\n")
    assert set(changed(repo)) == {"\\xff.py"}


def test_a_submodule_is_named(repo: Path, tmp_path: Path):
    git(repo, "submodule", "add", "-q", str(repo), "sub")
    files = changed(repo)
    assert files["sub"].status == "submodule"


def test_the_change_is_measured_from_the_merge_base(repo: Path):
    (repo / "mine.py").write_text("x\n")
    changed(repo)
    git(repo, "checkout", "-q", "main")
    (repo / "theirs.py").write_text("y\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "theirs")
    change = read_change(repo, "main", "change")
    assert [file.path for file in change.files] == ["mine.py"]
    assert change.merge_base == git(repo, "rev-parse", "main~1")
    assert change.troubles == ()


def test_unrelated_histories_are_a_trouble(repo: Path):
    git(repo, "checkout", "-q", "--orphan", "other")
    git(repo, "commit", "-q", "-m", "root")
    assert [t.code for t in read_change(repo, "main", "other").troubles] == ["no-merge-base"]


def test_a_shallow_clone_is_named(repo: Path, tmp_path: Path):
    changed(repo)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repo}", str(clone))
    change = read_change(clone, "HEAD", "HEAD")
    assert [t.code for t in change.troubles] == ["shallow-clone"]
    assert "fetch-depth: 0" in change.troubles[0].text


@pytest.mark.parametrize("ref", ["--output=x", "-h", "no such", "nothing", "main\n", "\0", "HEAD^{tree}"])
def test_refs_that_are_none_are_refused(repo: Path, ref: str):
    with pytest.raises(InputError) as error:
        read_change(repo, ref, "HEAD")
    assert error.value.where == "--base"
    assert not (repo / "x").exists()


def test_no_base_means_everything_is_new(repo: Path):
    change = read_change(repo, "", "HEAD")
    assert {file.status for file in change.files} == {"added"}
    assert len(change.files) == 4


def test_outside_of_git_is_said_so(tmp_path: Path):
    with pytest.raises(InputError, match="not a git working tree"):
        top(tmp_path)


def test_history_counts_past_fixes_and_the_authors_own_commits(repo: Path):
    for number in range(3):
        (repo / "a.py").write_text(f"{number}\n")
        git(repo, "commit", "-q", "-a", "-m", f"fix {number}")
    (repo / "a.py").write_text("last\n")
    git(repo, "commit", "-q", "-a", "-m", "last")
    history = read_change(repo, "HEAD~1", "HEAD").history
    assert (history.commits, history.prior_changes, history.recent_fixes) == (4, 4, 3)
    assert (history.authors, history.author_commits) == (1, 4)


def test_blobs_that_are_missing_are_left_out(repo: Path):
    known = tree(repo, "HEAD")["gone.txt"]
    assert blobs(repo, [known, "0" * 40]) == {known: (repo / "gone.txt").read_bytes()}


def test_git_settings_of_the_environment_are_not_followed(repo: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    (repo / "a.py").write_text("x\n")
    monkeypatch.delenv("GIT_DIR")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "two")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert [file.path for file in read_change(repo, "main", "HEAD").files] == ["a.py"]
