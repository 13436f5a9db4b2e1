"""Both stores with real processes and real git: nothing is lost, half or counted twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from doubles.records import bundle, outcome
from signalbox.errors import InputError
from signalbox.ledger import FolderLedger, GitLedger, decision_name, open_ledger

WRITER = """
import sys
from doubles.records import bundle
from signalbox.ledger import open_ledger
ledger, who, count = open_ledger(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for number in range(count):
    ledger.record(bundle(id=f"w{who}-{number}", inputs={"pad": "x" * int(sys.argv[4])}))
"""


def git(path: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(path), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def repository(tmp_path) -> Path:
    path = tmp_path / "repo"
    git(tmp_path, "init", "-q", "--bare", str(path))
    return path


@pytest.fixture(params=["folder", "git"])
def url(request, tmp_path, repository) -> str:
    return str(tmp_path / "ledger") if request.param == "folder" else f"git:{repository}"


def writer(url: str, who: int, count: int, pad: int = 10) -> subprocess.Popen[str]:
    paths = os.pathsep.join(sys.path)
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(who), str(count), str(pad)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )


def test_what_is_recorded_is_read_back(url):
    ledger = open_ledger(url)
    assert not ledger.exists()
    assert ledger.decisions().entries == ()
    trusted, stranger, came = bundle(id="t"), bundle(id="s"), outcome(id="o-1")
    names = [ledger.record(trusted), ledger.record(stranger, trusted=False), ledger.record_outcome(came)]
    assert ledger.exists()
    reading = ledger.decisions()
    assert [(e.id, e.trusted, e.raw) for e in reading.entries] == [
        ("t", True, trusted),
        ("s", False, stranger),
    ]
    assert [e.raw for e in ledger.outcomes().entries] == [came]
    assert {e.name for e in (*reading.entries, *ledger.outcomes().entries)} == set(names)
    assert reading.damaged == ()


def test_recording_twice_is_one_record(url):
    ledger, data = open_ledger(url), bundle()
    assert ledger.record(data) == ledger.record(data)
    assert len(ledger.decisions().entries) == 1


def test_two_contents_for_one_id_are_both_kept_and_one_counts(url):
    ledger = open_ledger(url)
    ledger.record(bundle(id="x"))
    ledger.record(bundle(id="x", verdict="rollback"))
    reading = ledger.decisions()
    assert [e.id for e in reading.entries] == ["x"]
    assert [d.code for d in reading.damaged] == ["conflict"]


@pytest.mark.parametrize(("kind", "writers", "each"), [("folder", 10, 30), ("git", 6, 4)])
def test_processes_that_write_at_once_lose_nothing(kind, writers, each, tmp_path, repository):
    # The bench runs 100 writers of 1,000 events; the property is the same with fewer.
    url = str(tmp_path / "ledger") if kind == "folder" else f"git:{repository}"
    running = [writer(url, who, each) for who in range(writers)]
    for process in running:
        process.communicate(timeout=240)
    assert [p.returncode for p in running] == [0] * writers
    reading = open_ledger(url).decisions()
    assert {e.id for e in reading.entries} == {f"w{w}-{n}" for w in range(writers) for n in range(each)}
    assert reading.damaged == ()


@pytest.mark.parametrize("kind", ["folder", "git"])
def test_a_writer_killed_in_the_middle_leaves_no_half_record(kind, tmp_path, repository):
    url = str(tmp_path / "ledger") if kind == "folder" else f"git:{repository}"
    for round_ in range(6):
        process = writer(url, round_, 10_000, pad=200_000)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.02 + 0.03 * round_)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    reading = open_ledger(url).decisions()
    assert reading.damaged == ()
    assert all(len(e.raw) > 200_000 for e in reading.entries)
    # The store still takes records afterwards.
    open_ledger(url).record(bundle(id="after"))
    assert "after" in {e.id for e in open_ledger(url).decisions().entries}


def test_a_damaged_folder_is_read_around(tmp_path):
    ledger = FolderLedger(tmp_path / "ledger")
    good, cut = ledger.record(bundle(id="good")), ledger.record(bundle(id="cut"))
    path = ledger.root / cut
    path.write_bytes(path.read_bytes()[:-30])
    (ledger.root / "decisions" / "notes.txt").write_text("hello")
    (path.parent / "link.json").symlink_to(ledger.root / good)
    reading = ledger.decisions()
    assert [e.id for e in reading.entries] == ["good"]
    assert {(d.name, d.code) for d in reading.damaged} == {
        (cut, "corrupt"),
        ("decisions/notes.txt", "foreign"),
        ("decisions/2026/03/04/link.json", "foreign"),
    }


def test_a_corrupt_record_written_again_is_whole_again(tmp_path):
    ledger, data = FolderLedger(tmp_path / "ledger"), bundle(id="x")
    name = ledger.record(data)
    (ledger.root / name).write_bytes(b"")
    assert ledger.decisions().entries == ()
    assert ledger.record(data) == name
    assert [e.raw for e in ledger.decisions().entries] == [data]


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "decisions").write_text("a file where a folder should be")
    with pytest.raises(InputError, match="cannot be written"):
        FolderLedger(tmp_path / "ledger").record(bundle())


def test_a_run_writes_one_ref_of_its_own_and_touches_nothing_else(repository):
    ledger = GitLedger(repository, run="42-1")
    one, two = bundle(id="one"), bundle(id="two")
    ref = ledger.write({decision_name(one): one, decision_name(two): two}, at=1_800_000_000)
    assert ref.startswith("refs/signalbox/ledger/42-1-")
    refs = git(repository, "for-each-ref", "--format=%(refname) %(objecttype)").splitlines()
    assert refs == [f"{ref} commit"]
    assert git(repository, "log", "--format=%P|%ct|%an", ref) == "|1800000000|signalbox\n"
    assert len(git(repository, "ls-tree", "-r", ref).splitlines()) == 2


def test_refs_and_the_compacted_branch_are_one_ledger(repository):
    ledger, data = GitLedger(repository), bundle(id="x")
    ledger.record(data)
    (ref,) = git(repository, "for-each-ref", "--format=%(refname)").split()
    git(repository, "update-ref", "refs/heads/signalbox-ledger", ref)
    ledger.record(bundle(id="y"))
    assert {e.id for e in ledger.decisions().entries} == {"x", "y"}
    assert ledger.decisions().damaged == ()


def test_hooks_and_environment_of_the_caller_do_not_matter(repository, tmp_path, monkeypatch):
    marker = tmp_path / "ran"
    for hook in ("reference-transaction", "post-update", "pre-push"):
        path = repository / "hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {marker}\n")
        path.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    ledger = GitLedger(repository)
    ledger.record(bundle(id="x"))
    assert [e.id for e in ledger.decisions().entries] == ["x"]
    assert not marker.exists()


def test_push_brings_the_ref_to_the_remote_and_a_dead_remote_loses_nothing(repository, tmp_path):
    local = tmp_path / "local"
    git(tmp_path, "init", "-q", str(local))
    ledger = GitLedger(local)
    data = bundle(id="x")
    ref = ledger.write({decision_name(data): data})
    with pytest.raises(InputError, match="did not take") as caught:
        ledger.push(ref, str(tmp_path / "absent"), attempts=2, wait=0)
    assert ref in caught.value.fix
    with pytest.raises(InputError, match="option"):
        ledger.push(ref, "--upload-pack=touch x")
    ledger.push(ref, str(repository))
    assert [e.raw for e in GitLedger(repository).decisions().entries] == [data]
    assert [e.raw for e in ledger.decisions().entries] == [data]


def test_a_password_in_a_remotes_address_is_not_repeated(repository):
    ledger = GitLedger(repository)
    data = bundle()
    ref = ledger.write({decision_name(data): data})
    with pytest.raises(InputError) as caught:
        ledger.push(ref, "http://bot:hunter22@127.0.0.1:9/x.git", attempts=1)
    assert "hunter22" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("bad", ["", "mlflow:x", "git:https://host/x", "git:/nowhere/at/all"])
def test_wrong_addresses(bad, tmp_path):
    with pytest.raises(InputError):
        open_ledger(bad, repo=tmp_path)


def test_addresses(tmp_path, repository):
    assert isinstance(open_ledger(f"folder:{tmp_path}/l"), FolderLedger)
    ledger = open_ledger("git:#records", repo=repository)
    assert isinstance(ledger, GitLedger)
    assert (ledger.branch, ledger.repository.path) == ("records", repository)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="not a folder"):
        open_ledger(str(tmp_path / "file"))


@pytest.mark.parametrize("link", ["decisions", "untrusted", ".tmp"])
def test_no_link_in_a_ledger_leads_a_write_or_a_read_out_of_it(link, tmp_path):
    """A ledger in a working tree may have come with the change under judgement."""
    outside, root = tmp_path / "outside", tmp_path / "ledger"
    outside.mkdir()
    (outside / "decisions").mkdir()
    root.mkdir()
    (root / link).symlink_to(outside)
    ledger = FolderLedger(root)
    with pytest.raises(InputError, match="leads out of the ledger"):
        ledger.record(bundle(), trusted=link != "untrusted")
    assert [path for path in outside.rglob("*") if path.is_file()] == []
    (outside / "decisions" / "secret.json").write_text("{}")
    reading = ledger.decisions()
    assert reading.entries == ()
    assert all("secret" not in damage.name for damage in reading.damaged)


def test_a_ledger_that_is_a_link_itself_is_where_it_points(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    FolderLedger(tmp_path / "link").record(bundle())
    assert len(FolderLedger(tmp_path / "real").decisions().entries) == 1
