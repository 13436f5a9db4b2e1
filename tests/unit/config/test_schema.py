"""The published schemas: up to date, valid, and in agreement with the readers."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from signalbox.config import Settings, parse
from signalbox.decision import canonical
from signalbox.errors import InputError
from unit.decision.test_records import decision

FOLDER = Path(__file__).parents[3] / "docs" / "schema"
FILES = sorted(FOLDER.glob("*.schema.json"))


def test_every_schema_is_up_to_date():
    done = subprocess.run([sys.executable, FOLDER / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_schema_is_a_schema(path):
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_a_decision_fits_its_schema_and_less_does_not():
    schema = json.loads((FOLDER / "decision.schema.json").read_text())
    plain = json.loads(canonical(decision()))
    jsonschema.validate(plain, schema)
    for field in ("kind", "verdict", "policy", "reasons", "decided_at"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({key: value for key, value in plain.items() if key != field}, schema)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("mode: enforce", True),
        ("rollout: {slices: [5, 100], alpha: 0.01}", True),
        ("suites: {unit: {minutes: 2, paths: ['**']}}", True),
        ("rolout: {}", False),
        ("rollout: {alpha: 2}", False),
        ("suites: {unit: {}}", False),
    ],
)
def test_editors_and_the_reader_agree(text, fits):
    schema = json.loads((FOLDER / "signalbox.schema.json").read_text())
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(yaml.safe_load(text)))
    assert (not errors) == fits
    if fits:
        assert isinstance(parse(text.encode(), "f"), Settings)
    else:
        with pytest.raises(InputError):
            parse(text.encode(), "f")


def test_every_key_of_a_policy_says_what_it_means():
    """The environment model is explained table by table: by its types and in docs/environments.md."""
    kinds = json.loads((FOLDER / "signalbox.schema.json").read_text())["$defs"]
    explained_whole = {name for name in kinds if name not in KEYS_OF_PEOPLE}
    assert "Gate" in explained_whole
    silent = {
        f"{name}.{key}"
        for name in KEYS_OF_PEOPLE
        for key, about in kinds[name]["properties"].items()
        if not about.get("description")
    }
    assert silent == set()


KEYS_OF_PEOPLE = {
    "Settings", "Suite", "Module", "Selection", "Concurrency", "Scoring", "LicenceRules", "DependencyRules",
    "ScoreModel", "Costs", "Rollout", "Ratio", "Evals", "Critical", "JudgeSettings", "LedgerSettings",
    "Feedback", "Rewards", "AdvisorSettings",
}  # fmt: skip
