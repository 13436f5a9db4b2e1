"""The one door for events from outside: ``repository_dispatch`` payloads, checked before anything runs."""

from signalbox.dispatch.payloads import CAPABILITIES, validate

__all__ = ["CAPABILITIES", "validate"]
