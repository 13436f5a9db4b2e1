"""What came of the decisions: labels, metrics and the health report. Later: drift and proposals."""

from signalbox.feedback.dora import five
from signalbox.feedback.estimates import Estimate
from signalbox.feedback.history import History, Made, read_history
from signalbox.feedback.report import Report, health_report
from signalbox.feedback.scorecard import Scorecard, scorecard

__all__ = [
    "Estimate",
    "History",
    "Made",
    "Report",
    "Scorecard",
    "five",
    "health_report",
    "read_history",
    "scorecard",
]
