"""Records as OpenTelemetry spans over OTLP/HTTP (JSON), by the semantic conventions for CI/CD.

A decision is one task run (`cicd.pipeline.task.*`) of the pipeline that delivers a commit; decisions about
one commit or artifact of one repository share a trace; an outcome is a span in the trace of what it names.
Trace and span ids are drawn from the records, so sending a record again repeats its span. The ledger knows
when a decision was made, not how long it took: spans start and end at that moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from signalbox.decision import exit_code, parse_time
from signalbox.ledger.http_sink import check_url, request
from signalbox.ledger.reading import Entry
from signalbox.ledger.sinks import SinkDown

# A decision that waits for a person went no further by itself.
_RESULTS = {0: "success", 1: "failure", 3: "skip"}


class OtlpSink:
    """Spans to a collector's base address (`/v1/traces` is added)."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.name = "otlp"
        self._url = check_url(url) + "/v1/traces"
        self._headers = dict(headers or {})

    def send(self, entry: Entry) -> None:
        """Send one record as one span; SinkDown when the collector did not take it."""
        status, answer = request("POST", self._url, payload(entry), headers=self._headers)
        rejected = (answer.get("partialSuccess") or {}).get("rejectedSpans") or 0
        if status != 200 or int(rejected):
            why = (answer.get("partialSuccess") or {}).get("errorMessage") or answer.get("message", "")
            raise SinkDown(f"{self._url}: status {status}, {rejected} rejected {why}".strip())


def payload(entry: Entry) -> dict[str, Any]:
    """The body of an export request with the record's span."""
    data = entry.data
    made = data if entry.kind == "outcome" else data.get("decision", {})
    subject = made.get("subject") or {}
    at = made.get("recorded_at") if entry.kind == "outcome" else made.get("decided_at")
    nanoseconds = str(int(parse_time(str(at)).timestamp() * 1_000_000_000))
    attributes = _outcome(made) if entry.kind == "outcome" else _decision(made)
    result = attributes.get("cicd.pipeline.task.run.result")
    if result == "failure":
        attributes["error.type"] = str(made.get("verdict"))
    attributes |= {"signalbox.record": entry.name, "signalbox.trusted": entry.trusted}
    span = {
        "traceId": _trace(made, subject, entry),
        "spanId": hashlib.sha256(entry.name.encode()).hexdigest()[:16],
        "name": "outcome" if entry.kind == "outcome" else entry.kind,
        "kind": 1,
        "startTimeUnixNano": nanoseconds,
        "endTimeUnixNano": nanoseconds,
        "attributes": _pairs(attributes),
        "status": {"code": 2} if result == "failure" else {},
    }
    repository = str(subject.get("repository") or "")
    resource = {
        "service.name": "signalbox",
        "cicd.pipeline.name": "path-to-production",
        "vcs.repository.name": repository.partition("/")[2],
        "vcs.owner.name": repository.partition("/")[0],
        "vcs.ref.head.revision": subject.get("commit"),
        "deployment.environment.name": subject.get("environment"),
        "oci.manifest.digest": subject.get("digest"),
    }
    scope = {"scope": {"name": "signalbox"}, "spans": [span]}
    return {"resourceSpans": [{"resource": {"attributes": _pairs(resource)}, "scopeSpans": [scope]}]}


def _decision(made: Mapping[str, Any]) -> dict[str, Any]:
    kind, verdict = str(made.get("kind")), str(made.get("verdict"))
    try:
        result = _RESULTS.get(exit_code(kind, verdict), "error")
    except (KeyError, ValueError):
        result = "error"  # a kind or verdict of a newer version
    return {
        "cicd.pipeline.task.name": kind,
        "cicd.pipeline.task.type": {"test-plan": "test", "rollout": "deploy", "promotion": "deploy"}.get(
            kind
        ),
        "cicd.pipeline.task.run.id": made.get("id"),
        "cicd.pipeline.task.run.result": result,
        "signalbox.verdict": verdict,
        "signalbox.mode": made.get("mode"),
        "signalbox.propensity": made.get("propensity"),
        "signalbox.policy.sha256": (made.get("policy") or {}).get("sha256"),
    }


def _outcome(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cicd.pipeline.task.run.id": told.get("decision"),
        "signalbox.outcome.label": told.get("label"),
        "signalbox.outcome.source": told.get("source"),
        "signalbox.outcome.observed_at": told.get("observed_at"),
    }


def _trace(made: Mapping[str, Any], subject: Mapping[str, Any], entry: Entry) -> str:
    about = subject.get("commit") or subject.get("digest") or made.get("decision") or entry.id
    return hashlib.sha256(f"{subject.get('repository', '')} {about}".encode()).hexdigest()[:32]


def _pairs(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """OTLP's form of attributes; what is empty is left out."""
    out = []
    for key, value in values.items():
        if value is None or value == "":
            continue
        kind = "boolValue" if isinstance(value, bool) else "stringValue"
        if isinstance(value, float):
            kind = "doubleValue"
        out.append({"key": key, "value": {kind: value if kind != "stringValue" else str(value)}})
    return out
