"""A gate for people: every line with who decides it, how it stands, what blocks and who can unblock it."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Decision, parse_time
from signalbox.render import Block, Cell, Fold, Link, Table, Text

_MARK = {"pass": "🟢 pass", "fail": "🔴 fail", "not_verified": "🟡 not verified", "not-asked": "⚪ not asked"}


def blocks(decision: Decision, *, explain: bool = False, run: str = "") -> list[Block]:
    """What blocks, the table of lines, with ``explain`` also why each line is asked.

    ``run`` is the address of the workflow run whose artifacts hold the evidence.
    """
    out = decision.outputs
    if not out.get("applicable"):
        return []
    lines = out["lines"]
    made: list[Block] = []
    waiting = [line for line in lines if line["state"] in ("fail", "not_verified")]
    if waiting:
        waiting.sort(key=lambda line: line["state"] != "fail")
        can = [(line["title"], line["text"].partition(": ")[2], _unblocks(line, out)) for line in waiting]
        title = f"What blocks {out['gate']}"
        made.append(Table(columns=("blocks", "because", "who can unblock it"), rows=tuple(can), title=title))
    shown = [line for line in lines if explain or line["state"] != "not-asked"]
    columns = ("gate", "check", "who decides", "state", "age", "evidence")
    rows = tuple(_row(line, decision.decided_at, run) for line in shown)
    made.append(Table(columns=columns, rows=rows, title=f"{out['gate']}, line by line"))
    if explain:
        why = [f"{line['title']}: {line['why_asked'] or line['text'].partition(': ')[2]}" for line in lines]
        made.append(Fold(title="Why each line is asked", blocks=(Text("\n".join(why)),)))
    return made


def _row(line: dict[str, Any], now: str, run: str) -> tuple[Cell, ...]:
    who = "evidence" if line["decides"] == "evidence" else f"role {line['decides']}"
    age = None
    if line["observed_at"]:
        try:
            hours = (parse_time(now) - parse_time(line["observed_at"])).total_seconds() / 3600
            age = f"{hours:.1f} h"
        except ValueError:
            age = "?"
    return (line["gate"], line["title"], who, _MARK[line["state"]], age, _evidence(line, run))


def _evidence(line: dict[str, Any], run: str) -> Cell:
    """Who said so, or where it lies: GitHub's page of a check, or the run whose artifact holds the file."""
    source = str(line["source"])
    if line["by"]:
        return ", ".join(line["by"])
    server = run.partition("/actions/")[0]
    if server and source.startswith(f"{server}/"):
        return Link(source.removeprefix(f"{server}/"), source)
    return Link(source, run) if run and source and "://" not in source else source or None


def _unblocks(line: dict[str, Any], out: dict[str, Any]) -> str:
    if "nobody-holds-it" in line["codes"]:
        return f"the policy: name who holds {line['decides']} (environments.roles)"
    if line["decides"] != "evidence":
        return f"somebody of {line['decides']}"
    for handed in out["hand_over"]:
        if (handed["check"], handed["gate"]) == (line["id"], line["gate"]):
            after = [one.partition(":") for one in handed.get("then", ())]
            then = "".join(f", then {agent} ({task})" for agent, _, task in after)
            return f"{handed['to']} ({handed['task']}){then}"
    return str(line["owner"])
