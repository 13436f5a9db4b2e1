"""What a promotion decision shows beside its verdict, as blocks for signalbox.render."""

from __future__ import annotations

from signalbox.decision import Decision
from signalbox.render import Block, Fold, Table, Text


def blocks(decision: Decision) -> list[Block]:
    """Contributions, signals, evidence, benchmarks; all from the decision itself."""
    out, shown = decision.outputs, []
    rows = tuple((c["text"], f"{c['log_odds']:+.2f}", f"{c['points']:+.1f}") for c in out["contributions"])
    if rows:
        title = f"What lowers the score (probability of a clean promotion {out['probability']:.3f})"
        shown.append(Table(("signal", "log-odds", "points"), rows, title))
    shown.append(Table(("signal", "value"), _signals(out["signals"]), "Signals"))
    shown.append(
        Table(
            ("evidence", "status", "source", "gap"),
            tuple(
                (
                    item.kind,
                    item.status.replace("_", " "),
                    item.source,
                    "; ".join(g.text for g in item.gaps[:3]),
                )
                for item in decision.evidence
            ),
            "Evidence",
        )
    )
    if out["benchmarks"]:
        compared = tuple(
            (
                b["name"],
                f"{100 * (b['ratio'] - 1):+.1f}%",
                str(b["pairs"]),
                f"{b['p']:.4f}",
                _yes(b["slower"]),
            )
            for b in out["benchmarks"]
        )
        columns = ("benchmark", "change", "pairs", "p (Holm)", "slower")
        shown.append(Table(columns, compared, "Performance against the base"))
    result: list[Block] = [*shown]
    if out["recommendations"]:
        result.append(Fold("What would help", tuple(Text(line) for line in out["recommendations"])))
    return result


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _signals(signals: dict[str, object]) -> tuple[tuple[str, str | int | float | None], ...]:
    rows: list[tuple[str, str | int | float | None]] = []
    for name, value in signals.items():
        if value is None or (isinstance(value, (int, float, str)) and not isinstance(value, bool)):
            rows.append((name.replace("_", " "), value))
    return tuple(rows)
