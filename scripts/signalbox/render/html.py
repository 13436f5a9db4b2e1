"""A self-contained page: no script, no address to load anything from, light and dark, fit for a phone."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from string import Template

from signalbox.decision import Decision
from signalbox.render import wording
from signalbox.render.blocks import Block, Cell, Chart, Code, Fold, Table, Text
from signalbox.render.escape import html_text
from signalbox.render.svg import chart_svg


class Section:
    """A heading with what stands under it: blocks, and decisions as cards with blocks of their own."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts: list[str] = []

    def add(self, *blocks: Block) -> Section:
        """Append blocks."""
        self._parts += [block_html(block) for block in blocks]
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


def block_html(block: Block) -> str:
    """One block as HTML."""
    match block:
        case Text():
            return "".join(f"<p>{html_text(line)}</p>" for line in block.text.splitlines() if line.strip())
        case Code():
            return (
                f"<pre><code>{'<br>'.join(html_text(line) for line in block.text.splitlines())}</code></pre>"
            )
        case Table():
            return _table(block)
        case Chart():
            return chart_svg(block)
        case Fold():
            inner = "".join(block_html(item) for item in block.blocks)
            return f"<details><summary>{html_text(block.title)}</summary>{inner}</details>"


def _card(decision: Decision, blocks: Sequence[Block]) -> str:
    first = decision.reasons[0].text if decision.reasons else ""
    rest = "".join(f"<li>{html_text(reason.text)}</li>" for reason in decision.reasons[1:])
    return (
        f'<article class="{wording.tone(decision)}"><h3>'
        f'<span class="badge">{html_text(decision.verdict)}</span> '
        f"{html_text(wording.name(decision))}</h3><p>{html_text(first)}</p>"
        f"{'<ul>' + rest + '</ul>' if rest else ''}"
        f'<p class="next"><b>Next:</b> {html_text(decision.next_action)}</p>'
        f"{''.join(block_html(block) for block in blocks)}"
        f'<p class="fine">{html_text(decision.id)} · {html_text(decision.decided_at)} · policy '
        f"{html_text(decision.policy.sha256[:12])}</p></article>"
    )


def _table(table: Table) -> str:
    title = f"<caption>{html_text(table.title)}</caption>" if table.title else ""
    head = "".join(f"<th>{html_text(column)}</th>" for column in table.columns)
    rows = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in table.rows)
    return (
        f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(cell: Cell) -> str:
    if cell is None:
        return "<td>–</td>"
    return (
        f"<td>{html_text(cell)}</td>"
        if isinstance(cell, str)
        else f'<td class="n">{wording.number(cell)}</td>'
    )
