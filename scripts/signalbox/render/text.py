"""Decisions as plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from signalbox.decision import Decision
from signalbox.render import wording
from signalbox.render.blocks import Block, Cell, Chart, Code, Fold, Link, Table, Text, cells, numeric, points
from signalbox.render.escape import code_lines, shorten, visible

_BARS = "▁▂▃▄▅▆▇█"
_COLUMN_LIMIT = 70
_SPARK_WIDTH = 80


def text(decision: Decision, blocks: Sequence[Block] = (), *, replay: str = "") -> str:
    """The decision as lines of text: verdict, reasons, next action, then the blocks."""
    lines = [f"{wording.sign(decision)} {wording.name(decision)}: {visible(decision.verdict)}"]
    lines += [f"   why: {visible(reason.text)}" for reason in decision.reasons]
    lines.append(f"  next: {visible(decision.next_action)}")
    if wording.MODES[decision.mode]:
        lines.append(f"  mode: {wording.MODES[decision.mode]}")
    for item in decision.advice:
        taken = "taken" if item.accepted else "refused"
        lines.append(f"advice: {visible(item.text)} ({taken}) {visible(item.refused)}".rstrip())
    for block in blocks:
        lines += ["", *block_text(block)]
    if replay:
        lines += ["", f"again: {visible(replay)}"]
    return "\n".join(lines) + "\n"


def block_text(block: Block) -> list[str]:
    """One block as lines."""
    match block:
        case Text():
            return [visible(line) for line in block.text.splitlines()]
        case Code():
            return ["    " + visible(line) for line in code_lines(block.text)]
        case Table():
            return _table(block)
        case Chart():
            lines = [f"{visible(block.title)} ({visible(block.y_label)} over {visible(block.x_label)})"]
            series = [(visible(name), values) for name, values in points(block).items()]
            width = max((len(name) for name, _ in series), default=0)
            lines += [f"  {name:<{width}}  {_spark(values)}" for name, values in series]
            if block.limit:
                lines.append(f"  {visible(block.limit[0])}: {wording.number(block.limit[1])}")
            return lines
        case Fold():
            lines = [visible(block.title)]
            for item in block.blocks:
                lines += ["  " + line for line in block_text(item)]
            return lines


def _table(table: Table) -> list[str]:
    rows = [[_cell(column) for column in table.columns]]
    rows += [[_cell(cell) for cell in row] for row in cells(table)]
    right = numeric(table)
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [visible(table.title)] if table.title else []
    for row in rows:
        padded = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        lines.append("  " + "  ".join(padded).rstrip())
    return lines


def _cell(cell: Cell) -> str:
    if cell is None:
        return "–"
    text = cell.text if isinstance(cell, Link) else cell
    return shorten(visible(text), _COLUMN_LIMIT) if isinstance(text, str) else wording.number(text)


def _spark(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "(no data)"
    # As wide as a terminal: of many points every n-th is drawn.
    values = values[:: -(-len(values) // _SPARK_WIDTH)]
    low, high = min(known), max(known)
    span, top = (high - low) or 1.0, len(_BARS) - 1
    marks = "".join(" " if v is None else _BARS[round((v / span - low / span) * top)] for v in values)
    return f"{marks}  {wording.number(low)} … {wording.number(high)}"
