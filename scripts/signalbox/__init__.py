"""Signalbox: judgement for the path to production.

Rooms of the library and what each owns are listed in ``docs/architecture.md``.
"""

__version__ = "0.1.0"
