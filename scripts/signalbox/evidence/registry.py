"""Tell a report's format from its content and read it. ``read`` never raises for what a file holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from signalbox.decision import Evidence, Gap, Subject, format_time, parse_time
from signalbox.evidence import (
    cobertura,
    coverage_py,
    cyclonedx,
    dependencies,
    epss,
    go_bench,
    google_benchmark,
    grype,
    hyperfine,
    junit,
    kev,
    lcov,
    licence_list,
    malicious,
    openvex,
    osv,
    pairs,
    pip_audit,
    plain,
    pytest_benchmark,
    sarif,
    slipcover,
    spdx,
    trivy,
    zap,
)
from signalbox.evidence.documents import parse_json, parse_xml
from signalbox.evidence.reading import Provenance, Reading, Untrusted
from signalbox.evidence.source import MAX_DOCUMENT_BYTES, MAX_STREAMED_BYTES, Source

XML_READERS = (junit.READER, cobertura.READER)
# In this order: a narrower shape before a wider one.
JSON_READERS = (
    sarif.READER,
    cyclonedx.VEX_READER,
    cyclonedx.READER,
    spdx.READER,
    openvex.READER,
    dependencies.READER,
    licence_list.READER,
    malicious.READER,
    pairs.READER,
    pytest_benchmark.READER,
    google_benchmark.READER,
    hyperfine.READER,
    grype.READER,
    trivy.READER,
    kev.READER,
    zap.READER,
    osv.READER,
    pip_audit.READER,
    coverage_py.READER,
    slipcover.READER,
    plain.READER,
)
TEXT_READERS = (lcov.READER, epss.READER, go_bench.READER)
FORMATS = tuple(reader.format for reader in (*XML_READERS, *JSON_READERS, *TEXT_READERS))
UNKNOWN_KIND = "unknown"


def read(
    path: str | os.PathLike[str],
    *,
    provenance: Provenance | None = None,
    root: str | os.PathLike[str] | None = None,
    name: str = "",
) -> Evidence:
    """The evidence in one file, ``not_verified`` with the reason where it cannot be trusted.

    ``root``: the folder it must lie in after symbolic links are followed (its own folder by default).
    ``name``: what to call it in the evidence; the path as given by default.
    """
    path = Path(path)
    known = provenance or Provenance()
    name = name or str(path)
    try:
        source = Source(path, Path(root) if root is not None else path.parent)
    except Untrusted as error:
        return _refused(error, UNKNOWN_KIND, name, "", known)
    with source:
        kind, produced = UNKNOWN_KIND, ""
        try:
            produced, kind, reading = _understand(source)
        except Untrusted as error:
            source.drain()
            return _refused(error, _likely_kind(error, kind, name), name, source.sha256, known)
        except Exception as error:  # a reader that crashes has verified nothing, whatever the reason
            source.drain()
            crash = Untrusted("reader-crashed", f"the reader failed on this file ({type(error).__name__})")
            return _refused(crash, UNKNOWN_KIND, name, source.sha256, known)
        source.drain()
        return _evidence(reading, kind, produced, name, source, known)


def _understand(source: Source) -> tuple[str, str, Reading]:
    """The format, the kind of evidence and the reading."""
    chunks = source.chunks(MAX_STREAMED_BYTES)
    head = next(chunks, b"")
    start = head.lstrip()[:1]
    if start == b"<":
        reader, reading = parse_xml(_from(head, chunks), XML_READERS)
        return reader.format, reader.kind, reading
    if start in (b"{", b"["):
        if source.size > MAX_DOCUMENT_BYTES:
            raise Untrusted(
                "too-large", f"{source.size} bytes, and at most {MAX_DOCUMENT_BYTES} of JSON are read"
            )
        document = parse_json(b"".join(_from(head, chunks)).decode())
        for candidate in JSON_READERS:
            if candidate.recognises(document):
                try:
                    return candidate.format, candidate.kind, candidate.read(document)
                except Untrusted as error:
                    raise Untrusted(
                        error.code, error.text, {**error.facts, "_kind": candidate.kind}
                    ) from None
        raise Untrusted("unknown-format", "this JSON has the shape of no report that is known here")
    first = head[:4096].decode(errors="replace")
    for line_reader in TEXT_READERS:
        if line_reader.recognises(first):
            return line_reader.format, line_reader.kind, line_reader.read(_lines(_from(head, chunks)))
    raise Untrusted("unknown-format", "this is the content of no report that is known here")


def _from(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    kept = b""
    for chunk in chunks:
        *whole, kept = (kept + chunk).split(b"\n")
        if len(kept) > 1 << 20:
            raise Untrusted("hostile", "a line of more than a mebibyte")
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")
    if kept:
        yield kept.decode(errors="replace").rstrip("\r")


def _likely_kind(error: Untrusted, kind: str, name: str) -> str:
    """What the file was meant to be, so that its absence is felt where it belongs."""
    told = error.facts.pop("_kind", kind)
    if told != UNKNOWN_KIND:
        return str(told)
    lower = Path(name).name.lower()
    if lower.endswith(".sarif") or ".sarif." in lower:
        return sarif.READER.kind
    if "junit" in lower or lower.startswith("test-") or error.facts.get("total") is not None:
        return junit.READER.kind
    if "coverage" in lower or lower.endswith((".info", ".lcov")):
        return coverage_py.READER.kind
    return UNKNOWN_KIND


def _refused(error: Untrusted, kind: str, name: str, sha256: str, known: Provenance) -> Evidence:
    return Evidence(
        kind=kind,
        status="not_verified",
        source=name,
        sha256=sha256,
        producer=known.producer,
        subject=known.subject,
        observed_at=known.observed_at,
        fresh_until=known.fresh_until,
        tier=known.tier,
        origin=known.origin,
        gaps=(Gap(error.code, error.text),),
        facts=error.facts,
    )


def _evidence(
    reading: Reading, kind: str, form: str, name: str, source: Source, known: Provenance
) -> Evidence:
    status = "not_verified" if reading.gaps and reading.status == "pass" else reading.status
    written = format_time(datetime.fromtimestamp(source.modified, UTC))
    return Evidence(
        kind=kind,
        status=status,
        source=name,
        sha256=source.sha256,
        producer=known.producer or reading.producer,
        # What the report says about itself outranks what the caller assumes, so that a report about
        # another commit cannot be passed off as being about this one.
        subject=_merge(known.subject, reading.subject),
        observed_at=known.observed_at or _time(reading.observed_at) or written,
        fresh_until=known.fresh_until,
        tier=known.tier,
        origin=known.origin,
        gaps=reading.gaps,
        facts={**reading.facts, "format": form},
    )


def _merge(outer: Subject, inner: Subject) -> Subject:
    told: dict[str, Any] = {key: value for key, value in msgspec.structs.asdict(inner).items() if value}
    return msgspec.structs.replace(outer, **told)


def _time(text: str | None) -> str | None:
    """A report's own time if it names its offset; a local time without one could be off by a day."""
    if not text:
        return None
    try:
        return format_time(parse_time(text))
    except (ValueError, OverflowError):
        return None
