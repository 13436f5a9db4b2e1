"""What a promotion decision shows beside its verdict, as blocks for signalbox.render."""

from __future__ import annotations

from signalbox.decision import Decision
from signalbox.render import Block, Fold, Table, Text

# What a signal in words says where nobody was asked, or nothing was there to compare.
_SILENT = ("none", "not-asked", "")
# Where zero is no absence of trouble.
_ALWAYS = ("tests_total", "pass_rate", "coverage", "coverage_delta")


def blocks(decision: Decision) -> list[Block]:
    """Contributions, signals, evidence, benchmarks; all from the decision itself."""
    out, shown = decision.outputs, []
    rows = tuple((c["text"], f"{c['log_odds']:+.2f}", f"{c['points']:+.1f}") for c in out["contributions"])
    if rows:
        title = f"What lowers the score (probability of a clean promotion {out['probability']:.3f})"
        shown.append(Table(("signal", "log-odds", "points"), rows, title))
    told, silent = _signals(out["signals"])
    shown.append(Table(("signal", "value"), told, "Signals"))
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
    if silent:
        result.append(Fold("Signals that show nothing", tuple(Text(line) for line in silent)))
    if out.get("costs", {}).get("explained"):
        result.append(Fold("What each verdict would cost", tuple(Text(t) for t in out["costs"]["explained"])))
    if out["recommendations"]:
        result.append(Fold("What would help", tuple(Text(line) for line in out["recommendations"])))
    return result


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _signals(
    signals: dict[str, object],
) -> tuple[tuple[tuple[str, str | int | float], ...], list[str]]:
    """Rows of what was seen; and lines of what was looked for and is not there, and of what is not known."""
    rows: list[tuple[str, str | int | float]] = []
    nothing: list[str] = []
    unknown: list[str] = []
    for name, value in signals.items():
        label = name.replace("_", " ")
        if value is None or value in _SILENT:
            unknown.append(label)
        elif isinstance(value, bool) or not isinstance(value, (int, float, str)):
            continue
        elif value == 0 and name not in _ALWAYS:
            nothing.append(label)
        else:
            rows.append((label, value))
    lines = (("None seen", nothing), ("Not known", unknown))
    return tuple(rows), [f"{what}: {', '.join(names)}." for what, names in lines if names]
