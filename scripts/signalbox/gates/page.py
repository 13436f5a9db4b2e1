"""``docs/environments.md``: the shipped policy as tables, so that what is read is what is applied."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from signalbox.config.environments import Environments

TEMPLATES = Path(__file__).with_name("templates")


def page(e: Environments) -> str:
    """The whole page."""
    parts = [
        (TEMPLATES / "environments-head.txt").read_text("utf-8"),
        _section(
            "Environments",
            ("environment", "stages", "agents", "data", "at most", "branches", "exit"),
            _places(e),
        ),
        _section(
            "Agents' contracts",
            (
                "agent",
                "environment",
                "may",
                "with a person's approval",
                "must not",
                "takes",
                "gives",
                "at most",
            ),
            _contracts(e),
        ),
    ]
    for name, gate in e.gates.items():
        more = f"All of {gate.includes}, still fresh and for the same digest, and:\n" if gate.includes else ""
        parts.append(
            _section(
                f"{name}: {gate.title}",
                ("line", "who decides", "asked when", "fresh for"),
                _gate(e, name),
                more,
            )
        )
    parts += [
        _section("Where failures go", ("gate", "failure", "to", "task", "with", "then"), _routes(e)),
        _section("Tiers", ("tier", "when"), [(str(rule.tier), rule.when) for rule in e.tiers]),
        _section(
            "Data between environments",
            ("data", *e.places),
            [(kind, *(row.get(place, "") for place in e.places)) for kind, row in e.data.items()],
        ),
        _section(
            "Rollback matrix", ("severity", "where", "proposes", "approves", "within", "action"), _rollback(e)
        ),
        (TEMPLATES / "environments-foot.txt").read_text("utf-8"),
    ]
    return "\n".join(parts)


def _section(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], before: str = "") -> str:
    head = tuple(columns)
    lines = [f"## {title}", "", *([before] if before else []), _row(head), _row(("---",) * len(head))]
    return "\n".join([*lines, *(_row(row) for row in rows), ""])


def _row(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"


def _places(e: Environments) -> list[tuple[str, ...]]:
    return [
        (
            name,
            ", ".join(place.stages),
            _list(place.agents),
            ", ".join(place.data),
            place.classification_max,
            _list(place.branches) + (f", not {_list(place.not_branches)}" if place.not_branches else ""),
            place.exit,
        )
        for name, place in e.places.items()
    ]


def _contracts(e: Environments) -> list[tuple[str, ...]]:
    return [
        (
            one.agent_id,
            one.environment,
            _list(one.actions),
            _list(one.needs_approval),
            _list(one.forbidden_actions),
            _list(one.allowed_inputs),
            _list(one.allowed_outputs),
            one.data_classification_max,
        )
        for one in e.contracts
    ]


def _gate(e: Environments, name: str) -> list[tuple[str, ...]]:
    gate = e.gates[name]
    rows: list[tuple[str, ...]] = []
    for auto in gate.auto:
        check = e.checks[auto.check]
        rows.append((check.title or auto.check, "evidence", _when(auto.when), f"{auto.max_age_hours:g} h"))
    for human in gate.human:
        rows.append((human.title or human.id, f"role `{human.role}`", _when(human.when), "until it expires"))
    return rows


def _when(text: str) -> str:
    return f"`{text}`" if text else "always"


def _routes(e: Environments) -> list[tuple[str, ...]]:
    return [
        (route.gate, route.failure, route.to, route.task, route.details, route.then or "–")
        for route in e.routes
        if route.failure != "none"
    ] + [
        (route.gate, f"after `{route.id}` is named", route.to, route.task, route.details, route.then or "–")
        for route in e.routes
        if route.failure == "none"
    ]


def _rollback(e: Environments) -> list[tuple[str, ...]]:
    return [
        (
            rule.severity,
            rule.where,
            rule.proposes,
            rule.approves,
            f"{rule.within} min" if isinstance(rule.within, int) else rule.within.replace("-", " "),
            rule.action,
        )
        for rule in e.rollback
    ]


if __name__ == "__main__":
    import sys

    sys.stdout.write(page(Environments()))
