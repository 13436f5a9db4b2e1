"""Find sensitive values in text, say how far the text may travel, and take the values out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from signalbox.classify.detectors import DETECTORS, DataClass, Detector

# Above this many characters a text is scanned in overlapping windows, so memory for matches stays small.
_WINDOW = 1 << 20
_OVERLAP = 1 << 15


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A false positive somebody accepted. It holds the value's fingerprint, never the value.

    `expires` is a date (YYYY-MM-DD, UTC, inclusive) and must be given: a waiver without an end is a hole.
    """

    fingerprint: str
    reason: str
    expires: str
    detector: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One sensitive value: where it stands (character offsets, line from 1), never what it is."""

    detector: str
    group: str
    data_class: DataClass
    start: int
    end: int
    line: int
    fingerprint: str


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What a text holds: its findings, its class, and the text with the values replaced."""

    findings: tuple[Finding, ...]
    data_class: DataClass
    redacted: str


def fingerprint(value: str) -> str:
    """What a waiver names: the first 16 hexadecimal digits of the value's SHA-256."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def scan(
    text: str,
    *,
    waivers: Iterable[Waiver] = (),
    today: str = "",
    detectors: Sequence[Detector] = DETECTORS,
) -> tuple[Finding, ...]:
    """Every sensitive value in `text`, in order, none overlapping; the earlier detector wins.

    `today` (YYYY-MM-DD) decides which waivers still hold; without it none does.
    """
    waived = {(w.fingerprint, w.detector) for w in waivers if today and w.expires >= today}
    found: list[tuple[int, int, Detector, str]] = []
    lowered, unseen = text.lower(), text
    for detector in detectors:
        if detector.hints and not any(hint in lowered for hint in detector.hints):
            continue
        taken = []
        for start, end in _matches(detector, unseen):
            mark = fingerprint(text[start:end])
            if (mark, "") not in waived and (mark, detector.name) not in waived:
                taken.append((start, end))
                found.append((start, end, detector, mark))
        unseen = _blank(unseen, taken)
    return _with_lines(text, sorted(found, key=lambda item: item[0]))


def inspect(
    text: str, *, waivers: Iterable[Waiver] = (), today: str = "", exact_only: bool = False
) -> Inspection:
    """Scan, class and redact in one pass. A text without findings is Internal: nobody declared it Public."""
    detectors = tuple(d for d in DETECTORS if d.exact) if exact_only else DETECTORS
    findings = scan(text, waivers=waivers, today=today, detectors=detectors)
    highest = max((f.data_class for f in findings), default=DataClass.INTERNAL)
    return Inspection(findings=findings, data_class=highest, redacted=_replace(text, findings))


def data_class(text: str, *, waivers: Iterable[Waiver] = (), today: str = "") -> DataClass:
    """The most sensitive class of anything found in `text`; Internal when nothing is."""
    return inspect(text, waivers=waivers, today=today).data_class


def redact(text: str, *, waivers: Iterable[Waiver] = (), today: str = "") -> str:
    """`text` with each value replaced by a placeholder that says its kind, such as `[redacted:email]`."""
    return inspect(text, waivers=waivers, today=today).redacted


def redact_tree(value: Any, *, exact_only: bool = False) -> tuple[Any, tuple[str, ...]]:
    """A JSON value with every string (keys too) redacted, and the names of the detectors that fired, sorted.

    Where a key names a secret (`"password": "…"`), the two stand in different strings; they are scanned
    joined, so that the key's meaning is not lost.
    """
    fired: set[str] = set()

    def clean(text: str) -> str:
        seen = inspect(text, exact_only=exact_only)
        fired.update(f.detector for f in seen.findings)
        return seen.redacted

    def walk(node: Any) -> Any:
        if isinstance(node, str):
            return clean(node)
        if isinstance(node, dict):
            return {clean(str(k)): pair(str(k), v) for k, v in node.items()}
        if isinstance(node, list | tuple):
            return [walk(item) for item in node]
        return node

    def pair(key: str, item: Any) -> Any:
        if exact_only or not isinstance(item, str) or len(item) > 512:
            return walk(item)
        head = f'{key}: "'
        inside = [
            f for f in scan(head + item + '"') if f.start >= len(head) and f.end <= len(head) + len(item)
        ]
        fired.update(f.detector for f in inside)
        moved = (msgspec.structs.replace(f, start=f.start - len(head), end=f.end - len(head)) for f in inside)
        return _replace(item, tuple(moved))

    return walk(value), tuple(sorted(fired))


def _matches(detector: Detector, text: str) -> Iterable[tuple[int, int]]:
    group = 1 if detector.pattern.groups else 0
    at = 0
    while at <= len(text):
        # pos/endpos, not slices: a look-behind still sees the character before the window.
        low = at - at % _WINDOW
        match = detector.pattern.search(text, at, low + _WINDOW + _OVERLAP)
        if match is None:
            at = low + _WINDOW
            continue
        start, end = match.span(group)
        if detector.accept is None or detector.accept(text[start:end]):
            yield start, end
            at = max(match.end(), at + 1)
        else:
            # What was turned down may have swallowed the beginning of what would be accepted.
            at = match.start() + 1


def _blank(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """`text`, as long as before, with `spans` made NUL: no pattern takes part of what another has found."""
    pieces, last = [], 0
    for start, end in spans:
        pieces += [text[last:start], "\0" * (end - start)]
        last = end
    return "".join([*pieces, text[last:]]) if spans else text


def _with_lines(text: str, found: list[tuple[int, int, Detector, str]]) -> tuple[Finding, ...]:
    line, counted, out = 1, 0, []
    for start, end, detector, mark in found:
        line += text.count("\n", counted, start)
        counted = start
        out.append(
            Finding(
                detector=detector.name,
                group=detector.group,
                data_class=detector.data_class,
                start=start,
                end=end,
                line=line,
                fingerprint=mark,
            )
        )
    return tuple(out)


def _replace(text: str, findings: tuple[Finding, ...]) -> str:
    pieces, last = [], 0
    for finding in findings:
        pieces += [text[last : finding.start], f"[redacted:{finding.detector}]"]
        last = finding.end
    return "".join([*pieces, text[last:]])
