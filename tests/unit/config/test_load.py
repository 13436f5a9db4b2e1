"""The policy file: strict, errors with the line, read where the change cannot touch it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config import Settings, load, parse
from signalbox.decision import digest_of
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
        ("mode: enforce\nrollout:\n  soak-seconds: .inf\n", 3, "finite"),
        ("modules:\n  a: {}\n  b: {minutes: 1, paths: x}\n", 3, "unknown key 'paths' in modules.b"),
        ("modules:\n  a: {}\n  b: 3\n", 3, "modules.b: Expected `object`"),
        ("scoring:\n  model:\n    weights:\n      x: 1\n      y: -1\n", 5, "scoring.model.weights.y"),
        ("suites:\n  unit:\n    minutes: 1\n    paths:\n      - a\n      - ''\n", 6, "suites.unit.paths.1"),
        ("selection:\n  full-paths:\n    x: 1\n", 2, "selection.full-paths"),
        ("rollout:\n  slices:\n    - {x: 1}\n", 3, "rollout.slices.0"),
        ("suites:\n  unit: {minutes: 1, nonsense-that-resembles-nothing: 2}\n", 2, "docs/schema"),
        ("rollout:\n  soak-seconds: .nan\n", 2, "finite"),
        ("ledger:\n  url: 'x'\n  branch: \"\\ud800\"\n", 3, "half a character"),
        ('ledger: {url: "a\\0b"}\n', 1, "NUL"),
        ("mode: enforce\nx: " + "[" * 40 + "\n", 2, "nested too deep"),
        ("\n".join(f"- {i}" for i in range(20_100)), 19_999, "too many entries"),
        ("<<: {mode: enforce}\n", 1, "cannot be read"),
        ("? [a]\n: 1\n", 1, "plain text"),
        ("suites: !!set {a}\n", 1, "unknown tag"),
        ('mode: "\\u0041\n', 2, "not YAML"),
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


def test_the_policy_of_a_folder_is_read_below_it_also_at_a_ref(repo):
    below = repo / "services" / "web"
    below.mkdir(parents=True)
    commit(repo, "mode: enforce\n")
    commit(below, "mode: advise\n")
    assert load(below, ref="HEAD").settings.mode == "advise" == load(below).settings.mode
    (below.parent / "api").mkdir()
    assert load(below.parent / "api", ref="HEAD").ref.source == "shipped defaults"


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


def test_ten_kilobytes_of_open_brackets_are_no_work():
    """PyYAML needs ten seconds to fail on this; refused at the 33rd level it never gets that far."""
    with pytest.raises(InputError, match="nested too deep"):
        parse(b"[" * 10_000, "f.yml")


KEYS = st.sampled_from(
    ["mode", "suites", "modules", "rollout", "scoring", "slices", "minutes", "a.b", "x`y", ""]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_wrong_settings_are_named_with_their_line(plain):
    text = yaml.safe_dump(plain, allow_unicode=True)
    try:
        digest, place = digest_of(parse(text.encode("utf-8", "replace"), "f.yml")), "f.yml"
    except InputError as error:
        digest, place = "0" * 64, error.where
    assert len(digest) == 64
    assert re.fullmatch(r"f\.yml(:\d+)?", place)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), os.mkdir])
def test_what_is_no_plain_file_neither_blocks_nor_fills_the_memory(tmp_path, make):
    (tmp_path / ".github").mkdir()
    make(tmp_path / ".github" / "signalbox.yml")
    with pytest.raises(InputError, match="policy file"):
        load(tmp_path)


def test_a_link_that_leads_nowhere_is_not_the_shipped_policy(tmp_path):
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "signalbox.yml").symlink_to("gone.yml")
    with pytest.raises(InputError, match="no policy file"):
        load(tmp_path)


@pytest.mark.parametrize("target", ["mode: observe", "real.yml"])
def test_a_link_at_the_base_is_refused_and_its_target_is_no_policy(repo, target):
    (repo / ".github").mkdir()
    (repo / ".github" / "signalbox.yml").symlink_to(target)
    subprocess.run([*GIT, "-C", repo, "add", "."], check=True)
    subprocess.run([*GIT, "-C", repo, "commit", "-qm", "x"], check=True)
    with pytest.raises(InputError, match="not a plain file"):
        load(repo, ref="HEAD")


def test_a_folder_at_the_base_is_refused(repo):
    commit(repo, "mode: enforce\n")
    with pytest.raises(InputError, match="not a plain file"):
        load(repo, file=".github", ref="HEAD")
    with pytest.raises(InputError, match="no such policy file"):
        load(repo, file="elsewhere.yml", ref="HEAD")


def test_a_git_that_fails_has_not_said_that_there_is_no_policy(repo):
    """A tree that is missing (a partial or damaged clone) must not read as the shipped, observing policy."""
    base = commit(repo, "mode: enforce\n")
    names = ("HEAD^{tree}", "HEAD:.github", "HEAD:.github/signalbox.yml")
    found = subprocess.run(
        ["git", "-C", repo, "rev-parse", *names], check=True, capture_output=True, text=True
    )
    for tree in reversed(found.stdout.split()):
        (repo / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
        with pytest.raises(InputError, match="the policy file cannot be read"):
            load(repo, ref=base)


def test_neither_the_environment_nor_a_replacement_shows_another_policy(repo, tmp_path_factory, monkeypatch):
    base = commit(repo, "mode: enforce\n")
    other = commit(repo, "mode: observe\n")
    subprocess.run([*GIT, "-C", repo, "replace", base, other], check=True)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    subprocess.run(["git", "init", "-q", elsewhere], check=True)
    monkeypatch.setenv("GIT_DIR", str(elsewhere / ".git"))
    assert load(repo, ref=base).settings.mode == "enforce"


def test_without_git_the_policy_of_a_commit_cannot_be_read(repo, tmp_path_factory, monkeypatch):
    commit(repo, "mode: enforce\n")
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))
    with pytest.raises(InputError, match="git is not installed"):
        load(repo, ref="HEAD")


def test_a_git_that_never_answers_is_given_up(repo, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("slow")
    (folder / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(sys.modules["signalbox.config.load"], "_GIT_SECONDS", 0.2)
    with pytest.raises(InputError, match="git took more than"):
        load(repo, ref="HEAD")


@pytest.mark.parametrize("name", ["a\0b", "../outside.yml"])
def test_a_name_that_is_none_is_refused(repo, name):
    commit(repo, "mode: enforce\n")
    with pytest.raises(InputError):
        load(repo, file=name)


@pytest.mark.parametrize(
    "name", ["GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "ACTIONS_RUNTIME_TOKEN", "key", "X_API_KEY_2"]
)
def test_no_other_secret_can_be_named_as_the_models_key(name):
    with pytest.raises(InputError, match=r"f\.yml:2: advisor\.key-variable"):
        parse(f"advisor:\n  key-variable: {name}\n".encode(), "f.yml")


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "SIGNALBOX_ADVISOR_KEY"])
def test_a_models_own_key_can_be_named(name):
    assert parse(f"advisor: {{key-variable: {name}}}\n".encode(), "f.yml").advisor.key_variable == name


@pytest.mark.parametrize("policy", [".github", "examples/storefront/.github"])
def test_the_policies_of_this_repository_are_valid(policy):
    root = Path(__file__).parents[3]
    path = root / policy / "signalbox.yml"
    assert parse(path.read_bytes(), str(path)).suites["unit"].tests
