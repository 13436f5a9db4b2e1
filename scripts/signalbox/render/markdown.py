"""Decisions as Markdown: step summaries and comments. Verdict, reason and next action come first."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from importlib.resources import files
from itertools import cycle, pairwise
from string import Template

from signalbox.decision import Decision, Reason
from signalbox.render import wording
from signalbox.render.blocks import Block, Cell, Chart, Code, Fold, Link, Table, Text, cells, numeric, points
from signalbox.render.escape import code_block, code_span, markdown_text

COMMENT_LIMIT = 65_000
"""Characters of a comment; GitHub refuses more than 65,536."""

ROW_LIMIT = 200
CHART_POINTS = 60
"""Mermaid charts become unreadable, and slow, with more points than this."""
_MOST_LABELS = 14

COLOURS = {
    "red": "#d1242f",
    "blue": "#0969da",
    "green": "#1a7f37",
    "purple": "#8250df",
    "brown": "#9a6700",
    "grey": "#6e7781",
    "pink": "#bf3989",
    "teal": "#1b7c83",
}
"""Of the lines of a chart, in order: Mermaid's own first one is all but white. Seen on white and on black."""


def _palette(names: Iterable[str]) -> str:
    colours = ", ".join(COLOURS[name] for name in names)
    return "%%{init: " + json.dumps({"themeVariables": {"xyChart": {"plotColorPalette": colours}}}) + "}%%"


def _colours(chart: Chart) -> list[str]:
    """Lines begin with the one to look at. Of bars the first stands behind: the whole, which is no alarm."""
    first, second, *others = COLOURS
    return [second, first, *others] if chart.kind == "bar" else [first, second, *others]


_CUT = "\n\n_The rest is in the run's summary._\n"


def markdown(decision: Decision, blocks: Sequence[Block] = (), *, replay: str = "", docs: str = "") -> str:
    """The whole summary of a decision.

    ``replay`` is the command that makes it again; ``docs`` the address of the library's ``docs/``, whose
    page ``why.md`` says what each verdict means and how to get past it.
    """
    first, *others = decision.reasons or (Reason(code="none", text="No reason was recorded."),)
    parts = [
        wording.MODES[decision.mode],
        _reasons(others),
        *(block_markdown(block) for block in blocks),
        _advice(decision),
        _footer(decision, replay, docs),
    ]
    return _template("summary.md").substitute(
        sign=wording.sign(decision),
        name=wording.name(decision),
        verdict=markdown_text(decision.verdict),
        subject=_subject(decision),
        reason=markdown_text(first.text),
        next=markdown_text(decision.next_action),
        rest="\n\n".join(part for part in parts if part),
    )


def comment(decision: Decision, blocks: Sequence[Block] = (), *, replay: str = "", docs: str = "") -> str:
    """As :func:`markdown`, within what a comment may hold; whole blocks are left out from the end."""
    kept = list(blocks)
    while True:
        dropped = len(blocks) - len(kept)
        note = [Text(f"{dropped} more sections are in the run's summary.")] if dropped else []
        text = markdown(decision, [*kept, *note], replay=replay, docs=docs)
        if len(text) <= COMMENT_LIMIT:
            return text
        if not kept:
            # Only tables of reasons and advice are left: they end at a row.
            end = text.rindex("\n", 0, COMMENT_LIMIT - len(_CUT))
            return text[:end] + _CUT
        kept.pop()


def block_markdown(block: Block) -> str:
    """One block as Markdown."""
    match block:
        case Text():
            return markdown_text(block.text, 8000)
        case Code():
            return code_block(block.text, block.language)
        case Table():
            return _table(block)
        case Chart():
            return _chart(block)
        case Fold():
            inner = "\n\n".join(block_markdown(item) for item in block.blocks)
            return f"<details><summary>{markdown_text(block.title)}</summary>\n\n{inner}\n\n</details>"


def _table(table: Table) -> str:
    if not table.rows:
        return f"{_title(table.title)}_Nothing to show._"
    lines = [
        "| " + " | ".join(markdown_text(column, 100) for column in table.columns) + " |",
        "|" + "|".join("---:" if right else "---" for right in numeric(table)) + "|",
    ]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in cells(table)[:ROW_LIMIT]]
    if len(table.rows) > ROW_LIMIT:
        lines.append(f"\n_{len(table.rows) - ROW_LIMIT} more rows are in the artifact._")
    return _title(table.title) + "\n".join(lines)


def _cell(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, Link):
        shown = markdown_text(cell.text, 300)
        return f"[{shown}]({cell.url})" if cell.safe and shown else shown
    return markdown_text(cell, 300) if isinstance(cell, str) else wording.number(cell)


