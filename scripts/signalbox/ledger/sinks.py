"""Where records may go beside the ledger (MLflow, OpenTelemetry): never the only copy.

A sink lags safely: what it has taken is remembered by name in a file of its own, so a sink that is down
loses nothing and gets the rest when it is back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from signalbox.errors import InputError
from signalbox.ledger.reading import Entry


class Sink(Protocol):
    """One destination. `send` raises SinkDown when it could not take an entry; it may see one twice."""

    name: str

    def send(self, entry: Entry) -> None:
        """Take one record; must be safe to repeat for the same entry name."""


class SinkDown(Exception):
    """The destination cannot be reached or refused; the message says which and why."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt: counts of entries, and why it stopped if it did."""

    sink: str
    sent: int
    waiting: int
    why: str = ""


def deliver(sink: Sink, entries: Sequence[Entry], progress: Path) -> Delivery:
    """Send what `sink` has not had yet, in order; stop at the first failure and keep the place.

    `progress` is a file of names, one a line, appended after each success: a crash between the two means
    one entry is sent again, never that one is left out.
    """
    done = set(progress.read_text("utf-8").splitlines()) if progress.is_file() else set()
    todo = [entry for entry in entries if entry.name not in done]
    progress.parent.mkdir(parents=True, exist_ok=True)
    sent = 0
    with progress.open("a", encoding="utf-8") as stream:
        for entry in todo:
            try:
                sink.send(entry)
            except SinkDown as error:
                return Delivery(sink=sink.name, sent=sent, waiting=len(todo) - sent, why=str(error))
            stream.write(entry.name + "\n")
            stream.flush()
            sent += 1
    return Delivery(sink=sink.name, sent=sent, waiting=0)


def open_sink(url: str, environ: Mapping[str, str]) -> Sink:
    """`otlp:http://…` (a collector) or `mlflow:http://…` (a tracking server).

    Credentials come from `OTEL_EXPORTER_OTLP_HEADERS` (name=value, with commas) and `MLFLOW_TRACKING_TOKEN`.
    """
    kind, _, address = url.partition(":")
    if kind == "otlp":
        from signalbox.ledger.otlp import OtlpSink

        pairs = (item.partition("=") for item in environ.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(","))
        return OtlpSink(address, {name.strip(): value.strip() for name, _, value in pairs if name.strip()})
    if kind == "mlflow":
        from signalbox.ledger.mlflow_sink import MlflowSink

        return MlflowSink(address, environ.get("MLFLOW_TRACKING_TOKEN", ""))
    raise InputError("this is no sink", where=url[:200], fix="Give otlp:http://… or mlflow:http://….")
