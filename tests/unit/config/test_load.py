"""The policy file: strict, errors with the line, read where the change cannot touch it."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config import Settings, load, parse
from signalbox.errors import InputError

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "{}", "---\n"])
def test_an_empty_file_is_the_shipped_policy_and_only_observes(text):
    assert parse(text.encode(), "f") == Settings()
    assert Settings().mode == "observe"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("mode: maybe\n", 1, "mode"),
        ("mode: enforce\nrolout: {}\n", 2, "Did you mean 'rollout'"),
        ("rollout:\n  alpha: 0.01\n  slice_seconds: 3\n", 3, "Did you mean 'slice-seconds'"),
        ("rollout:\n  slices:\n    - 10\n    - -1\n", 4, "rollout.slices.1"),
        (
            "suites:\n  unit: {minutes: 2}\n  slow:\n    minutes: 2\n    cmd: x\n",
            5,
            "unknown key 'cmd' in suites.slow",
        ),
        ("suites:\n  unit: {minutes: 2}\n  UNIT: {minutes: 2}\n", 3, "suites.UNIT"),
        ("selection:\n  audit-rate: 1.5\n", 2, "selection.audit-rate"),
        ("mode: observe\nmode: enforce\n", 2, "written twice"),
        ("a: &x [1]\n", 1, "anchors"),
        ("mode: enforce\n\tbad: 1\n", 2, "not YAML"),
        ("1: 2\n", 1, "not text"),
        ("on: 2\n", 1, "not text"),
        ("mode: !!python/object/apply:os.system [id]\n", 1, "cannot be read"),
        ("mode: 2026-99-99\n", 1, "cannot be read"),
        ("- 1\n", 1, "object"),
        ("mode: enforce\n---\nmode: observe\n", 2, "single document"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, line, words):
    with pytest.raises(InputError) as caught:
        parse(text.encode(), "signalbox.yml")
    assert caught.value.where == f"signalbox.yml:{line}"
    assert words in str(caught.value)


def test_what_is_not_utf8_is_named_with_its_line():
    with pytest.raises(InputError, match=r"f\.yml:2: the file is not UTF-8"):
        parse(b"mode: enforce\n# \xff\n", "f.yml")


def test_a_huge_file_is_refused_unread():
    with pytest.raises(InputError, match="larger than"):
        parse(b"#" * 300_000, "f.yml")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_settings_or_a_clear_error(data):
    try:
        settings = parse(data, "f.yml")
    except InputError as error:
        settings, place = Settings(), error.where
    else:
        place = "f.yml"
    assert isinstance(settings, Settings)
    assert place.startswith("f.yml")


def commit(repo, text):
    folder = repo / ".github"
    folder.mkdir(exist_ok=True)
    (folder / "signalbox.yml").write_text(text)
    subprocess.run([*GIT, "-C", repo, "add", "."], check=True)
    subprocess.run([*GIT, "-C", repo, "commit", "-qm", "x"], check=True)
    head = subprocess.run(
        ["git", "-C", repo, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    return head.stdout.strip()


@pytest.fixture
def repo(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def test_the_policy_is_read_at_the_base_not_from_the_change(repo):
    base = commit(repo, "mode: enforce\n")
    commit(repo, "mode: observe\n")
    at_base = load(repo, ref=base)
    assert at_base.settings.mode == "enforce"
    assert at_base.ref.commit == base
    assert load(repo).settings.mode == "observe"
    assert load(repo).ref.sha256 != at_base.ref.sha256


def test_a_base_without_the_file_is_the_shipped_policy(repo):
    (repo / "README").write_text("x")
    subprocess.run([*GIT, "-C", repo, "add", "."], check=True)
    subprocess.run([*GIT, "-C", repo, "commit", "-qm", "x"], check=True)
    policy = load(repo, ref="HEAD")
    assert policy.settings == Settings()
    assert policy.ref.source == "shipped defaults"


@pytest.mark.parametrize("ref", ["nowhere", "--help", "-x", "HEAD:file", "a b", "\n"])
def test_a_ref_that_is_not_there_is_named_and_never_an_option(repo, ref):
    commit(repo, "mode: enforce\n")
    with pytest.raises(InputError, match="the commit to read the policy from is not here"):
        load(repo, ref=ref)


def test_a_file_that_was_asked_for_must_be_there(tmp_path):
    with pytest.raises(InputError, match="no such policy file"):
        load(tmp_path, file="elsewhere.yml")
    assert load(tmp_path).settings == Settings()


def test_a_folder_in_the_files_place_is_named(tmp_path):
    (tmp_path / ".github" / "signalbox.yml").mkdir(parents=True)
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)
