"""What of Signalbox is not set up in a repository, how to set it up, and what that would have saved."""

from __future__ import annotations

from .estimate import Assumptions, Estimate, Replayed, estimate
from .model import Check, State
from .workflows import Workflow, read_workflows

__all__ = [
    "Assumptions",
    "Check",
    "Estimate",
    "Replayed",
    "State",
    "Workflow",
    "estimate",
    "read_workflows",
]
