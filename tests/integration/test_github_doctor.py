"""doctor.py as a person calls it, against the double of GitHub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doubles.github import GitHubDouble as Double
from doubles.github.faults import permission
from doubles.github.fixtures import github_double as github_double

SCRIPT = Path(__file__).parents[2] / "scripts/doctor.py"
REPO = "acme/shop"


def doctor(
    folder: Path, *args: str, double: Double | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], **(double.environ() if double else {}), **more}
    command = [sys.executable, str(SCRIPT), "--repo", str(folder), *args]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)


def checks(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def set_up(double: Double) -> None:
    repository = double.add_repository(REPO)
    rule = {"id": 3, "type": "required_reviewers", "prevent_self_review": True}
    reviewer = {"type": "User", "reviewer": user(double, "alice")}
    repository.environments.append(
        {"id": 1, "name": "production", "protection_rules": [{**rule, "reviewers": [reviewer]}]}
    )
    check = {"context": "signalbox / change", "integration_id": 15368}
    parameters = {"required_status_checks": [check], "strict_required_status_checks_policy": False}
    required = {"type": "required_status_checks", "parameters": parameters}
    repository.rulesets.append({"id": 5, "name": "main", "rules": [required]})
    repository.rulesets.append(
        {
            "id": 6,
            "name": "ledger",
            "include": ["refs/heads/signalbox-ledger"],
            "rules": [{"type": "deletion"}, {"type": "non_fast_forward"}],
        }
    )
    repository.caches.append({"id": 7, "key": "signalbox-index-1", "ref": "refs/heads/main"})


def user(double: Double, login: str) -> dict[str, Any]:
    from doubles.github import shapes

    return shapes.user(double.request_for(REPO), login)


def test_offline_the_networks_checks_are_named_as_skipped(tmp_path: Path) -> None:
    done = doctor(tmp_path)
    assert done.returncode == 3
    assert "skipped: no --repository was given" in done.stdout
    assert "To do:" in done.stdout


def test_a_repository_that_is_set_up(github_double: Double, tmp_path: Path) -> None:
    set_up(github_double)
    found = checks(doctor(tmp_path, "--repository", REPO, "--format", "json", double=github_double))
    remote = {name: check["state"] for name, check in found.items() if name in NETWORK}
    assert remote == dict.fromkeys(NETWORK, "ok")


NETWORK = (
    "repository on GitHub",
    "Actions policy",
    "default token is read-only",
    "impact index in the cache",
    "status required by a ruleset",
    "environments protected",
    "ledger branch protected",
)


def break_it(double: Double, what: str) -> None:
    repository = double.state.repositories[REPO]
    match what:
        case "no required status":
            repository.rulesets.pop(0)
        case "any source":
            rules = repository.rulesets[0]["rules"][0]["parameters"]["required_status_checks"][0]
            del rules["integration_id"]
        case "bare environment":
            repository.environments.append({"id": 9, "name": "prodution"})
        case "no reviewers":
            repository.environments[0]["protection_rules"] = [{"id": 1, "type": "branch_policy"}]
        case "self-review":
            repository.environments[0]["protection_rules"][0]["prevent_self_review"] = False
        case "ledger can be rewritten":
            repository.rulesets[1]["rules"].pop()
        case "writing token":
            repository.workflow_permissions["default_workflow_permissions"] = "write"
        case "only local actions":
            repository.actions_permissions["allowed_actions"] = "local_only"
        case "no index":
            repository.caches.clear()


@pytest.mark.parametrize(
    ("what", "name", "says"),
    [
        ("no required status", "status required by a ruleset", "no check is required on main"),
        ("any source", "status required by a ruleset", "anyone with write access"),
        ("bare environment", "environments protected", "prodution"),
        ("no reviewers", "environments protected", "no required reviewers"),
        ("self-review", "environments protected", "may approve it"),
        ("ledger can be rewritten", "ledger branch protected", "can be taken away"),
        ("writing token", "default token is read-only", "may write everything"),
        ("only local actions", "Actions policy", "only actions of this repository"),
        ("no index", "impact index in the cache", "none for main"),
    ],
)
def test_what_is_missing_is_named_with_its_page(
    github_double: Double, tmp_path: Path, what: str, name: str, says: str
) -> None:
    set_up(github_double)
    break_it(github_double, what)
    done = doctor(tmp_path, "--repository", REPO, "--format", "json", double=github_double)
    assert done.returncode == 3
    found = checks(done)
    assert found[name]["state"] == "missing"
    assert says in found[name]["found"]
    assert found[name]["fix"]
    assert [n for n in NETWORK if found[n]["state"] != "ok"] == [name]


def test_what_the_token_may_not_read_is_not_verified_and_names_the_permission(
    github_double: Double, tmp_path: Path
) -> None:
    set_up(github_double)
    github_double.faults.add(permission("GET", "*/environments", "actions=read", times=-1))
    github_double.state.tokens["ghs_double"].permissions.pop("administration")
    found = checks(doctor(tmp_path, "--repository", REPO, "--format", "json", double=github_double))
    assert found["environments protected"]["state"] == "not_verified"
    assert "actions: read" in found["environments protected"]["fix"]
    assert found["Actions policy"]["state"] == "not_verified"
    assert "administration: read" in found["Actions policy"]["fix"]


def test_a_repository_that_is_not_there(github_double: Double, tmp_path: Path) -> None:
    done = doctor(tmp_path, "--repository", "acme/nothing", "--format", "json", double=github_double)
    assert done.returncode == 3
    assert {checks(done)[name]["state"] for name in NETWORK} == {"not_verified"}


@pytest.mark.parametrize("name", ["acme", "../../user", "acme/shop?x"])
def test_a_name_that_is_none(github_double: Double, tmp_path: Path, name: str) -> None:
    done = doctor(tmp_path, "--repository", name, double=github_double)
    assert done.returncode == 2
    assert "owner/name" in done.stderr
    assert github_double.requests == []


def test_a_broken_policy_is_a_finding_and_not_the_end(tmp_path: Path) -> None:
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github/signalbox.yml").write_text("mode: nonsense\n")
    done = doctor(tmp_path, "--format", "json")
    assert done.returncode == 3
    assert checks(done)["policy file"]["state"] == "missing"
    assert "signalbox.yml:1" in checks(done)["policy file"]["found"]


def add_runs(double: Double, number: int, files: dict[str, str]) -> None:
    for n in range(number):
        sha = double.commit(REPO, "main", dict.fromkeys(files, f"{n}"))
        day = f"2026-01-{n % 28 + 1:02}T10:"
        job = {"created_at": f"{day}00:00Z", "started_at": f"{day}01:00Z", "completed_at": f"{day}11:00Z"}
        double.add_run(
            REPO,
            [
                {"name": "unit tests", **job},
                {"name": "build", **job},
                {"name": "tests", "conclusion": "skipped"},
            ],
            head_sha=sha,
            created_at=f"{day}00:00Z",
        )


def test_the_estimate_replays_the_last_runs(github_double: Double, tmp_path: Path) -> None:
    github_double.add_repository(REPO)
    add_runs(github_double, 22, {"src/shop.py": ""})
    add_runs(github_double, 3, {"tox.ini": "", "src/shop.py": ""})
    github_double.add_run(REPO, event="schedule")
    github_double.add_run(REPO, conclusion="cancelled")
    args = ("--repository", REPO, "--estimate", "--format", "json")
    found = json.loads(doctor(tmp_path, *args, double=github_double).stdout)["estimate"]
    assert (found["runs"], found["tested"], found["widened"], found["unknown"]) == (25, 25, 3, 0)
    assert (found["test_minutes"], found["minutes"]) == (250, 500)
    assert 0 < found["low"] < found["high"] < 250
    assert (found["waited_p50"], found["enough"]) == (1, True)
    shown = doctor(tmp_path, "--repository", REPO, "--estimate", double=github_double).stdout
    assert "would have saved between" in shown
    assert "Assumed, not measured here" in shown


def test_too_few_runs_and_unreadable_runs(github_double: Double, tmp_path: Path) -> None:
    github_double.add_repository(REPO)
    add_runs(github_double, 3, {"src/shop.py": ""})
    args = ("--repository", REPO, "--estimate")
    assert "Too few runs to say: 3" in doctor(tmp_path, *args, double=github_double).stdout
    github_double.faults.add(permission("GET", "*/actions/runs", "actions=read", times=-1))
    done = doctor(tmp_path, *args, double=github_double)
    assert done.returncode == 2
    assert "actions: read" in done.stderr


def test_an_estimate_needs_a_repository(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--estimate")
    assert done.returncode == 2
    assert "--repository" in done.stderr


def test_under_actions_it_never_fails_the_job_and_writes_a_summary(tmp_path: Path) -> None:
    summary, output = tmp_path / "summary", tmp_path / "output"
    files = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}
    for file in (summary, output):
        file.touch()
    done = doctor(tmp_path, GITHUB_ACTIONS="true", **files)
    assert done.returncode == 0
    assert "| state" in summary.read_text()


CALLER = """on: push
permissions: {}
jobs:
  gate:
    uses: acme/signalbox/.github/workflows/pre-promote.yml@v1
