"""A self-contained page: no script, no address to load anything from, light and dark, fit for a phone."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from itertools import groupby
from string import Template

from signalbox.decision import Decision
from signalbox.render import wording
from signalbox.render.blocks import Block, Cell, Chart, Code, Fold, Link, Table, Text, cells, numeric
from signalbox.render.escape import code_lines, html_text
from signalbox.render.svg import chart_svg


class Section:
    """A heading with what stands under it: blocks, and decisions as cards with blocks of their own."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts: list[str] = []

    def add(self, *blocks: Block) -> Section:
        """Append blocks."""
        self._parts.append(_blocks(blocks))
        return self

    def decide(self, decision: Decision, *blocks: Block) -> Section:
        """Append a decision as a card, with ``blocks`` inside."""
        self._parts.append(_card(decision, blocks))
        return self

    def render(self) -> str:
        """The section as HTML."""
        return f"<section><h2>{html_text(self.title)}</h2>{''.join(self._parts)}</section>"


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole document. ``lead`` is the one sentence a reader takes away."""
    source = files("signalbox.render").joinpath("templates")
    return Template(source.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=html_text(title),
        lead=html_text(lead),
        style=source.joinpath("page.css").read_text(encoding="utf-8"),
        body="".join(section.render() for section in sections),
    )


def _blocks(blocks: Sequence[Block]) -> str:
    """The blocks one after another; charts in a row stand in pairs where the page is wide enough."""
    parts = []
    for charts, group in groupby(blocks, key=lambda block: isinstance(block, Chart)):
        shown = [block_html(block) for block in group]
        parts += [f'<div class="charts">{"".join(shown)}</div>'] if charts and len(shown) > 1 else shown
    return "".join(parts)


def block_html(block: Block) -> str:
    """One block as HTML."""
    match block:
        case Text():
            return "".join(f"<p>{html_text(line)}</p>" for line in block.text.splitlines() if line.strip())
        case Code():
            return (
                f"<pre><code>{'<br>'.join(html_text(line) for line in code_lines(block.text))}</code></pre>"
            )
        case Table():
            return _table(block)
        case Chart():
            return chart_svg(block)
        case Fold():
            return f"<details><summary>{html_text(block.title)}</summary>{_blocks(block.blocks)}</details>"


def _card(decision: Decision, blocks: Sequence[Block]) -> str:
    first = decision.reasons[0].text if decision.reasons else ""
    mode = wording.MODES[decision.mode]
    rest = "".join(f"<li>{html_text(reason.text)}</li>" for reason in decision.reasons[1:])
    return (
        f'<article class="{wording.tone(decision)}"><h3>'
        f'<span class="badge">{html_text(decision.verdict)}</span> '
        f"{html_text(wording.name(decision))}</h3><p>{html_text(first)}</p>"
        f"{'<ul>' + rest + '</ul>' if rest else ''}{_advice(decision)}"
        f'<p class="next"><b>Next:</b> {html_text(decision.next_action)}</p>'
        f"{'<p class=mode>' + mode + '</p>' if mode else ''}"
        f"{_blocks(blocks)}"
        f'<p class="fine">{html_text(decision.id)} · {html_text(decision.decided_at)} · policy '
        f"{html_text(decision.policy.sha256[:12])}</p></article>"
    )


def _advice(decision: Decision) -> str:
    return "".join(
        f'<p class="advice"><b>Advice of a model</b> ({html_text(item.source)}, '
        f"{'taken' if item.accepted else 'refused'}): {html_text(item.verdict)}. {html_text(item.text)} "
        f"{html_text(item.refused)}</p>"
        for item in decision.advice
    )


def _table(table: Table) -> str:
    title = f"<caption>{html_text(table.title)}</caption>" if table.title else ""
    right = numeric(table)
    head = "".join(
        f"<th{' class=n' * to_right}>{html_text(column)}</th>"
        for column, to_right in zip(table.columns, right, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(_cell(*item) for item in zip(row, right, strict=True)) + "</tr>"
        for row in cells(table)
    )
    if not rows:
        rows = f'<tr><td colspan="{len(table.columns)}">Nothing to show.</td></tr>'
    return (
        f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(cell: Cell, right: bool) -> str:
    if isinstance(cell, Link):
        text = html_text(cell.text)
        shown = f'<a href="{html_text(cell.url)}">{text}</a>' if cell.safe else text
    else:
        shown = "–" if cell is None else html_text(cell) if isinstance(cell, str) else wording.number(cell)
    return f'<td class="n">{shown}</td>' if right else f"<td>{shown}</td>"
