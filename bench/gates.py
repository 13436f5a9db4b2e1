"""Gates and contracts: answers against an independent reading of the tables, faults that must permit nothing.

usage: gates.py            all figures
       gates.py --rows     every row of the tables and every part of a phase's record, with the case that
                           passes, the case that fails, and whether taking it out changes the answer
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from pathlib import Path

import yaml
from results import Figure, report

from signalbox.config import Settings
from signalbox.decision import Subject
from signalbox.gates.authorize import HumanApproval, Inputs, answer, table_of

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "scripts" / "signalbox" / "config" / "environments.yml"
NOW = "2026-03-02T12:00:00Z"
SEED = 7
CLASSES = ["Public", "Internal", "Confidential", "Restricted"]


def brute_force(lines: list[dict], question: Inputs) -> str:
    """The tables read line by line, with nothing of the library's: deny, unless one line allows all of it."""
    for line in lines:
        if line["agent_id"] != question.agent or line["environment"] != question.environment:
            continue
        if set(line["forbidden_actions"]) & {"*", question.action}:
            return "deny"
        consent = question.approval is not None and question.approval.verified
        may = question.action in line["actions"] + (line.get("needs_approval", []) if consent else [])
        known = set(question.inputs) <= set(line["allowed_inputs"])
        known &= set(question.outputs) <= set(line["allowed_outputs"])
        most = line["data_classification_max"]
        allowed = CLASSES[: CLASSES.index(most) + 1] if most != "none" else []
        silent = question.classification == "" and not question.inputs
        return "allow" if may and known and (silent or question.classification in allowed) else "deny"
    return "deny"


def questions(lines: list[dict], count: int, chance: random.Random):
    """Random questions over everything the tables name and a few things they do not."""
    agents = [*sorted({line["agent_id"] for line in lines}), "unknown-agent", ""]
    places = ["development", "staging", "production", "prodution", ""]
    lists = ("actions", "needs_approval", "forbidden_actions")
    actions = [*sorted({a for line in lines for name in lists for a in line.get(name, [])}), "launch", ""]
    given = [*sorted({name for line in lines for name in line["allowed_inputs"]}), "secrets"]
    made = [*sorted({name for line in lines for name in line["allowed_outputs"]}), "money"]
    by_place = {(line["agent_id"], line["environment"]): line for line in lines}
    for _ in range(count):
        agent, place = chance.choice(agents), chance.choice(places)
        line = by_place.get((agent, place))
        # Half of the questions are asked near the tables, or nearly every answer would be a plain deny.
        near = line is not None and chance.random() < 0.5
        pool = [*line["actions"], *line.get("needs_approval", []), *line["forbidden_actions"]] if near else []
        action = chance.choice(pool or actions)
        inputs = chance.sample(
            (line["allowed_inputs"] if near else given) or given, k=chance.choice([0, 0, 1])
        )
        outputs = chance.sample(
            (line["allowed_outputs"] if near else made) or made, k=chance.choice([0, 0, 1])
        )
        approval = None
        if chance.random() < 0.3:
            approval = HumanApproval(
                by="ada",
                agent=agent,
                environment=place,
                action=action,
                expires="2026-03-03T00:00:00Z",
                verified=chance.random() < 0.8,
            )
        yield Inputs(
            subject=Subject(environment=place),
            agent=agent,
            environment=place,
            action=action,
            classification=chance.choice([*CLASSES, "", "Secret"]),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            approval=approval,
        )


def authorisation(count: int) -> list[Figure]:
    lines = yaml.safe_load(SHIPPED.read_text("utf-8"))["contracts"]
    table = table_of(Settings().environments)
    differences = allowed = 0
    times = []
    for question in questions(lines, count, random.Random(SEED)):
        started = time.perf_counter()
        found = answer(question, table, NOW).verdict
        times.append(time.perf_counter() - started)
        differences += found != brute_force(lines, question)
        allowed += found == "allow"
    times.sort()
    return [
        Figure(
            "answers that differ from a reading of the tables",
            differences,
            "answers",
            n=count,
            seed=SEED,
            goal="<= 0",
        ),
        Figure("of them allowed", 100 * allowed / count, "%", n=count, seed=SEED),
        Figure("one answer, median", 1000 * statistics.median(times), "ms", n=count, seed=SEED, goal="<= 1"),
        Figure("one answer, 99.9%", 1000 * times[int(0.999 * count)], "ms", n=count, seed=SEED, goal="<= 1"),
    ]


def matrix() -> list[Figure]:
    from gates_faults import permits

    tried, through = permits()
    for one in through:
        print(f"permitted: {one}", file=sys.stderr)
    return [Figure("permits given under a fault", len(through), "permits", n=tried, goal="<= 0")]


def coverage(show: bool) -> list[Figure]:
    import gates_phases
    import gates_rows
    from gates_world import world

    rows, both = [*gates_rows.every(), *gates_phases.every()], 0
    with world() as here:
        for row in rows:
            why = row.judge(here)
            both += not why
            if show or why:
                print(f"{row.table:24} {row.name:40} {why or 'holds, breaks, and dies with its line'}")
    value = 100 * both / len(rows)
    return [Figure("rows with a passing and a failing question", value, "%", n=len(rows), goal=">= 100")]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=1_000_000)
    parser.add_argument("--rows", action="store_true", help="show every row")
    args = parser.parse_args()
    figures = [*authorisation(args.questions), *matrix(), *coverage(show=args.rows)]
    return report("gates", figures)


if __name__ == "__main__":
    sys.exit(main())
