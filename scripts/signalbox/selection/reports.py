"""Which files a test covered, from LCOV, Cobertura and JaCoCo; its seconds and failures, from JUnit.

Only files matter here, not lines. What is cut short, too large or not in form raises `Unreadable`: a report
that cannot be believed must not make a plan smaller. (LCOV cut exactly behind a record cannot be told.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

MOST_BYTES = 128_000_000
_DEEPEST = 200


class Unreadable(Exception):
    """The report cannot be used; the message is a sentence."""


class Case(msgspec.Struct, frozen=True):
    """One case of JUnit: names that may tell its file, seconds, whether it failed."""

    names: tuple[str, ...]
    seconds: float
    failed: bool


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """Names of the files with at least one hit, for the whole report and for each test that LCOV names."""

    files: frozenset[str] = frozenset()
    tests: Mapping[str, frozenset[str]] = {}


def read_coverage(data: bytes) -> Covered:
    """Read a report of any of the three formats, told by its content."""
    _bounded(data)
    if data.lstrip()[:1] == b"<":
        return Covered(files=frozenset(_xml(data, {"coverage": _Cobertura, "report": _Jacoco})))
    return _lcov(data)


def read_junit(data: bytes) -> list[Case]:
    """The cases of a JUnit report."""
    _bounded(data)
    return list(_xml(data, {"testsuite": _Junit, "testsuites": _Junit}))


def _bounded(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise Unreadable(f"it is larger than {MOST_BYTES // 1_000_000} MB")


def _lcov(data: bytes) -> Covered:
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8") from None
    every: set[str] = set()
    tests: dict[str, set[str]] = {}
    test, file, records = "", "", 0
    for line in lines:
        key, _, value = line.strip().partition(":")
        if key == "TN":
            test = value.strip()
        elif key == "SF":
            if file or not value:
                raise Unreadable("a file's record begins before the last one ended, or has no name")
            file = value.strip()
        elif key == "end_of_record":
            if not file:
                raise Unreadable("a record ends that did not begin")
            file, records = "", records + 1
        elif key in ("DA", "FNDA", "BRDA") and file:
            parts = value.split(",")
            hits = parts[0] if key == "FNDA" else parts[-1] if key == "BRDA" else [*parts, ""][1]
            if hits != "-" and not hits.lstrip("-").isdecimal():
                raise Unreadable(f"{line[:60]!r} has no number of hits")
            if hits not in ("-", "0"):
                every.add(file)
                tests.setdefault(test, set()).add(file)
        elif not file and key:
            raise Unreadable(f"{line[:60]!r} stands outside every file's record")
    if file:
        raise Unreadable("its last record has no end: it is cut short")
    if not records:
        raise Unreadable("it is none of LCOV, Cobertura and JaCoCo")
    named = {name: frozenset(found) for name, found in tests.items() if name}
    return Covered(files=frozenset(every), tests=named)


class _Cobertura:
    def __init__(self) -> None:
        self.found: set[str] = set()
        self._file = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "class":
            self._file = attributes.get("filename", "")
            if not self._file:
                raise Unreadable("a class has no file")
        elif name == "line" and self._file and _number(attributes.get("hits")) > 0:
            self.found.add(self._file)

    def end(self, name: str) -> None:
        if name == "class":
            self._file = ""


class _Jacoco:
    def __init__(self) -> None:
        self.found: set[str] = set()
        self._package = self._file = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "package":
            self._package, self._file = attributes.get("name", ""), ""
        elif name == "class":
            self._file = ""
        elif name == "sourcefile":
            self._file = f"{self._package}/{attributes.get('name', '')}".strip("/")
        elif name in ("counter", "line") and self._file:
            hits = attributes.get("covered") if name == "counter" else attributes.get("ci", "0")
            if _number(hits) > 0:
                self.found.add(self._file)

    def end(self, name: str) -> None:
        if name == "sourcefile":
            self._file = ""  # the package's own counters follow


class _Junit:
    def __init__(self) -> None:
        self.found: list[Case] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "testcase":
            names = tuple(filter(None, (attributes.get(k, "") for k in ("file", "classname", "name"))))
            bad = attributes.get("status", "").lower() in ("fail", "failed", "error")
            self.found.append(Case(names, _seconds(attributes.get("time")), bad))
        elif name in ("failure", "error") and self.found:
            last = self.found[-1]
            self.found[-1] = Case(last.names, last.seconds, True)

    def end(self, name: str) -> None:
        """A failure stands inside its case; what ends needs no note."""


def _number(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Unreadable(f"{(text or '')[:40]!r} is not a number of hits")
    return int(text)


def _seconds(text: str | None) -> float:
    try:
        value = float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and 0 <= value < 1e6 else 0.0


def _xml(data: bytes, roots: Mapping[str, Any]) -> Iterable[Any]:
    """Stream the document into the handler of its root; no entity is expanded, nothing outside is fetched."""
    from xml.sax import SAXException
    from xml.sax.handler import ContentHandler, feature_external_ges

    from defusedxml import DefusedXmlException, expatreader

    class Stream(ContentHandler):
        handler: Any = None
        depth = 0

        def startElement(self, name: str, attrs: Any) -> None:
            if self.handler is None:
                kind = roots.get(name.rpartition(":")[2])
                if kind is None:
                    raise Unreadable(
                        f"its root is <{name[:40]}>, which is none of {', '.join(sorted(roots))}"
                    )
                self.handler = kind()
            self.depth += 1
            if self.depth > _DEEPEST:
                raise Unreadable("its elements are nested too deep")
            self.handler.start(name.rpartition(":")[2], dict(attrs.items()))

        def endElement(self, name: str) -> None:
            self.depth -= 1
            self.handler.end(name.rpartition(":")[2])

    stream = Stream()
    # JaCoCo and Cobertura name a DTD, which is passed over unread.
    parser = expatreader.create_parser(forbid_dtd=False, forbid_entities=True, forbid_external=False)
    parser.setFeature(feature_external_ges, False)
    parser.setContentHandler(stream)
    try:
        parser.feed(data)
        parser.close()
    except DefusedXmlException:
        raise Unreadable("it declares entities") from None
    except SAXException:
        raise Unreadable("it is cut short or not well-formed") from None
    except (LookupError, ValueError) as error:
        raise Unreadable(f"its encoding cannot be read: {error}") from None
    if stream.handler is None:
        raise Unreadable("it is empty")
    found: Iterable[Any] = stream.handler.found
    return found
