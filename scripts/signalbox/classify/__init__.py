"""Data classes, secrets and personal data in text; shared by the advisor, the ledger and the gates.

>>> redact("write to ada@lovelace.org")
'write to [redacted:email]'
"""

from signalbox.classify.detectors import DETECTORS, DataClass, Detector
from signalbox.classify.scan import (
    Finding,
    Inspection,
    Waiver,
    data_class,
    fingerprint,
    inspect,
    redact,
    redact_tree,
    scan,
)

__all__ = [
    "DETECTORS",
    "DataClass",
    "Detector",
    "Finding",
    "Inspection",
    "Waiver",
    "data_class",
    "fingerprint",
    "inspect",
    "redact",
    "redact_tree",
    "scan",
]
