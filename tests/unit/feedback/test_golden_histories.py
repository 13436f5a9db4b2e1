"""Hand-made histories with the one right answer each: who is to blame, and what DORA's measures then are.

A line reads: deployments | outcomes | labels | failures of known | hours of each recovery.

Deployments A, B, C … end on day 1, 2, 3 …, `!` rolled back. An outcome is `id>target=label/source`, with
`@day` when it was recorded (default 10) and `~id` for what it retracts; a target in lower case is the
artifact's digest, `?` one that nobody knows. In the labels `-` means that nothing is said.
"""

from datetime import UTC, datetime, timedelta

import pytest

from doubles.records import bundle, outcome
from signalbox.decision import Subject, format_time
from signalbox.feedback import five, read_history
from signalbox.ledger import decision_name, outcome_name
from signalbox.ledger.reading import collect, read_entry

START = datetime(2026, 1, 1, tzinfo=UTC)
SOURCES = {
    "i": "incident-link", "b": "rollback", "v": "revert", "h": "hotfix", "a": "audit", "m": "manual",
    "w": "time-window",
}  # fmt: skip
LABELS = {"+": "clean", "x": "bad", "?": "unknown"}

GOLDEN = """
A B C | | A- B- C- | 0/0 |
A | 1>A=+/m | A+ | 0/1 |
A | 1>A=x/i | Ax | 1/1 |
A | 1>a=x/i | Ax | 1/1 |
A B | 1>a=x/i | Ax B- | 1/1 | 24
A B | 1>?=x/i | A- B- | 0/0 |
A B | 1>A=x/i 2>B=+/w | Ax B+ | 1/2 | 24
A B C | 1>A=x/i 2>B=x/i 3>C=+/m | Ax Bx C+ | 2/3 | 48 24
A B C | 1>A=x/i 2>B=x/i | Ax Bx C- | 2/2 | 48 24
A | 1>A=x/i 2>A=x/i | Ax | 1/1 |
A | 1>A=x/i 2>A=x/h 3>A=x/m | Ax | 1/1 |
A B | 1>A=x/i 2>A=x/i 3>B=+/m | Ax B+ | 1/2 | 24
A | 1>A=x/i@3 2>A=+/w@9 | Ax | 1/1 |
A | 1>A=+/w@9 2>A=x/i@3 | Ax | 1/1 |
A | 1>A=+/w@3 2>A=x/i@20 | Ax | 1/1 |
A | 1>A=+/i@3 2>A=x/m@9 | A+ | 0/1 |
A | 1>A=x/m@3 2>A=+/m@9 | A+ | 0/1 |
A | 1>A=+/m@3 2>A=x/m@9 | Ax | 1/1 |
A | 1>A=?/i@9 2>A=x/w@3 | Ax | 1/1 |
A | 1>A=?/i@9 2>A=+/w@3 | A+ | 0/1 |
A | 1>A=?/i | A? | 0/0 |
A B | 1>A=?/m 2>B=?/m | A? B? | 0/0 |
A | 1>A=x/v 2>A=+/v@11~1 | A+ | 0/1 |
A | 1>A=x/v 2>A=?/v@11~1 | A? | 0/0 |
A | 1>A=x/v 2>A=+/v@11~1 3>A=x/v@12~2 | Ax | 1/1 |
A | 1>A=x/v 2>A=+/v@11~1 3>A=x/v@12~2 4>A=+/v@13~3 | A+ | 0/1 |
A | 1>A=x/v 2>A=+/v@11~1 3>A=x/v@12~2 4>A=+/v@13~3 5>A=x/v@14~4 | Ax | 1/1 |
A | 1>A=x/i 2>?=?/i@11~1 | A- | 0/0 |
A | 1>A=x/i 2>A=x/h 3>?=?/i@11~1 | Ax | 1/1 |
A | 1>A=x/i 2>A=+/w 3>?=?/i@11~1 | A+ | 0/1 |
A | 2>A=x/v~1 1>A=x/v~2 | Ax | 1/1 |
A B | 1>A=x/i 2>B=+/i~1 | A- B+ | 0/1 |
A B | 1>A=x/i 2>B=x/i@11~1 | A- Bx | 1/1 |
A B C | 1>A=x/i 2>B=x/i@11~1 3>C=x/i@12~2 | Ax B- Cx | 2/2 | 24
A! | | A- | 1/1 |
A! B | | A- B- | 1/1 | 24
A! B! C | | A- B- C- | 2/2 | 48 24
A! B | 1>B=+/m | A- B+ | 1/2 | 24
A! | 1>A=+/i | A+ | 1/1 |
A! B | 1>A=x/b 2>B=+/w | Ax B+ | 1/2 | 24
A B! C | 1>A=+/m 2>C=+/m | A+ B- C+ | 1/3 | 24
A B! C! D | 1>A=+/m 2>D=+/m | A+ B- C- D+ | 2/4 | 48 24
A! B C! D | 1>B=+/m 2>D=+/m | A- B+ C- D+ | 2/4 | 24 24
A B C D | 1>A=x/h 2>B=x/h 3>C=x/h 4>D=+/m | Ax Bx Cx D+ | 3/4 | 72 48 24
A B C D | 1>A=x/h 2>B=x/h 3>C=+/m 4>D=+/m | Ax Bx C+ D+ | 2/4 | 48 24
A B C D | 1>A=x/h 2>B=+/m 3>C=x/h 4>D=+/m | Ax B+ Cx D+ | 2/4 | 24 24
A B | 1>A=x/w 2>B=+/w | Ax B+ | 1/2 | 24
A B | 1>a=x/i 2>b=x/i | Ax Bx | 2/2 |
A B | 1>A=x/i 1>A=x/i 2>B=+/m 2>B=+/m | Ax B+ | 1/2 | 24
A B C | 1>B=x/i@30 2>A=+/w@4 3>C=+/w@6 | A+ Bx C+ | 1/3 | 24
A B C | 3>C=+/w@6 1>B=x/i@2 2>A=+/w@1 | A+ Bx C+ | 1/3 | 24
A B C | 1>?=x/m 2>B=x/v | A- Bx C- | 1/1 | 24
A B C | 1>A=x/a 2>A=+/m@20 | Ax B- C- | 1/1 | 24
A B C | 1>A=x/h 2>A=+/b@20 | A+ B- C- | 0/1 |
"""


