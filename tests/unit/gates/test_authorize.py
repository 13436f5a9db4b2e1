"""Contracts: default deny, each list of each line, and an independent reading of the tables."""

import importlib.util
import random
import sys
from pathlib import Path

import msgspec
import pytest

from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp, Subject
from signalbox.gates.authorize import HumanApproval, Inputs, answer, decide, table_of, who_did_what

ROOT = Path(__file__).parents[3]
NOW = "2026-03-02T12:00:00Z"
STAMP = Stamp(id="00000000-0000-4000-8000-000000000001", at=NOW, producer="test")
TABLE = table_of(Settings().environments)
CONTRACTS = Settings().environments.contracts


def ask(agent, environment, action, **more):
    subject = more.pop("subject", Subject(environment=environment))
    return Inputs(subject=subject, agent=agent, environment=environment, action=action, **more)


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(ROOT / "bench"))
    try:
        spec = importlib.util.spec_from_file_location("bench_gates", ROOT / "bench" / "gates.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(ROOT / "bench"))


def test_answers_agree_with_a_reading_of_the_tables_line_by_line(bench):
    lines = bench.yaml.safe_load(bench.SHIPPED.read_text())["contracts"]
    found = [(answer(q, TABLE, NOW).verdict, bench.brute_force(lines, q))
             for q in bench.questions(lines, 20_000, random.Random(3))]  # fmt: skip
    assert [pair for pair in found if pair[0] != pair[1]] == []
    assert {pair[0] for pair in found} == {"allow", "deny"}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda one: f"{one.agent_id}-{one.environment}")
def test_each_line_allows_what_it_says_denies_what_it_forbids_and_nothing_without_it(contract):
    agent, where = contract.agent_id, contract.environment
    without = table_of(msgspec.structs.replace(
        Settings().environments, contracts=tuple(c for c in CONTRACTS if c is not contract)))  # fmt: skip
    for action in contract.actions:
        assert answer(ask(agent, where, action), TABLE, NOW).verdict == "allow"
        assert answer(ask(agent, where, action), without, NOW).code == "no-contract"
    for action in [*contract.forbidden_actions, *contract.needs_approval, "something-else"]:
        assert answer(ask(agent, where, action), TABLE, NOW).verdict == "deny"


def test_forbidden_wins_and_inputs_outputs_and_class_are_asked_too():
    def code(**more):
        return answer(ask("developer-agent", "development", "write-code", **more), TABLE, NOW).code

    assert code() == "contract"
    assert code(inputs=("approved-story",), classification="Internal") == "contract"
    assert code(inputs=("approved-story",)) == "not-classified"
    assert code(inputs=("test-failure-details",), classification="Internal") == "input-not-listed"
    assert code(outputs=("remediation-notes",)) == "output-not-listed"
    assert code(classification="Confidential") == "classification"
    assert code(classification="Secret") == "unknown-class"
    assert answer(ask("developer-agent", "production", "write-code"), TABLE, NOW).code == "forbidden"


def consent(**change):
    fields = {"by": "ada", "agent": "ops-agent", "environment": "production", "action": "execute-rollback"}
    return HumanApproval(**(fields | {"expires": "2026-03-02T13:00:00Z", "verified": True} | change))


@pytest.mark.parametrize(
    ("approval", "allowed"),
    [
        (consent(), True),
        (None, False),
        (consent(verified=False), False),
        (consent(by=""), False),
        (consent(action="deploy"), False),
        (consent(agent="platform-agent"), False),
        (consent(environment="staging"), False),
        (consent(expires="2026-03-02T11:00:00Z"), False),
        (consent(expires="soon"), False),
        (consent(digest="sha256:" + "0" * 64), False),
    ],
)
def test_what_needs_a_person_needs_that_persons_word_for_exactly_this(approval, allowed):
    subject = Subject(environment="production", digest="sha256:" + "a" * 64)
    if approval is not None and allowed:
        approval = msgspec.structs.replace(approval, digest=subject.digest)
    question = ask("ops-agent", "production", "execute-rollback", approval=approval, subject=subject)
    assert (answer(question, TABLE, NOW).verdict == "allow") == allowed


def test_an_approval_opens_nothing_that_is_forbidden():
    question = ask("ops-agent", "production", "modify-code", approval=consent(action="modify-code"))
    assert answer(question, TABLE, NOW).code == "forbidden"


@pytest.mark.parametrize(
    ("more", "verdict", "code"),
    [
        ({}, "allow", "contract"),
        ({"identity_required": True}, "deny", "no-identity"),
        ({"identity_required": True, "identity": "the workflow x"}, "allow", "contract"),
        ({"identity": "the login x", "mismatch": "qa-agent"}, "deny", "other-identity"),
    ],
)
def test_who_asks_must_be_proved_where_the_answer_is_acted_upon(more, verdict, code):
    made = decide(ask("qa-agent", "staging", "run-tests", **more), Settings(), PolicyRef(sha256="0"), STAMP)
    assert (made.verdict, made.reasons[0].code) == (verdict, code)
    assert made.outputs["line"]["agent_id"] == "qa-agent"


def test_the_report_counts_what_was_allowed_and_denied():
    made = [decide(ask("qa-agent", "staging", action), Settings(), PolicyRef(sha256="0"), STAMP)
            for action in ("run-tests", "run-tests", "modify-source")]  # fmt: skip
    rows = who_did_what([msgspec.to_builtins(one) for one in made] + [{"kind": "gate"}])
    assert rows == [
        ("qa-agent", "staging", "modify-source", 0, 1),
        ("qa-agent", "staging", "run-tests", 2, 0),
    ]
