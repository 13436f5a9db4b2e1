"""Decisions → summary, comment, text, page. Knows nothing of how a decision was made."""

from signalbox.render.blocks import Block, Cell, Chart, Code, Fold, Link, Table, Text

__all__ = ["Block", "Cell", "Chart", "Code", "Fold", "Link", "Table", "Text"]
