"""The records of the phases of work, who may write them, and how work moves from one phase to the next."""

from signalbox.phases.records import KINDS, PHASES

__all__ = ["KINDS", "PHASES"]