def parse(line):
    deployed, told, labels, known, recoveries = (part.strip() for part in line.split("|"))
    decisions = []
    for day, name in enumerate(deployed.split(), 1):
        subject = Subject(digest=f"sha256:{name[0].lower()}", environment="production")
        at = format_time(START + timedelta(days=day))
        verdict = "rollback" if name.endswith("!") else "proceed"
        decisions.append(
            bundle("rollout", id=name[0], decided_at=at, verdict=verdict, mode="enforce", subject=subject)
        )
    outcomes = []
    for item in told.split():
        ident, _, rest = item.partition(">")
        rest, _, retracts = rest.partition("~")
        rest, _, day = rest.partition("@")
        target, label, source = rest[0], LABELS[rest[2]], SOURCES[rest[4]]
        about = {"decision": target}
        if target.islower():
            about = {"decision": "", "subject": {"digest": f"sha256:{target}"}}
        elif target == "?":
            about = {"decision": "nobody-knows"}
        at = format_time(START + timedelta(days=int(day or 10)))
        outcomes.append(
            outcome(id=f"o{ident}", label=label, source=source, recorded_at=at, observed_at=at,
                    retracts=f"o{retracts}" if retracts else "", **about)
        )  # fmt: skip
    expected = {item[0]: item[1] for item in labels.split()}
    return decisions, outcomes, expected, tuple(map(int, known.split("/"))), [*map(float, recoveries.split())]


LINES = GOLDEN.strip().splitlines()


def test_there_are_enough_and_none_twice():
    assert len(set(LINES)) == len(LINES) >= 50


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("backwards", [False, True], ids=["", "told backwards"])
def test_the_one_right_answer(line, backwards):
    decisions, outcomes, expected, (failed, known), recoveries = parse(line)
    if backwards:
        decisions, outcomes = decisions[::-1], outcomes[::-1]
    history = read_history(
        collect([read_entry(decision_name(d), d) for d in decisions]),
        collect([read_entry(outcome_name(o), o) for o in outcomes]),
    )
    signs = {label: sign for sign, label in LABELS.items()}
    assert {m.id: signs[m.label.label] if m.label else "-" for m in history.made} == expected
    measures = five(history, since=START, now=START + timedelta(days=60), environment="production")
    by_name = {m.name: m for m in measures}
    rate = by_name["change failure rate"]
    assert (round((rate.value or 0) * rate.n), rate.n) == (failed, known)
    recovery = by_name["failed deployment recovery time"]
    assert recovery.n == len(recoveries)
    if recoveries:
        ordered = sorted(recoveries)
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        assert recovery.value == middle
    assert round(by_name["deployment frequency"].n) == len(decisions)
