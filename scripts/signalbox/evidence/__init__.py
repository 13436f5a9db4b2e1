"""Reports of tests and scanners, read into checked evidence: one reader a format, none of them trusting.

``read`` one file, ``read_folder`` all below a folder, ``merge_shards`` against the shards that were expected.
"""

from signalbox.evidence.folder import dated, read_folder
from signalbox.evidence.reading import Provenance, Reading, Untrusted
from signalbox.evidence.registry import FORMATS, read
from signalbox.evidence.shards import expected_shards, merge_shards

__all__ = [
    "FORMATS",
    "Provenance",
    "Reading",
    "Untrusted",
    "dated",
    "expected_shards",
    "merge_shards",
    "read",
    "read_folder",
]
