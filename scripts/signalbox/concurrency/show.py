"""What a reader of the concurrency plan wants to see."""

from __future__ import annotations

from signalbox.decision import Decision
from signalbox.render import Block, Fold, Table

from .decide import Inputs


def blocks(inputs: Inputs, decision: Decision) -> list[Block]:
    """The shards, the price of other numbers of runners, the builds."""
    outputs = decision.outputs
    shown: list[Block] = []
    shards = tuple(
        (f"{e['shard']} of {e['shards']}", e["tests"], ", ".join(e["suites"]) or None, e["minutes"])
        for e in outputs["matrix"]["include"]
    )
    if shards:
        shown.append(
            Table(title="Test jobs", columns=("shard", "arguments", "suites", "minutes"), rows=shards)
        )
    if outputs["costs"]:
        rows = tuple((r["runners"], r["minutes"], r["billed_minutes"], r["cost"]) for r in outputs["costs"])
        costs = Table(columns=("runners", "minutes to the end", "billed minutes", "cost"), rows=rows)
        shown.append(Fold("What each number of runners would cost", (costs,)))
    builds = tuple(
        (e["module"], e["command"], e["minutes"], "yes" if e["prewarm"] else None)
        for e in outputs["concurrency_matrix"]["include"]
    )
    if builds:
        columns = ("module", "command", "minutes", "pre-warm")
        shown.append(Table(title="Build jobs", columns=columns, rows=builds))
    return shown
