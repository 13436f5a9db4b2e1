"""The page that every summary links to knows each kind of decision and each reason by its code."""

import ast
import re
from pathlib import Path

import pytest

from signalbox.decision import ORDERS
from signalbox.render import wording
from signalbox.render.markdown import comment, markdown
from unit.decision.test_records import decision

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "why.md").read_text()
MAKERS = {"Reason", "full", "veto", "doubt", "Trouble"}
DECIDES = sorted(
    path
    for path in (ROOT / "scripts" / "signalbox").rglob("*.py")
    if path.name
    in ("decide.py", "rules.py", "supply.py", "assess.py", "claims.py", "readiness.py", "diff.py")
)


def codes(path: Path) -> set[str]:
    """Every code that is written out in the calls that make a reason."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MAKERS:
            given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "code")]
            found |= {one.value for one in given if isinstance(one, ast.Constant)}
    return {code for code in found if isinstance(code, str)}


def test_codes_are_found_at_all() -> None:
    assert len(DECIDES) > 8
    assert {"tests-fail", "CERTIFIED", "zero-tests"} <= set().union(*map(codes, DECIDES))


@pytest.mark.parametrize("path", DECIDES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_code_is_explained(path: Path) -> None:
    explained = set(re.findall(r"`([^`]+)`", PAGE))
    assert codes(path) - explained == set()


@pytest.mark.parametrize("kind", sorted(ORDERS))
def test_every_kind_has_its_heading_and_a_link_to_it(kind: str) -> None:
    made = decision(kind=kind, verdict=ORDERS[kind].verdicts[0])
    headings = {
        re.sub(r"[^a-z -]", "", h.lower()).replace(" ", "-") for h in re.findall("^## (.+)$", PAGE, re.M)
    }
    anchor = wording.anchor(made)
    assert anchor in headings
    docs = "https://github.example/acme/signalbox/blob/v1/docs"
    assert f"({docs}/why.md#{anchor})" in markdown(made, docs=docs)
    assert f"({docs}/why.md#{anchor})" in comment(made, docs=docs)
    assert "why.md" not in markdown(made)
