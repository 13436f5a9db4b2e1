"""Artifact quality: a whole record passes; without any one field, or with something hidden, it does not."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from signalbox.contracts import read_folder
from signalbox.contracts.records import record_faults
from signalbox.phases import rules

EVALS = Path(__file__).resolve().parents[3] / "evals"
CONTRACTS, _ = read_folder(EVALS / "contracts")
PHASES = {name: one.fields for name, one in CONTRACTS.items() if one.front is not None}
RECORDS = {name: json.loads((EVALS / f"fixtures/records/{name}.json").read_text()) for name in PHASES}
ENVELOPE = {"work_item", "at", "by", "schema_version"}
FIELDS = [(phase, field) for phase, fields in PHASES.items() for field in fields]


@pytest.mark.parametrize("phase", PHASES)
def test_a_whole_record_passes(phase):
    assert set(RECORDS[phase]) - ENVELOPE == set(PHASES[phase]) - ENVELOPE
    assert record_faults(phase, RECORDS[phase], PHASES[phase]) == []


@pytest.mark.parametrize("phase", PHASES)
def test_the_fixture_is_a_record_by_its_published_schema_and_by_the_rules(phase):
    schema = json.loads((EVALS.parent / f"docs/schema/phase-{phase}.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(RECORDS[phase])
    rules.read(phase, json.dumps(RECORDS[phase]).encode(), phase)


@pytest.mark.parametrize(("phase", "field"), FIELDS)
def test_a_record_without_a_required_field_fails(phase, field):
    record = {name: value for name, value in RECORDS[phase].items() if name != field}
    assert record_faults(phase, record, PHASES[phase]) == [f"{field} is missing"]


def changed(phase, **fields):
    record = copy.deepcopy(RECORDS[phase]) | fields
    return " ".join(record_faults(phase, record, PHASES[phase]))


BUILD = [{**RECORDS["verify-work"]["manifest"][0], "ref": "build.log", "kind": "build"}]
PASSED = {**RECORDS["verify-work"]["criteria"][0], "evidence": ["build.log"]}
NEGATIVE = {
    "no goal check": ("goal-fit", {"met": "tests are green"}, "no goal check"),
    "a goal met by nothing": ("goal-fit", {"observed": ""}, "observed is empty"),
    "green build only": (
        "evidence-gate",
        {"criteria_map": {"AC1": "PASS"}, "manifest": BUILD, "verdict": "PASS"},
        "green build only",
    ),
    "green build only while verifying": (
        "verify-work",
        {"criteria": [PASSED], "manifest": BUILD, "result": "PASS"},
        "green build only",
    ),
    "nothing but a word while verifying": (
        "verify-work",
        {"criteria": [{**PASSED, "evidence": []}], "result": "PASS"},
        "with no evidence",
    ),
    "hidden NOT_VERIFIED": ("evidence-gate", {"verdict": "PASS"}, "hidden NOT_VERIFIED"),
    "hidden FAIL": ("evidence-gate", {"criteria_map": {"AC1": "FAIL"}}, "hidden FAIL"),
    "a criterion without a state": (
        "evidence-gate",
        {"criteria_map": {"AC1": None}, "verdict": "PASS"},
        "hidden NOT_VERIFIED",
    ),
    "a FAIL that is not kept": ("verify-work", {"result": "PASS"}, "hidden FAIL"),
    "a correction without its key": ("learning-review", {"correction": {"needed": True}}, "recurrence_key"),
    "a clean run with a route": (
        "learning-review",
        {"correction": {"needed": False, "prevention": "a guest case"}},
        "no open route",
    ),
    "an empty plan": ("release-readiness", {"rollback_plan": ""}, "rollback_plan is empty"),
}


@pytest.mark.parametrize("name", NEGATIVE)
def test_a_record_that_hides_something_fails(name):
    phase, fields, says = NEGATIVE[name]
    assert says in changed(phase, **fields)


def test_a_clean_run_says_so():
    assert changed("learning-review", correction={"needed": False}, open_routes=[]) == ""


@pytest.mark.parametrize("phase", PHASES)
def test_the_contract_names_the_fields_of_the_published_schema(phase):
    schema = json.loads((EVALS.parent / f"docs/schema/phase-{phase}.schema.json").read_text())
    schema = schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    fields = set(PHASES[phase]) - ENVELOPE
    assert set(schema["required"]) - ENVELOPE <= fields <= set(schema["properties"])


# -- hook influence


HOOKS = json.loads((EVALS / "fixtures/hook-influence/cases.json").read_text())


def test_the_four_required_hook_cases_are_there_each_with_a_tier_per_runtime():
    required = {"missing-pickup-probe", "review-before-verification", "verification-failed", "goal-fit-stop"}
    assert {case["id"] for case in HOOKS["cases"]} == required
    for case in HOOKS["cases"]:
        assert case["phase"] in PHASES
        assert set(case["tier"]) == set(HOOKS["runtimes"])
        for tier in case["tier"].values():
            assert tier["reached"] in HOOKS["tiers"]
            assert tier["gap"] in ("", "documented-runtime-gap")
        assert all(words.lower() in case["guidance"].lower() for words in case["guidance_contains"])
        assert case["agent_then"]