"""


def test_a_caller_of_pre_promote_is_told_what_only_a_maintainer_sets_up(tmp_path, github_double):
    set_up(github_double)
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/gate.yml").write_text(CALLER)
    found = checks(doctor(tmp_path, "--repository", REPO, "--format", "json", double=github_double))
    assert found["dev-evals-green required on main"]["state"] == "missing"
    assert found["a prod environment with reviewers"]["state"] == "ok"
    github_double.add_token("job", "github-actions[bot]", "installation", {"contents": "read"})
    job = doctor(tmp_path, "--repository", REPO, "--format", "json", double=github_double, GITHUB_TOKEN="job")
    assert checks(job)["secret dev-api-key"]["state"] == "not_verified"
    assert "gh secret set DEV_API_KEY" in checks(job)["secret dev-api-key"]["fix"]
    github_double.add_token("maintainer", "ada", permissions={"secrets": "read", "contents": "read"})
    arguments = ("--repository", REPO, "--format", "json")
    found = checks(doctor(tmp_path, *arguments, double=github_double, GITHUB_TOKEN="maintainer"))
    assert found["secret dev-api-key"]["state"] == "missing"
    github_double.state.repositories[REPO].secrets.append("DEV_API_KEY")
    found = checks(doctor(tmp_path, *arguments, double=github_double, GITHUB_TOKEN="maintainer"))
    assert found["secret dev-api-key"]["state"] == "ok"
    github_double.state.repositories[REPO].secrets.clear()
    github_double.state.repositories[REPO].organization_secrets.append("AI_AGENTS_DEV_API_KEY")
    rules = github_double.state.repositories[REPO].rulesets[0]["rules"]
    required = rules[0]["parameters"]["required_status_checks"]
    required.append({"context": "dev-evals-green", "integration_id": 15368})
    found = checks(doctor(tmp_path, *arguments, double=github_double, GITHUB_TOKEN="maintainer"))
    assert found["secret dev-api-key"]["state"] == "ok"
    # A push straight to the branch would ask nobody.
    assert found["dev-evals-green required on main"]["state"] == "missing"
    rules.append(PULL_REQUEST)
    found = checks(doctor(tmp_path, "--repository", REPO, "--format", "json", double=github_double))
    assert found["dev-evals-green required on main"]["state"] == "ok"


PULL_REQUEST = {
    "type": "pull_request",
    "parameters": {
        "dismiss_stale_reviews_on_push": True,
        "require_code_owner_review": False,
        "require_last_push_approval": False,
        "required_approving_review_count": 1,
        "required_review_thread_resolution": False,
    },
}
POSTS = f"""\
on: pull_request
permissions: {{}}
jobs:
  status:
    permissions: {{statuses: write}}
    runs-on: ubuntu-latest
    steps:
      - uses: acme/signalbox/actions/post-status@{"0" * 40} # v1