def _chart(chart: Chart) -> str:
    """A Mermaid chart with its numbers in a fold below, since Mermaid names no series."""
    series = points(chart)
    picks, axis = _axis(chart)
    lines = [
        "```mermaid",
        _palette(_colours(chart)),
        "xychart-beta",
        f'    title "{_mermaid(chart.title)}"',
        f'    x-axis "{_mermaid(chart.x_label)}" {axis}',
        f'    y-axis "{_mermaid(chart.y_label)}"',
    ]
    drawn = []
    for name, values in series.items():
        picked = [_plain_number(values[i]) for i in picks]
        # Mermaid cannot draw a gap, and a gap drawn as zero would be a lie: such a series is only listed.
        if not picked or None in picked:
            continue
        drawn.append(name)
        lines.append(f"    {chart.kind} [{', '.join(filter(None, picked))}]")
    limit = _plain_number(chart.limit[1]) if chart.limit else None
    if drawn and chart.limit and limit is not None:
        drawn.append(chart.limit[0])
        lines.append(f"    line [{', '.join([limit] * len(picks))}]")
    lines.append("```")
    step = max(1, -(-len(chart.x) // CHART_POINTS))
    listed = range(0, len(chart.x), step)
    rows = tuple((_label(chart.x[i]), *(values[i] for values in series.values())) for i in listed)
    table = block_markdown(Fold("The numbers", (Table((chart.x_label, *series), rows),)))
    if not drawn:
        named = Text(f"{chart.limit[0]}: {wording.number(chart.limit[1])}") if chart.limit else None
        below = f"{block_markdown(named)}\n\n" if named else ""
        return f"{_title(chart.title)}{below}{table}"
    named_colours = zip((markdown_text(n, 60) for n in drawn), cycle(_colours(chart)))
    coloured = (f"{name} {colour}" for name, colour in named_colours)
    legend = f"_{', '.join(coloured)}_"
    return "\n".join(lines) + f"\n\n{legend}\n\n{table}"


def _axis(chart: Chart) -> tuple[list[int], str]:
    """Which points are drawn, and Mermaid's words for the axis below them.

    Mermaid spaces the points evenly and writes every label it is given, one over the other when there are
    many. Numbers that grow become a scale with as many even steps, each drawn with the point nearest to it.
    """
    x = chart.x
    numbers = [float(value) for value in x if not isinstance(value, str) and _plain_number(value)]
    growing = all(before < after for before, after in pairwise(numbers))
    if len(numbers) == len(x) and len(x) > _MOST_LABELS and growing:
        count = min(len(x), CHART_POINTS)
        width = (numbers[-1] - numbers[0]) / (count - 1)
        wanted = [numbers[0] + width * i for i in range(count)]
        picks = [min(range(len(x)), key=lambda i: abs(numbers[i] - at)) for at in wanted]
        return picks, f"{_plain_number(numbers[0])} --> {_plain_number(numbers[-1])}"
    step = max(1, -(-len(x) // _MOST_LABELS))
    picks = list(range(0, len(x), step))
    return picks, "[" + ", ".join(f'"{_mermaid(_label(x[i]))}"' for i in picks) + "]"


def _label(x: float | str) -> str:
    return x if isinstance(x, str) else wording.number(x)


def _plain_number(value: float | None) -> str | None:
    """``value`` without an exponent, which Mermaid cannot read; None for what has no such form."""
    if value is None or not math.isfinite(value) or abs(value) >= 1e15:
        return None
    return format(Decimal(f"{value:.6g}"), "f") if abs(value) >= 1e-12 else "0"


def _mermaid(text: str) -> str:
    return "".join(character for character in text if character.isalnum() or character in " .%/:-()")[:80]


def _title(title: str) -> str:
    shown = markdown_text(title)
    return f"**{shown}**\n\n" if shown else ""


def _subject(decision: Decision) -> str:
    subject = decision.subject
    parts = [subject.repository, subject.commit[:12], subject.digest[:19], subject.environment]
    shown = " · ".join(code_span(part) for part in parts if part)
    return f" for {shown}" if shown else ""


def _reasons(reasons: Sequence[Reason]) -> str:
    if not reasons:
        return ""
    rows = tuple((reason.text, reason.effect or None, reason.code) for reason in reasons)
    return _table(Table(("Also", "pushes to", "code"), rows))


def _advice(decision: Decision) -> str:
    if not decision.advice:
        return ""
    rows = tuple(
        (item.source, item.verdict, item.text, "taken" if item.accepted else "refused", item.refused or None)
        for item in decision.advice
    )
    return _table(Table(("Adviser", "asks for", "because", "", "note"), rows, title="Advice of a model"))


def _footer(decision: Decision, replay: str, docs: str) -> str:
    parts = [
        code_span(decision.id),
        markdown_text(decision.decided_at, 60),
        f"policy {code_span(decision.policy.source)} at {code_span(decision.policy.sha256[:12])}",
        code_span(decision.producer),
    ]
    if replay:
        parts.append(f"again: {code_span(replay)}")
    if docs:
        parts.insert(0, f"[what this means]({docs}/why.md#{wording.anchor(decision)})")
    return f"<sub>{' · '.join(parts)}</sub>"


def _template(name: str) -> Template:
    return Template(files("signalbox.render").joinpath("templates", name).read_text(encoding="utf-8"))
