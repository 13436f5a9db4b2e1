"""Strict JSON and streaming XML, both in bounded memory and neither with a way to run anything."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from signalbox.evidence.reading import Reading, Untrusted, XmlHandler, XmlReader

_DEEPEST = 1000


def parse_json(text: str) -> Any:
    """The document; duplicate keys, NaN, Infinity and trailing text are refused, as two readers of the same
    bytes would otherwise see two different reports.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise Untrusted(
            "not-json", f"line {error.lineno}: {error.msg}; the file is truncated or not JSON"
        ) from None
    except (ValueError, RecursionError) as error:
        raise Untrusted("not-json", str(error)[:200]) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key[:60]!r} appears twice in one object")
            seen.add(key)
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is out of range")
    return value


def parse_xml(chunks: Iterable[bytes], readers: Iterable[XmlReader]) -> tuple[XmlReader, Reading]:
    """Feed the document to the reader its root element names.

    Entities declared in the file are refused, external ones never fetched, so a report can neither grow
    without bound ("billion laughs") nor make this machine read another file.
    """
    from xml.sax import SAXParseException
    from xml.sax.handler import (
        ContentHandler,
        feature_external_ges,
    )  # only the base class; parsing is defused
    from xml.sax.xmlreader import AttributesImpl

    from defusedxml import DefusedXmlException, expatreader

    by_root = {root: reader for reader in readers for root in reader.roots}

    class Dispatch(ContentHandler):
        reader: XmlReader | None = None
        handler: XmlHandler | None = None
        depth = 0

        def startElement(self, name: str, attrs: AttributesImpl) -> None:
            local = name.rpartition(":")[2]
            if self.handler is None:
                self.reader = by_root.get(local)
                if self.reader is None:
                    raise Untrusted(
                        "unknown-format", f"no reader for an XML report whose root is <{local[:60]}>"
                    )
                self.handler = self.reader.handler()
            self.depth += 1
            if self.depth > _DEEPEST:
                raise Untrusted("hostile", f"elements nested more than {_DEEPEST} deep")
            self.handler.start(local, {key.rpartition(":")[2]: value for key, value in attrs.items()})

        def endElement(self, name: str) -> None:
            self.depth -= 1
            if self.handler is not None:
                self.handler.end(name.rpartition(":")[2])

    dispatch = Dispatch()
    # Cobertura names a DTD, which defusedxml would refuse when asked to forbid all that is external; here
    # it is passed over unread, while any entity that the file itself declares is refused.
    parser = expatreader.create_parser(forbid_dtd=False, forbid_entities=True, forbid_external=False)
    parser.setFeature(feature_external_ges, False)
    parser.setContentHandler(dispatch)
    try:
        for chunk in chunks:
            parser.feed(chunk)
        parser.close()
    except DefusedXmlException as error:
        raise Untrusted("hostile", f"the file declares entities: {type(error).__name__}") from None
    except Untrusted as error:
        raise _with_partial(error, dispatch.handler) from None
    except SAXParseException as error:
        detail = f"line {error.getLineNumber()}: {str(error.getMessage())[:120]}"
        cut = Untrusted("not-xml", f"{detail}; the file is truncated or not well-formed")
        raise _with_partial(cut, dispatch.handler) from None
    except (LookupError, ValueError) as error:
        # expat asks Python about encodings that it does not know itself.
        raise Untrusted("not-xml", f"the declared encoding cannot be read: {str(error)[:120]}") from None
    if dispatch.reader is None or dispatch.handler is None:
        raise Untrusted("not-xml", "the file has no root element")
    return dispatch.reader, dispatch.handler.reading()


def _with_partial(error: Untrusted, handler: XmlHandler | None) -> Untrusted:
    return Untrusted(error.code, error.text, {**handler.partial(), "partial": True} if handler else {})
