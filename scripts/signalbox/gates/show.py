"""A gate for people: every line with who decides it, how it stands, what blocks and who can unblock it."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Decision, parse_time
from signalbox.render import Block, Fold, Table, Text

_MARK = {"pass": "🟢 pass", "fail": "🔴 fail", "not_verified": "🟡 not verified", "not-asked": "⚪ not asked"}


def blocks(decision: Decision, *, explain: bool = False) -> list[Block]:
    """The table of lines, what blocks, the hand-over; with ``explain`` also why each line is asked."""
    out = decision.outputs
    if not out.get("applicable"):
        return []
    lines = out["lines"]
    shown = [line for line in lines if explain or line["state"] != "not-asked"]
    columns = ("gate", "check", "who decides", "state", "age", "evidence")
    rows = [_row(line, decision.decided_at) for line in shown]
    made: list[Block] = [Table(columns=columns, rows=tuple(rows), title=f"{out['gate']}, line by line")]
    waiting = [line for line in lines if line["state"] in ("fail", "not_verified")]
    if waiting:
        can = [(line["title"], line["text"].partition(": ")[2], _unblocks(line, out)) for line in waiting]
        made.append(
            Table(columns=("blocks", "because", "who can unblock it"), rows=tuple(can), title="What blocks")
        )
    if explain:
        why = [f"{line['title']}: {line['why_asked'] or line['text'].partition(': ')[2]}" for line in lines]
        made.append(Fold(title="Why each line is asked", blocks=(Text("\n".join(why)),)))
    return made


def _row(line: dict[str, Any], now: str) -> tuple[str, ...]:
    who = "evidence" if line["decides"] == "evidence" else f"role {line['decides']}"
    age = ""
    if line["observed_at"]:
        try:
            hours = (parse_time(now) - parse_time(line["observed_at"])).total_seconds() / 3600
            age = f"{hours:.1f} h"
        except ValueError:
            age = "?"
    evidence = ", ".join(line["by"]) or line["source"]
    return (line["gate"], line["title"], who, _MARK[line["state"]], age, evidence)


def _unblocks(line: dict[str, Any], out: dict[str, Any]) -> str:
    if line["decides"] != "evidence":
        return f"somebody of {line['decides']}"
    for handed in out["hand_over"]:
        if (handed["check"], handed["gate"]) == (line["id"], line["gate"]):
            then = f", then {', '.join(handed['then'])}" if handed.get("then") else ""
            return f"{handed['to']} ({handed['task']}){then}"
    return str(line["owner"])
