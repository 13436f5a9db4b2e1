"""The policy of environments: the shipped one stands, and what cannot be meant is refused with its line."""

import re

import pytest
import yaml

from signalbox.config import Settings, parse
from signalbox.config.environments import shipped
from signalbox.config.environments_check import lint, problems
from signalbox.errors import InputError

CONTRACT = "{agent_id: %s, environment: %s, actions: [%s], forbidden_actions: [%s]}"
ROUTE = "{id: %s, gate: gate-3, failure: any, to: developer-agent, task: a, details: b%s}"
GATE = "{from: development, to: staging, %s}"


def refused(text):
    with pytest.raises(InputError) as error:
        parse(("environments:\n" + text).encode(), "policy.yml")
    return str(error.value)


def test_the_shipped_policy_has_no_mistake_and_only_nobody_in_its_roles():
    assert list(problems(Settings().environments)) == []
    found = [text for _, text in lint(Settings().environments)]
    assert found
    assert all(text.startswith("nobody holds the role") for text in found), found


def test_an_empty_section_is_the_shipped_one_and_a_table_given_replaces_only_itself():
    assert parse(b"environments: {}\n", "f") == Settings()
    found = parse(b"environments:\n  roles: {developer: [ada], qualified-reviewer: [], qa-lead: [],"
                  b" security-engineer: [], compliance-officer: [], plan-reviewer: [],"
                  b" platform-engineer: []}\n", "f")  # fmt: skip
    assert found.environments.roles["developer"] == ("ada",)
    assert found.environments.gates == Settings().environments.gates


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (f"  contracts:\n    - {CONTRACT % ('a', 'nowhere', 'x', '')}\n", 3, "unknown environment 'nowhere'"),
        (f"  contracts:\n    - {CONTRACT % ('developer-agent', 'staging', 'x', 'x')}\n", 3,
         "may and may not x"),
        ("  contracts: []\n", 1, "so says the shipped table"),
        ("  roles: {}\n", 1, "unknown role 'developer'"),
        ("  checks: {}\n", 1, "unknown check"),
        (f"  routes:\n    - {ROUTE % ('a', ', then: b')}\n    - {ROUTE % ('b', ', then: a')}\n", 3,
         "leads back to itself"),
        (f"  routes:\n    - {ROUTE % ('a', ', then: nobody')}\n", 3, "unknown route 'nobody'"),
        ("  routes:\n    - {id: a, gate: gate-3, failure: any, to: pirate, task: a, details: b}\n", 3,
         "unknown agent 'pirate'"),
        ("  routes:\n    - {id: a, gate: gate-9, failure: any, to: qa-agent, task: a, details: b}\n", 3,
         "unknown gate 'gate-9'"),
        ("  tiers:\n    - {tier: 2, when: risk == low}\n    - {tier: 3, when: risk == huge}\n", 4,
         "cannot be read"),
        ("  tiers:\n    - {tier: 2, when: risk == low and risk == high}\n", 3, "never holds"),
        ("  tiers:\n    - {tier: 2, when: tier == 2}\n", 3, "cannot depend on the tier"),
        ("  identities:\n    pirate: {logins: [x]}\n", 3, "unknown agent 'pirate'"),
        ("  people:\n    ada: {emails: [a@x]}\n    bob: {emails: [A@x]}\n", 4, "one person, one entry"),
        ("  environment-roles: {prod: king}\n", 2, "unknown role 'king'"),
        ("  data: {prompts: {production: somewhere}}\n", 2, "full or as references"),
        ("  rollback:\n    - {severity: high, where: moon, proposes: ops-agent, approves: human, within: 5,"
         " action: x}\n", 3, "unknown environment 'moon'"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_line(text, line, says):
    found = refused(text)
    assert says in found, found
    assert found.startswith(f"policy.yml:{line}:"), found


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        ("auto: [{check: no-such}]", "unknown check 'no-such'"),
        ("auto: []", "asks for nothing, so it can never fail"),
        ("includes: gate-3, auto: [{check: lint}]", "includes itself"),
        ("includes: gate-8, auto: [{check: lint}]", "unknown gate 'gate-8'"),
        ("human: [{id: a, role: king}]", "unknown role 'king'"),
        ("auto: [{check: lint}, {check: lint}]", "stands twice"),
        ("auto: [{check: lint, when: tier == 1 and tier == 2}]", "can never fail"),
    ],
)
def test_a_gate_that_cannot_be_meant_is_refused(gate, says):
    places = "development: {exit: gate-3}, staging: {exit: gate-3}"
    text = f"  places: {{{places}}}\n  contracts: []\n  data: {{}}\n  rollback: []\n  routes: []\n  checks:"
    text += " {lint: {owner: developer-agent}}\n  gates:\n    gate-3: " + GATE % gate + "\n"
    text = text.replace(
        "contracts: []", "contracts: [" + CONTRACT % ("developer-agent", "staging", "", "") + "]"
    )
    assert says in refused(text)


def test_the_linter_finds_gates_out_of_reach_and_agents_without_a_contract():
    plain = yaml.safe_load(yaml.safe_dump(shipped()))
    plain["places"]["development"]["agents"].append("qa-agent")
    plain["routes"] = [row for row in plain["routes"] if row["gate"] != "gate-7"]
    plain["tiers"].append({"tier": 2, "when": "risk <= high"})
    text = yaml.safe_dump({"environments": plain})
    found = " | ".join(text for _, text in lint(parse(text.encode(), "f").environments))
    assert "qa-agent stands in development and has no contract there" in found
    assert "nobody gets a incident of gate-7" in found
    assert "always holds" in found


def test_every_row_of_the_shipped_policy_is_one_line():
    from pathlib import Path

    import signalbox.config.environments as module

    text = Path(module.__file__).with_suffix(".yml").read_text()
    rows = [line for line in text.splitlines() if re.match(r"\s+(- \{|[a-z0-9-]+: \{)", line)]
    plain = shipped()
    count = sum(
        len(plain[name]) for name in ("places", "contracts", "checks", "routes", "tiers", "data", "rollback")
    )
    count += sum(len(gate.get(k, [])) for gate in plain["gates"].values() for k in ("auto", "human"))
    assert len(rows) == count