"""
AUTOMATION = "kind: ImageUpdateAutomation\nspec: {update: {path: ./clusters/dev}}\n"


def test_promotions_elsewhere_are_looked_at_where_they_are_proposed(tmp_path, github_double):
    set_up(github_double)
    shop, clusters = tmp_path / "shop", tmp_path / "clusters"
    for folder, text in ((shop, f"{CALLER}    with: {{repository: acme/clusters}}\n"), (clusters, POSTS)):
        (folder / ".github/workflows").mkdir(parents=True)
        (folder / ".github/workflows/gate.yml").write_text(text)
        (folder / ".github/signalbox.yml").write_text("mode: advise\n")
    arguments = ("--repository", REPO, "--format", "json")
    found = checks(doctor(shop, *arguments, double=github_double))
    assert found["dev-evals-green required in acme/clusters"]["state"] == "not_verified"
    assert "--promotions" in found["Flux moves dev alone"]["fix"]
    repository = github_double.add_repository("acme/clusters")
    (clusters / "flux.yaml").write_text(AUTOMATION)
    found = checks(doctor(shop, *arguments, "--promotions", str(clusters), double=github_double))
    assert found["dev-evals-green required on main of acme/clusters"]["state"] == "missing"
    assert found["Flux moves dev alone"]["state"] == "ok"
    # There, all is set up once the status is required on pull requests: it holds no tests and no ledger.
    listed = [{"context": "dev-evals-green", "integration_id": 15368}]
    required = {"required_status_checks": listed, "strict_required_status_checks_policy": False}
    kinds = [
        {"type": "required_status_checks", "parameters": required},
        PULL_REQUEST,
    ]
    repository.rulesets.append({"id": 8, "name": "main", "rules": kinds})
    done = doctor(clusters, "--repository", "acme/clusters", "--format", "json", double=github_double)
    assert {name: check["state"] for name, check in checks(done).items() if check["state"] != "ok"} == {}
    assert done.returncode == 0


def test_a_repository_of_another_language_can_be_all_set_up(tmp_path, github_double):
    set_up(github_double)
    github_double.state.repositories[REPO].caches.clear()
    (tmp_path / ".github/workflows").mkdir(parents=True)
    called = CALLER.replace("pre-promote", "artifact-scoring").replace(
        "    uses", "    permissions: write-all\n    uses"
    )
    (tmp_path / ".github/workflows/ci.yml").write_text(called)
    (tmp_path / ".github/signalbox.yml").write_text("mode: advise\n")
    (tmp_path / "go.mod").write_text("module shop\n")
    done = doctor(tmp_path, "--repository", REPO, "--format", "json", double=github_double)
    assert {name: check["state"] for name, check in checks(done).items() if check["state"] != "ok"} == {}
    assert done.returncode == 0
