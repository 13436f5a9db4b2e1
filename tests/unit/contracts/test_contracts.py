"""The phases' contracts: each must and must-not is checked, and turning its sentence round is found."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from signalbox.contracts import Unreadable, check, read_clauses, read_contract, read_folder

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "evals/contracts"
CLAUSES = read_clauses((ROOT / "evals/static/clauses.yaml").read_bytes(), "clauses.yaml")
CONTRACTS, TEXTS = read_folder(FOLDER)
SENTENCES = [(name, s) for name, contract in CONTRACTS.items() for s in contract.sentences]
# phases.md's rows: every phase has a contract.
PHASES = {
    *("idea-to-backlog", "pull-work", "design-probe", "plan-work", "execute", "review-work", "verify-work"),
    *("goal-fit", "evidence-gate", "publish-change", "release-readiness", "learning-review"),
}


def faults(texts):
    changed = {n.removesuffix(".md"): t for n, t in texts.items() if t != TEXTS.get(n)}
    contracts = {**CONTRACTS, **{name: read_contract(name, text) for name, text in changed.items()}}
    return check(contracts, texts, CLAUSES)


def named(sentence):
    name, one = sentence
    return f"{name}/{one.kind}/{one.id}"


def test_every_contract_holds_and_every_phase_has_one():
    assert faults(TEXTS) == []
    assert {name for name in CONTRACTS if not name.startswith("shared/")} == PHASES


def test_every_sentence_is_checked():
    checked = {
        (n, k, c.id) for n, p in CLAUSES.items() for k, cs in (("must", p.must), ("must-not", p.must_not))
        for c in cs
    }  # fmt: skip
    assert checked == {(name, s.kind, s.id) for name, s in SENTENCES}


def flipped(text):
    return (
        text.replace(" must not ", " must ") if " must not " in text else text.replace(" must ", " must not ")
    )


INVERSIONS = {
    "turned round": flipped,
    "softened": lambda text: text.replace(" must ", " should "),
    "allowed": lambda text: re.sub(r" must (not )?", " may ", text),
    "given a way out": lambda text: text.rstrip(".") + ", unless time is short.",
    "denied": lambda text: re.sub(r" must (not )?", lambda m: f" must {m[1] or ''}never ", text),
    "denied inside": lambda text: re.sub(r"\.$", " without looking.", text),
    "contradicted": lambda text: text + " A small case may skip this.",
    "avoided": lambda text: re.sub(r" must (not )?", lambda m: f" must {m[1] or ''}avoid to ", text),
    "deleted": lambda text: None,
    "doubled": lambda text: text + "\n{line}",
}


@pytest.mark.parametrize("sentence", SENTENCES, ids=named)
@pytest.mark.parametrize("inversion", INVERSIONS)
def test_a_sentence_that_says_something_else_is_found(sentence, inversion):
    name, one = sentence
    line = f"- **{one.id}**: {one.text}"
    said = INVERSIONS[inversion](one.text)
    path = f"{name}.md"
    assert TEXTS[path].count(line) == 1
    new = "" if said is None else f"- **{one.id}**: {said.replace('{line}', line)}"
    found = faults({**TEXTS, path: TEXTS[path].replace(line, new)})
    assert f"{name} {one.kind}/{one.id}" in {fault.where for fault in found}


@pytest.mark.parametrize("sentence", SENTENCES, ids=named)
def test_a_must_under_must_not_is_found(sentence):
    name, one = sentence
    line = f"- **{one.id}**: {one.text}"
    path, text = f"{name}.md", TEXTS[f"{name}.md"].replace(f"- **{one.id}**: {one.text}\n", "")
    other = "## Must not" if one.kind == "must" else "## Must"
    text = f"{text}\n{other}\n\n{line}\n"
    assert f"{name} {one.kind}/{one.id}" in {fault.where for fault in faults({**TEXTS, path: text})}


@pytest.mark.parametrize(
    ("name", "field"), [(n, f) for n, c in CONTRACTS.items() for f in c.fields], ids=lambda v: v
)
def test_a_record_that_loses_a_field_is_found(name, field):
    text = re.sub(rf"^\| `{field}` .*\n", "", TEXTS[f"{name}.md"], flags=re.MULTILINE)
    assert f"{name} record/{field}" in {fault.where for fault in faults({**TEXTS, f"{name}.md": text})}


@pytest.mark.parametrize(
    ("add", "says"),
    [
        ("\nA reviewer may fix small things.\n", "outside a clause"),
        ("\nOpen a pull request for it.\n", "names a provider"),
        ("\nSee [more](shared/terms.md#nowhere).\n", "not there"),
        ("\nOne unit of work with an identity of its own, wherever it is kept.\n", "restates"),
        ("\n## Must\n\n- **extra**: The reviewer must hurry.\n", "nothing checks this clause"),
    ],
)
def test_what_stands_beside_the_clauses_is_checked_too(add, says):
    found = faults({**TEXTS, "review-work.md": TEXTS["review-work.md"] + add})
    assert [fault for fault in found if says in fault.text], found


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("next: [verify-work]", "next: [celebration]", "no phase"),
        ("reads: [plan, changes]", "reads: [plan, gossip]", "nobody writes"),
        ("next: [verify-work]", "next: [execute]", "no phase hands over to it"),
        ("phase: review-work", "phase: verify-work", "another phase"),
    ],
)
def test_the_chain_of_phases_is_whole(old, new, says):
    assert old in TEXTS["review-work.md"]
    found = faults({**TEXTS, "review-work.md": TEXTS["review-work.md"].replace(old, new)})
    assert [fault for fault in found if says in fault.text], found


def test_a_definition_that_nobody_uses_is_found():
    text = TEXTS["shared/terms.md"] + "\n## leftover\n\nA word.\n"
    assert [f for f in faults({**TEXTS, "shared/terms.md": text}) if "leftover" in f.text]


@pytest.mark.parametrize(
    "text", ["# no front matter\n", "---\nphase: x\n", "---\nphase: x\n---\n", "---\n[\n---\n"]
)
def test_what_is_no_contract_is_refused(text):
    with pytest.raises(Unreadable):
        read_contract("review-work", text)


def test_a_loose_line_among_the_clauses_is_refused():
    text = TEXTS["review-work.md"].replace("## Must\n", "## Must\n\n- The reviewer must be kind.\n")
    with pytest.raises(Unreadable):
        read_contract("review-work", text)


def test_the_lane_fails_by_exit_code_and_name(tmp_path):
    for path, text in TEXTS.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    command = [sys.executable, ROOT / "evals/static/check.py", tmp_path]
    good = subprocess.run(command, capture_output=True, text=True)
    assert good.returncode == 0
    assert good.stdout.count("| yes |") == len(CLAUSES)
    (tmp_path / "execute.md").write_text(TEXTS["execute.md"].replace(" must ", " should "))
    bad = subprocess.run(command, capture_output=True, text=True)
    assert bad.returncode == 1
    assert "execute must/stay-in-scope" in bad.stdout
    (tmp_path / "execute.md").write_text("nothing\n")
    assert subprocess.run(command, capture_output=True, text=True).returncode == 2
