"""From evidence about one digest to auto-promote, manual-review or block, and why."""

from signalbox.promotion.decide import KIND, band, decide
from signalbox.promotion.history import past_of
from signalbox.promotion.inputs import Inputs, Past, Waiver
from signalbox.promotion.report import blocks

__all__ = ["KIND", "Inputs", "Past", "Waiver", "band", "blocks", "decide", "past_of"]
