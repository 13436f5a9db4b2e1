"""One report of one tool, and its truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """``make(folder)`` runs the tool and returns its report; ``form`` is junit or sarif for the peers."""

    tool: str
    name: str
    form: str
    make: Callable[[Path], Path]
    truth: dict[str, Any] = field(default_factory=dict)
    status: str = "pass"
