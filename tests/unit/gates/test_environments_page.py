"""The page of environments is written from the policy, and shows every row of it."""

from pathlib import Path

from signalbox.config import Settings
from signalbox.gates.page import page

E = Settings().environments
PAGE = Path(__file__).parents[3] / "docs" / "environments.md"


def test_the_page_is_what_the_policy_says():
    assert PAGE.read_text("utf-8") == page(E), "run: python -m signalbox.gates.page > docs/environments.md"


def test_every_row_of_the_policy_stands_on_it():
    text = PAGE.read_text("utf-8")
    for one in E.contracts:
        assert f"| {one.agent_id} | {one.environment} |" in text
    for gate in E.gates.values():
        for auto in gate.auto:
            assert f"| {E.checks[auto.check].title} | evidence |" in text
        for human in gate.human:
            assert f"| {human.title} | role `{human.role}` |" in text
    for rule in E.rollback:
        assert f"| {rule.severity} | {rule.where} | {rule.proposes} |" in text
    for kind in E.data:
        assert f"| {kind} |" in text
