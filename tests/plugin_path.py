"""The plugin is a distribution of its own, which this environment does not install."""

from __future__ import annotations

import sys
from pathlib import Path

PLUGIN = Path(__file__).resolve().parent.parent / "plugin" / "src"


def add() -> None:
    """Make the plugin's modules importable, last on the path."""
    if str(PLUGIN) not in sys.path:
        sys.path.append(str(PLUGIN))
