"""What a verdict on evals shows beside itself, as blocks for signalbox.render."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Decision
from signalbox.render import Block, Fold, Table, Text


def blocks(decision: Decision) -> list[Block]:
    """Roles, critical cases, the judge, cost; all from the decision itself."""
    out = decision.outputs
    shown: list[Block] = []
    if out["roles"]:
        measured = ("role", "cases", "draws", "baseline", "candidate", "difference", "margin")
        columns = (*measured, "p no worse", "p worse", "")
        rows = tuple(_role(role, out["compared"]) for role in out["roles"])
        shown.append(Table(columns, rows, "Per role, against the stored baseline"))
    if out["critical"]:
        rows = tuple(
            (c["case"], f"{c['passed']} of {c['drawn']}", f"{c['low']:.2f} – {c['high']:.2f}", c["state"])
            for c in out["critical"]
        )
        shown.append(Table(("critical case", "passed", "pass^k (exact)", ""), rows, "Absolute floors"))
    judge = out["judge"]
    if judge["good"][1] or judge["bad"][1]:
        shown.append(_judge(judge, out["roles"]))
    spent = out["spent"]
    text = (
        f"{spent['target_calls']} calls of the target, {spent['judge_calls']} of the judge, "
        f"{spent['tokens']} tokens, ${spent['dollars']:.2f}, {spent['seconds']:.0f} s. "
        f"{out['draws']} paired draws were used; a design that looks once and errs as rarely takes about "
        f"{out['fixed_design_draws']}."
    )
    shown.append(Fold("What it cost", (Text(text), Text(f"Compared is {out['estimand']}."))))
    return shown


def _role(role: dict[str, Any], compared: bool) -> tuple[str | int, ...]:
    trial = role["trial"]
    state = role["state"] if compared else "not compared"
    return (
        role["name"],
        role["cases"],
        role["drawn"],
        f"{100 * role['baseline_rate']:.1f}%",
        f"{100 * role['candidate_rate']:.1f}%",
        f"{100 * trial['difference']:+.1f}",
        f"{100 * role['margin']:g}",
        f"{trial['p_above']:.3f}",
        f"{role['p_block']:.3f}",
        state,
    )


def _judge(judge: dict[str, Any], roles: list[dict[str, Any]]) -> Table:
    rows = [
        ("known-good outputs passed", f"{judge['good'][0]} of {judge['good'][1]}"),
        ("known-bad outputs failed", f"{judge['bad'][0]} of {judge['bad'][1]}"),
        ("stored outputs: now pass / now fail / kept",
         f"{judge.get('to_pass', 0)} / {judge.get('to_fail', 0)} / {judge.get('kept', 0)}"),
    ]  # fmt: skip
    for role in roles:
        fixed = role.get("corrected")
        if fixed:
            rate = "unknown" if fixed["rate"] is None else f"{100 * fixed['rate']:.1f}%"
            span = f"{100 * fixed['low']:.1f} – {100 * fixed['high']:.1f}%"
            rows.append((f"{role['name']}: pass rate behind this judge", f"{rate} ({span})"))
    return Table(("the judge, in this session", ""), tuple(rows), "Judge")
