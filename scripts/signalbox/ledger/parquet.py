"""The ledger as a Parquet file, for whatever reads those (DuckDB, pandas, Spark), without their libraries.

The plainest file that the format allows (parquet.thrift): required columns, one data page each, PLAIN values
under GZIP, row groups of a few thousand rows, the metadata in Thrift's compact protocol.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from signalbox.decision import sha256_hex
from signalbox.ledger.reading import Reading

TEXTS = ("name", "kind", "id", "sha256", "at", "verdict", "label", "source", "record")
ROWS = 5000
_MAGIC = b"PAR1"
_BOOLEAN, _BYTE_ARRAY = 0, 6
_REQUIRED, _UTF8, _PLAIN, _RLE, _GZIP, _DATA_PAGE = 0, 0, 0, 3, 2, 0
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12


def parquet(decisions: Reading, outcomes: Reading) -> Iterator[bytes]:
    """The file piece by piece: the columns of ``TEXTS`` and ``trusted``, a row each record that counts.

    ``record`` is the record's own JSON, byte for byte. What does not count is not in it; the JSON lines name
    it.
    """
    yield _MAGIC
    at, groups, total = len(_MAGIC), [], 0
    rows = (_row(entry) for reading in (decisions, outcomes) for entry in reading.entries)
    while batch := list(islice(rows, ROWS)):
        chunks, size = [], 0
        for index, name in enumerate((*TEXTS, "trusted")):
            values = [row[index] for row in batch]
            body = _bits(values) if name == "trusted" else _texts(values)
            packed = gzip.compress(body, 6, mtime=0)
            head = _page(len(values), len(body), len(packed))
            yield head + packed
            kind = _BOOLEAN if name == "trusted" else _BYTE_ARRAY
            whole = len(head) + len(body)
            chunks.append(_chunk(name, kind, len(values), whole, len(head) + len(packed), at))
            at += len(head) + len(packed)
            size += whole
        groups.append(_struct((1, _LIST, _list(_STRUCT, chunks)), (2, _I64, size), (3, _I64, len(batch))))
        total += len(batch)
    footer = _footer(groups, total)
    yield footer + struct.pack("<I", len(footer)) + _MAGIC


def _row(entry: Any) -> tuple[Any, ...]:
    plain = msgspec.json.decode(entry.raw)
    about = plain if entry.kind == "outcome" else plain.get("decision", {})
    at = about.get("observed_at") or about.get("decided_at") or ""
    told = (about.get("verdict") or "", about.get("label") or "", about.get("source") or "")
    texts = (entry.name, entry.kind, entry.id, sha256_hex(entry.raw), str(at), *map(str, told))
    return (*(text.encode() for text in texts), entry.raw, entry.trusted)


def _texts(values: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def _bits(values: Sequence[bool]) -> bytes:
    return b"".join(
        bytes([sum(bool(value) << place for place, value in enumerate(values[at : at + 8]))])
        for at in range(0, len(values), 8)
    )


def _page(count: int, size: int, packed: int) -> bytes:
    data = _struct((1, _I32, count), (2, _I32, _PLAIN), (3, _I32, _RLE), (4, _I32, _RLE))
    return _struct((1, _I32, _DATA_PAGE), (2, _I32, size), (3, _I32, packed), (5, _STRUCT, data))


def _chunk(name: str, kind: int, count: int, size: int, packed: int, at: int) -> bytes:
    about = _struct(
        (1, _I32, kind),
        (2, _LIST, _list(_I32, [_zigzag(_PLAIN), _zigzag(_RLE)])),
        (3, _LIST, _list(_BINARY, [_binary(name.encode())])),
        (4, _I32, _GZIP),
        (5, _I64, count),
        (6, _I64, size),
        (7, _I64, packed),
        (9, _I64, at),
    )
    return _struct((2, _I64, at), (3, _STRUCT, about))


def _footer(groups: Sequence[bytes], total: int) -> bytes:
    root = _struct((4, _BINARY, b"ledger"), (5, _I32, len(TEXTS) + 1))
    columns = [
        _struct((1, _I32, _BYTE_ARRAY), (3, _I32, _REQUIRED), (4, _BINARY, name.encode()), (6, _I32, _UTF8))
        for name in TEXTS
    ]
    columns.append(_struct((1, _I32, _BOOLEAN), (3, _I32, _REQUIRED), (4, _BINARY, b"trusted")))
    return _struct(
        (1, _I32, 1),
        (2, _LIST, _list(_STRUCT, [root, *columns])),
        (3, _I64, total),
        (4, _LIST, _list(_STRUCT, groups)),
        (6, _BINARY, b"signalbox"),
    )


def _struct(*fields: tuple[int, int, Any]) -> bytes:
    """Fields (id, type, value) in order of their ids; structs and lists are given as they are written."""
    out, last = [], 0
    for ident, kind, value in fields:
        out.append(bytes([(ident - last) << 4 | kind]))
        if kind in (_I32, _I64):
            out.append(_zigzag(value))
        else:
            out.append(_binary(value) if kind == _BINARY else value)
        last = ident
    return b"".join(out) + b"\0"


def _list(kind: int, items: Iterable[bytes]) -> bytes:
    found = list(items)
    head = bytes([len(found) << 4 | kind]) if len(found) < 15 else bytes([0xF0 | kind]) + _varint(len(found))
    return head + b"".join(found)


def _binary(value: bytes) -> bytes:
    return _varint(len(value)) + value


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
