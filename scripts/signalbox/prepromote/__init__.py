"""What stands between dev and a promotion besides the evals: the suites against dev, the key, the status."""

from signalbox.prepromote.key import admin_scope
from signalbox.prepromote.promotion import Change, Match, change, match, target
from signalbox.prepromote.status import CONTEXT, Standing, parse_verdicts, recorded, standing
from signalbox.prepromote.suites import Suite, e2e_command, suite_evidence

__all__ = [
    "CONTEXT",
    "Change",
    "Match",
    "Standing",
    "Suite",
    "admin_scope",
    "change",
    "e2e_command",
    "match",
    "parse_verdicts",
    "recorded",
    "standing",
    "suite_evidence",
    "target",
]
