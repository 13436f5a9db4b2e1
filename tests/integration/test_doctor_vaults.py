"""doctor compares the secrets that each environment holds with its vault's list, by their names."""

import json

import pytest
from test_github_doctor import REPO, checks, doctor, set_up
from test_github_doctor import github_double as github_double

from doubles.github import routes_gates  # noqa: F401  (its endpoints register themselves)
from doubles.github.faults import permission

LISTED = {"dev-vault": ["DB_URL"], "staging-vault": ["DB_URL"], "production-vault": ["DB_URL", "PAY_KEY"]}
NAMES = (
    "secrets of development",
    "secrets of staging",
    "secrets of production",
    "secrets outside environments",
)


def look(double, folder, *, loose=(), **held):
    set_up(double)
    repository = double.state.repositories[REPO]
    here = {"development": ["DB_URL"], "staging": ["DB_URL"], "production": ["DB_URL", "PAY_KEY"]} | held
    for number, place in enumerate(("development", "staging"), 20):
        repository.environments.append({"id": number, "name": place, "protection_rules": []})
    for row in repository.environments:
        row["secrets"] = here[row["name"]]
    repository.secrets = list(loose)
    (folder / ".github").mkdir()
    (folder / ".github/signalbox.yml").write_text(json.dumps({"environments": {"vaults": LISTED}}))
    reads = dict.fromkeys(("contents", "actions", "administration", "secrets", "environments"), "read")
    double.add_token("maintainer", "ada", permissions=reads)
    asked = ("--repository", REPO, "--format", "json")
    found = checks(doctor(folder, *asked, double=double, GITHUB_TOKEN="maintainer"))
    return {name: (found[name]["state"], found[name]["found"]) for name in NAMES}


def test_each_environment_holds_exactly_what_its_vault_lists(github_double, tmp_path):
    found = look(github_double, tmp_path)
    assert {state for state, _ in found.values()} == {"ok"}, found


@pytest.mark.parametrize(
    ("held", "name", "says"),
    [
        ({"staging": ["DB_URL", "PAY_KEY"]}, NAMES[1], "PAY_KEY is of production-vault"),
        ({"staging": ["DB_URL", "EXTRA"]}, NAMES[1], "EXTRA is on no list"),
        ({"production": ["PAY_KEY"]}, NAMES[2], "DB_URL is not there"),
        ({"loose": ["PAY_KEY"]}, NAMES[3], "every job can read PAY_KEY"),
    ],
)
def test_what_lies_elsewhere_or_nowhere_is_named(github_double, tmp_path, held, name, says):
    found = look(github_double, tmp_path, **held)
    assert found.pop(name)[0] == "missing"
    assert {state for state, _ in found.values()} == {"ok"}


def test_names_that_may_not_be_read_are_not_verified(github_double, tmp_path):
    github_double.faults.add(permission("GET", "*/environments/*/secrets", "environments=read", times=-1))
    found = look(github_double, tmp_path)
    assert found[NAMES[0]][0] == "not_verified"


def test_without_a_list_nothing_is_asked(github_double, tmp_path):
    set_up(github_double)
    found = checks(doctor(tmp_path, "--repository", REPO, "--format", "json", double=github_double))
    assert not set(NAMES) & set(found)
