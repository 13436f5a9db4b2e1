"""Bundles and outcomes for tests: valid in every field, with just what a test cares about to be given."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from signalbox.config import Settings
from signalbox.decision import Decision, PolicyRef, Reason, Subject, canonical, digest_of, make_bundle

_MOST_PERMISSIVE = {
    "rollout": "proceed",
    "promotion": "auto-promote",
    "test-plan": "targeted",
    "concurrency": "planned",
}


def decision(kind: str = "rollout", **fields: Any) -> Decision:
    """A decision; fields as `Decision` has them."""
    settings = Settings()
    given: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "subject": Subject(repository="octo/shop", commit="a" * 40, digest="sha256:" + "b" * 64),
        "verdict": _MOST_PERMISSIVE.get(kind, "PASS"),
        "mode": "observe",
        "reasons": (Reason(code="because", text="a reason"),),
        "next_action": "Nothing to do.",
        "policy": PolicyRef(sha256=digest_of(settings)),
        "decided_at": "2026-03-04T05:06:07Z",
        "producer": "signalbox test",
    }
    return Decision(kind=kind, **(given | fields))


def bundle(kind: str = "rollout", *, inputs: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """A bundle's canonical bytes."""
    return make_bundle(decision(kind, **fields), inputs or {}, Settings()).encode()


def outcome(**fields: Any) -> bytes:
    """An outcome's canonical bytes."""
    given = {
        "id": "o-" + uuid.uuid4().hex,
        "label": "bad",
        "source": "rollback",
        "observed_at": "2026-03-05T00:00:00Z",
        "recorded_at": "2026-03-05T00:00:01Z",
        "decision": "d-1",
        "schema_version": 1,
    }
    return canonical(msgspec.to_builtins(given | fields))
