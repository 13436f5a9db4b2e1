"""What a capability wants to show, as data. It says what; this room says how it looks where."""

from __future__ import annotations

from typing import Literal

import msgspec

Cell = str | int | float | None


class Text(msgspec.Struct, frozen=True, tag=True):
    """A paragraph of plain text."""

    text: str


class Code(msgspec.Struct, frozen=True, tag=True):
    """Text to be shown letter by letter: a command, a log."""

    text: str
    language: str = ""


class Table(msgspec.Struct, frozen=True, tag=True):
    """Rows under named columns. Numbers are set right, ``None`` shows as a dash."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""


class Chart(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Series over one axis, all as long as ``x``; ``None`` is a gap, never a zero.

    ``limit`` draws a labelled horizontal line (an objective, a threshold).
    """

    title: str
    x_label: str
    y_label: str
    x: tuple[float | str, ...]
    series: dict[str, tuple[float | None, ...]]
    kind: Literal["line", "bar"] = "line"
    log_y: bool = False
    limit: tuple[str, float] | None = None


class Fold(msgspec.Struct, frozen=True, tag=True):
    """Blocks that most readers do not need at first."""

    title: str
    blocks: tuple[Text | Code | Table | Chart, ...]


Block = Text | Code | Table | Chart | Fold
