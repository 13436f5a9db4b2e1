"""What the selection bench found, as tables and as figures kept in bench/results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from results import Figure, report

Row = dict[str, Any]
TOOLS = ("signalbox", "testmon", "impacted", "selective")


def show(found: dict[str, Any], seed: int, *, write: bool) -> int:
    """Print a table for each part; with ``write`` also keep the figures, 1 when a goal is missed."""
    blind = found.pop("blind", [])
    _mutants(found)
    _peers(found)
    _blind(blind)
    _upstream(found)
    _overhead(found)
    if not write:
        print("\nnot written: results are kept of whole runs only")
        return 0
    return report("selection", [*_figures(found, seed), *_blind_figures(blind, seed)])


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
    if len(cells) == 1:
        return
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    print(f"\n{title}")
    for row in cells:
        padded = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *padded[1:]]).rstrip())


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _bodies(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not row["import_time"]]


def ratio(rows: Sequence[Row]) -> float:
    """Tests selected over tests that execute the changed statement, in function bodies."""
    bodies = _bodies(rows)
    return sum(r["selected"] for r in bodies) / max(1, sum(r["floor"] for r in bodies))


def _share(rows: Sequence[Row], field: str) -> float:
    return fmean(row[field] / row["tests"] for row in rows) if rows else float("nan")


def _mutants(found: dict[str, Any]) -> None:
    columns = ["mutants", "tests", "n", "killed", "detected", "failing", "missed", "by chance", "left behind"]
    columns += ["selected", "floor", "ratio", "at import: n", "selected", "plan s"]
    table = []
    for name, parts in found.items():
        rows: list[Row] = parts.get("mutants", [])
        if not rows:
            continue
        bodies, imports = _bodies(rows), [row for row in rows if row["import_time"]]
        killed = [row for row in rows if row["failed"]]
        table.append(
            [
                name,
                rows[0]["tests"],
                len(rows),
                len(killed),
                sum(len(r["missed"]) < r["failed"] for r in killed),
                sum(r["failed"] for r in rows),
                sum(len(r["missed"]) for r in rows),
                sum(len(r["by_chance"]) for r in rows),
                sum(len(r["left_behind"]) for r in rows),
                f"{_share(bodies, 'selected'):.1%}",
                f"{_share(bodies, 'floor'):.1%}",
                ratio(rows),
                len(imports),
                f"{_share(imports, 'selected'):.1%}" if imports else "",
                sorted(r["plan_seconds"] for r in rows)[len(rows) // 2],
            ]
        )
    _table("One-line mutants of covered lines", columns, table)


def _peers(found: dict[str, Any]) -> None:
    table = []
    for name, parts in found.items():
        rows: list[Row] = parts.get("peers", [])
        for tool in TOOLS if rows else ():
            good = [row for row in rows if "broke" not in row[tool]]
            table.append(
                [
                    f"{name}, {tool}",
                    len(rows),
                    len(rows) - len(good),
                    f"{fmean(r[tool]['ran'] / r['tests'] for r in good):.1%}" if good else "",
                    sum(r["failed"] for r in good),
                    sum(r[tool].get("missed", 0) for r in good),
                    fmean(r[tool]["cpu"] / r["full_cpu"] for r in good) if good else "",
                    sum(r[tool]["cpu"] > 1.05 * r["full_cpu"] for r in good),
                ]
            )
    columns = ["the same mutants with every tool", "n", "broke", "tests run", "failing", "missed"]
    _table("Peers", [*columns, "CPU ÷ full run", "slower by > 5%"], table)


def _blind(rows: Sequence[Row]) -> None:
    kinds = sorted({row["kind"] for row in rows})
    table = []
    for kind in [*kinds, ""] if kinds else ():
        mine = [row for row in rows if kind in ("", row["kind"])]
        peers = [row["peers"] for row in mine if "peers" in row]
        table.append(
            [
                kind or "all",
                len(mine),
                sum(bool(r["failed"]) for r in mine),
                sum(r["silent"] for r in mine),
                sum(bool(r["missed"]) for r in mine),
                f"{_share(mine, 'selected'):.0%}",
                *(f"{sum(p[t]['silent'] for p in peers)}/{len(peers)}" for t in TOOLS[1:]),
            ]
        )
    columns = ["kind of change", "n", "breaking", "silent", "with a miss", "selected"]
    _table("Blind spots", [*columns, *(f"silent: {tool}" for tool in TOOLS[1:])], table)


def _upstream(found: dict[str, Any]) -> None:
    table = []
    for name, parts in found.items():
        rows: list[Row] = parts.get("upstream", [])
        if rows:
            table.append(
                [
                    name,
                    len(rows),
                    sum(r["verdict"] == "full" for r in rows),
                    sum(len(r["missed"]) for r in rows),
                    f"{_share(rows, 'ran'):.1%}",
                    f"{1 - sum(r['cpu'] for r in rows) / sum(r['full_cpu'] for r in rows):.1%}",
                    sum(r["cpu"] > r["full_cpu"] for r in rows),
                    sum(r["cpu"] > 1.05 * r["full_cpu"] for r in rows),
                ]
            )
    columns = ["the projects' own commits", "n", "everything ran", "missed", "tests run", "CPU saved"]
    _table("Real changes (commonly said to be saved: 40–70%)", [*columns, "slower", "by > 5%"], table)


def _overhead(found: dict[str, Any]) -> None:
    table = []
    for name, parts in found.items():
        for python, row in parts.get("overhead", {}).items():
            testmon = row["testmon"] / row["plain"] if "testmon" in row else ""
            one = row["recorded"] / row["plain"]
            table.append([f"{name}, Python {python}", row["plain"], one, testmon, row["bytes_per_test"]])
    _table("Recording", ["CPU", "plain, s", "recorded ÷ plain", "testmon ÷ plain", "bytes a test"], table)


def _figures(found: dict[str, Any], seed: int) -> list[Figure]:
    rows = [row for parts in found.values() for row in parts["mutants"]]
    killed = [row for row in rows if row["failed"]]
    caught = sum(len(r["missed"]) < r["failed"] for r in killed) / len(killed)
    failing = sum(r["failed"] for r in rows)
    missed = sum(len(r["missed"]) for r in rows)
    figures = [
        Figure("mutants", float(len(rows)), "mutants", n=len(rows), seed=seed, goal=">= 400"),
        Figure("changes detected", caught, "share", n=len(killed), seed=seed, goal=">= 1"),
        Figure(
            "failing tests selected", 1 - missed / failing, "share", n=failing, seed=seed, goal=">= 0.999"
        ),
    ]
    for name, parts in found.items():
        mine, bodies = parts["mutants"], _bodies(parts["mutants"])
        figures.append(
            Figure(f"{name}: selected ÷ floor", ratio(mine), "ratio", n=len(bodies), seed=seed, goal="<= 1.1")
        )
        for python, row in parts["overhead"].items():
            peers = {"testmon": row["testmon"] / row["plain"]} if "testmon" in row else {}
            value = row["recorded"] / row["plain"]
            figures.append(
                Figure(
                    f"{name}: recording, Python {python}", value, "ratio", peers, row["times"], goal="<= 1.3"
                )
            )
    real = [row for parts in found.values() for row in parts["upstream"]]
    saved = 1 - sum(r["cpu"] for r in real) / sum(r["full_cpu"] for r in real)
    slower = sum(r["cpu"] > 1.05 * r["full_cpu"] for r in real) / len(real)
    figures.append(Figure("CPU saved on real changes", saved, "share", n=len(real)))
    figures.append(Figure("real changes slower than all by > 5%", slower, "share", n=len(real), goal="<= 0"))
    return figures


def _blind_figures(rows: Sequence[Row], seed: int) -> list[Figure]:
    peers = [row["peers"] for row in rows if "peers" in row]
    beside = {tool: float(sum(p[tool]["silent"] for p in peers)) for tool in TOOLS[1:]}
    kinds = len({row["kind"] for row in rows})
    breaking = sum(bool(row["failed"]) for row in rows)
    silent = float(sum(row["silent"] for row in rows))
    return [
        Figure("kinds of blind spots", float(kinds), "kinds", n=len(rows), seed=seed, goal=">= 12"),
        Figure("blind-spot changes that break a test", float(breaking), "changes", seed=seed, goal=">= 300"),
        Figure("silent greens", silent, "changes", beside, n=breaking, seed=seed, goal="<= 0"),
    ]
