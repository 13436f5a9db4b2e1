"""What a capability wants to show, as data. It says what; this room says how it looks where."""

from __future__ import annotations

import math
import re
from typing import Literal

import msgspec

_PLAIN_URL = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?(?:#[a-z]+)?")


class Link(msgspec.Struct, frozen=True, tag=True):
    """Text that leads somewhere, in a table. Only for an address that we made or that GitHub's API gave: what
    comes from outside is shown as text."""

    text: str
    url: str

    @property
    def safe(self) -> bool:
        """Whether the address is a plain one; any other is left away where it is shown."""
        return bool(_PLAIN_URL.fullmatch(self.url))


Cell = str | int | float | Link | None


class Text(msgspec.Struct, frozen=True, tag=True):
    """A paragraph of plain text."""

    text: str


class Code(msgspec.Struct, frozen=True, tag=True):
    """Text to be shown letter by letter: a command, a log."""

    text: str
    language: str = ""


class Table(msgspec.Struct, frozen=True, tag=True):
    """Rows under named columns. Numbers are set right, ``None`` shows as a dash, as does a missing cell."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""


class Chart(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Series over one axis, all as long as ``x``; ``None`` (or NaN) is a gap, never a zero.

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


def cells(table: Table) -> list[tuple[Cell, ...]]:
    """The rows of ``table``, each exactly as long as there are columns."""
    width = len(table.columns)
    return [(*row[:width], *[None] * (width - len(row))) for row in table.rows]


def numeric(table: Table) -> list[bool]:
    """Per column, whether it holds numbers and nothing else: such columns are set right."""
    columns = zip(*cells(table), strict=True) if table.rows else [()] * len(table.columns)
    return [
        any(cell is not None for cell in column) and not any(isinstance(cell, (str, Link)) for cell in column)
        for column in columns
    ]


def points(chart: Chart) -> dict[str, tuple[float | None, ...]]:
    """The series of ``chart``, each as long as ``x``; what is not a finite number is a gap."""
    length = len(chart.x)
    return {
        name: tuple(
            value if value is not None and math.isfinite(value) else None
            for value in (*values[:length], *[None] * (length - len(values)))
        )
        for name, values in chart.series.items()
    }


class Fold(msgspec.Struct, frozen=True, tag=True):
    """Blocks that most readers do not need at first."""

    title: str
    blocks: tuple[Text | Code | Table | Chart, ...]


Block = Text | Code | Table | Chart | Fold
