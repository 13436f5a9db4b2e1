"""Live signals with their state: what was measured, and when nothing was, why. Knows no verdicts.

Shared by the rollout, the scorer and the concurrency planner. A reading is never silently empty: its
``state`` says which of ten things happened, and only ``ok`` carries numbers to rest on.
"""

from signalbox.signals.counts import Change, change, ratio_series
from signalbox.signals.prometheus import Prometheus
from signalbox.signals.queries import QUERY_SETS, QuerySet, recognise
from signalbox.signals.reading import Reading, Sample, Series, State
from signalbox.signals.scrape import Endpoints

__all__ = [
    "QUERY_SETS",
    "Change",
    "Endpoints",
    "Prometheus",
    "QuerySet",
    "Reading",
    "Sample",
    "Series",
    "State",
    "change",
    "ratio_series",
    "recognise",
]
