"""Checks of a working tree, each in a state that is right and in one that is wrong."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from signalbox.doctor import Check, local, read_workflows
from signalbox.doctor.workflows import Use, needed_permissions, read_workflow, ungranted

SHA = "0" * 40
CALLER = f"""\
on:
  pull_request:
  merge_group:
permissions: {{}}
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@{SHA} # v4
      - uses: ./local
  change:
    permissions: {{contents: read, pull-requests: write}}
    uses: acme/signalbox/.github/workflows/change.yml@v1
"""
CALLED = """\
on: workflow_call
permissions: {}
jobs:
  one: {permissions: {contents: read}, runs-on: x, steps: []}
  two: {permissions: {contents: read, pull-requests: write, statuses: write}, runs-on: x, steps: []}
"""


def repository(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        file = folder / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def workflow_repository(folder: Path, text: str) -> Path:
    file = folder / ".github/workflows/ci.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return folder


def states(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def test_a_repository_that_is_set_up(tmp_path: Path) -> None:
    repo = workflow_repository(tmp_path, CALLER)
    (repo / ".github/signalbox.yml").write_text("mode: advise\n")
    (repo / "requirements.txt").write_text("pytest==8\n")
    own = tmp_path / "own"
    own.mkdir()
    (own / "change.yml").write_text(CALLED.replace(", statuses: write", ""))
    workflows = read_workflows(repo)
    checks = [
        *local.check_caller(workflows),
        local.check_policy(repo),
        *local.check_permissions(workflows, own),
        local.check_pytest(repo),
        local.check_token_default(workflows),
        local.check_pins(workflows),
        local.check_merge_group(workflows),
    ]
    assert len(checks) == 7
    assert set(states(checks).values()) == {"ok"}
    assert not any(check.fix for check in checks)


def test_an_empty_folder_lacks_everything_and_says_what_to_do(tmp_path: Path) -> None:
    checks = local.check_all(tmp_path, read_workflows(tmp_path))
    assert "ok" not in states(checks).values()
    assert all(check.fix for check in checks)


@pytest.mark.parametrize("text", ["", "mode: enforce\n"])
def test_a_valid_policy(tmp_path: Path, text: str) -> None:
    repo = repository(tmp_path, **{".github__signalbox.yml": text})
    assert local.check_policy(repo).state == "ok"


def test_a_policy_that_is_not_valid_names_its_line(tmp_path: Path) -> None:
    check = local.check_policy(repository(tmp_path, **{".github__signalbox.yml": "\n\nmoed: enforce\n"}))
    assert check.state == "missing"
    assert "signalbox.yml:3" in check.found


def test_a_permission_that_the_caller_does_not_grant(tmp_path: Path) -> None:
    repo = workflow_repository(tmp_path, CALLER)
    own = repository(tmp_path / "own", **{"change.yml": CALLED})
    [check] = local.check_permissions(read_workflows(repo), own)
    assert check.state == "missing"
    assert check.found == "change needs statuses: write"
    assert "permissions: {contents: read, pull-requests: write, statuses: write}" in check.fix
    [unknown] = local.check_permissions(read_workflows(repo), tmp_path / "nowhere")
    assert unknown.state == "not_verified"


@pytest.mark.parametrize(
    ("granted", "lacking"),
    [
        ({"contents": "write", "statuses": "write"}, []),
        ({"contents": "read", "statuses": "read"}, ["statuses: write"]),
        ("write-all", []),
        ("read-all", ["statuses: write"]),
        (None, ["contents: read", "statuses: write"]),
    ],
)
def test_what_is_granted(granted: object, lacking: list[str]) -> None:
    assert ungranted({"contents": "read", "statuses": "write"}, granted) == lacking


def test_the_most_of_all_jobs_is_needed(tmp_path: Path) -> None:
    called = repository(tmp_path, **{"c.yml": CALLED}) / "c.yml"
    assert needed_permissions(read_workflow(called, "c.yml")) == {
        "contents": "read",
        "pull-requests": "write",
        "statuses": "write",
    }


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        (f"actions/checkout@{SHA}", True),
        ("actions/checkout@v4", False),
        (f"actions/checkout@{SHA[:-1]}", False),
        ("./x", True),
        ("$/actions/x", True),
        ("docker://alpine:3", False),
        (f"docker://alpine@sha256:{SHA}", True),
        ("actions/checkout", False),
    ],
)
def test_what_is_pinned(text: str, pinned: bool) -> None:
    assert Use(text, 1).pinned is pinned


def test_an_action_by_tag_is_named_with_its_line(tmp_path: Path) -> None:
    repo = workflow_repository(tmp_path, CALLER.replace(f"checkout@{SHA}", "checkout@v4"))
    check = local.check_pins(read_workflows(repo))
    assert check.state == "missing"
    assert check.found == ".github/workflows/ci.yml:9 actions/checkout@v4"


def test_a_merge_queue_would_wait_for_ever(tmp_path: Path) -> None:
    repo = workflow_repository(tmp_path, CALLER.replace("  merge_group:\n", ""))
    assert local.check_merge_group(read_workflows(repo)).state == "missing"


def test_a_workflow_that_takes_the_default_permissions(tmp_path: Path) -> None:
    repo = workflow_repository(tmp_path, CALLER.replace("permissions: {}\n", ""))
    assert local.check_token_default(read_workflows(repo)).state == "missing"


@pytest.mark.parametrize(
    "text",
    [
        "jobs: [",
        "- a\n",
        "a: &a [*a]\njobs: *a",
        "\x00",
        "jobs: 3",
        "x: !!python/object:os.system {}\njobs: {}",
    ],
)
def test_a_file_that_is_no_workflow_is_no_evidence(tmp_path: Path, text: str) -> None:
    repo = workflow_repository(tmp_path, text)
    workflows = read_workflows(repo)
    assert workflows[0].problem
    found = states(local.check_all(repo, workflows))
    assert found["workflow file"] == "not_verified"
    assert found["actions pinned to a commit"] == "not_verified"


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    outside = repository(tmp_path / "outside", **{"x.yml": CALLER}) / "x.yml"
    folder = tmp_path / "repo/.github/workflows"
    folder.mkdir(parents=True)
    (folder / "ci.yml").symlink_to(outside)
    assert read_workflows(tmp_path / "repo")[0].problem


def test_a_comment_is_no_pytest_suite(tmp_path: Path) -> None:
    repo = repository(tmp_path, **{"requirements.txt": "nose\n# pytest some day\n"})
    assert local.check_pytest(repo).state == "not_verified"


def test_the_fix_for_a_missing_policy_is_a_command_that_works_in_an_empty_folder(tmp_path: Path) -> None:
    subprocess.run(["sh", "-c", local.check_policy(tmp_path).fix], cwd=tmp_path, check=True)
    assert local.check_policy(tmp_path).state == "ok"


def test_the_caller_to_copy_is_there() -> None:
    [named] = re.findall(r"\S+/path-to-production\.yml", local.CALLER)
    assert (Path(__file__).parents[3] / named).is_file()


def test_every_action_and_workflow_of_this_library_is_known_as_ours() -> None:
    from signalbox.doctor.workflows import PUBLIC

    root = Path(__file__).resolve().parents[3]
    for action in sorted((root / "actions").glob("*/action.yml")):
        assert Use(f"acme/signalbox/actions/{action.parent.name}@v1", 1).ours == action.parent.name
    public = {
        path.stem
        for path in (root / ".github/workflows").glob("*.yml")
        if "workflow_call:" in path.read_text() and "workflow_dispatch:" in path.read_text()
    }
    assert public <= set(PUBLIC)
    assert Use("acme/signalbox/actions/bake-cake@v1", 1).ours == ""


def test_a_repository_of_another_language_and_one_that_is_read_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "Cargo.toml").write_text("[package]\n")
    assert local.check_pytest(tmp_path).state == "ok"
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert local.check_pytest(tmp_path).state == "not_verified"
