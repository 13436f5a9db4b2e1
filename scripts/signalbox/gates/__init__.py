"""Gates: where a person must agree. So far: whether a promotion really waits for one, and who it was."""

from signalbox.gates.review import Approver, approvers, unguarded

__all__ = ["Approver", "approvers", "unguarded"]
