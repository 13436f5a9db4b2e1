"""What stands between dev and a promotion besides the evals: the suites against dev, the key, the status."""

from signalbox.prepromote.key import admin_scope
from signalbox.prepromote.status import CONTEXT, Match, Standing, parse_verdicts, standing
from signalbox.prepromote.suites import Suite, e2e_command, suite_evidence

__all__ = [
    "CONTEXT",
    "Match",
    "Standing",
    "Suite",
    "admin_scope",
    "e2e_command",
    "parse_verdicts",
    "standing",
    "suite_evidence",
]
