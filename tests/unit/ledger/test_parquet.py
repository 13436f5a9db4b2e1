"""The Parquet file, read back by a reader of the few things that it uses. pyarrow reads it in tests/sinks."""

import gzip
import struct

import pytest

from doubles.records import bundle, outcome
from signalbox.ledger import FolderLedger
from signalbox.ledger.parquet import ROWS, TEXTS, parquet


def read_struct(data, at):
    """A struct of Thrift's compact protocol as {id: value}, and where it ends."""
    out, ident = {}, 0
    while data[at]:
        head, at = data[at], at + 1
        ident += head >> 4
        out[ident], at = read_value(data, at, head & 15)
    return out, at + 1


def read_value(data, at, kind):
    if kind in (5, 6):
        value, at = varint(data, at)
        return (value >> 1) ^ -(value & 1), at
    if kind == 8:
        size, at = varint(data, at)
        return data[at : at + size], at + size
    if kind == 9:
        head, at = data[at], at + 1
        size = head >> 4
        if size == 15:
            size, at = varint(data, at)
        items = []
        for _ in range(size):
            item, at = read_value(data, at, head & 15)
            items.append(item)
        return items, at
    assert kind == 12
    return read_struct(data, at)


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def read(data):
    """Column → values, over all row groups."""
    assert data[:4] == data[-4:] == b"PAR1"
    [size] = struct.unpack("<I", data[-8:-4])
    meta, end = read_struct(data[-8 - size : -8], 0)
    assert end == size
    names = [column[4].decode() for column in meta[2][1:]]
    columns = {name: [] for name in names}
    for group in meta[4]:
        for chunk, name in zip(group[1], names, strict=True):
            about = chunk[3]
            assert about[3] == [name.encode()]
            page, at = read_struct(data, about[9])
            body = gzip.decompress(data[at : at + page[3]])
            assert (len(body), page[5][1], about[5]) == (page[2], group[3], group[3])
            assert about[7] == at - about[9] + page[3]
            columns[name] += values(body, group[3], name)
    assert all(len(column) == meta[3] for column in columns.values())
    return columns


def values(body, count, name):
    if name == "trusted":
        return [bool(body[i // 8] >> i % 8 & 1) for i in range(count)]
    out, at = [], 0
    for _ in range(count):
        [size] = struct.unpack_from("<I", body, at)
        out.append(body[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(body)
    return out


@pytest.mark.parametrize("rows", [0, 1, 9, 20])
def test_every_record_byte_for_byte(tmp_path, rows, monkeypatch):
    monkeypatch.setattr("signalbox.ledger.parquet.ROWS", 7)  # several row groups
    ledger = FolderLedger(tmp_path / "ledger")
    for index in range(rows):
        ledger.record(bundle(id=f"r-{index}"), trusted=index % 3 > 0)
    ledger.record_outcome(outcome(id="o-1", text="Größe \U0001f600"))
    decisions, outcomes = ledger.decisions(), ledger.outcomes()
    found = read(b"".join(parquet(decisions, outcomes)))
    assert list(found) == [*TEXTS, "trusted"]
    entries = (*decisions.entries, *outcomes.entries)
    assert found["record"] == [entry.raw for entry in entries]
    assert found["name"] == [entry.name.encode() for entry in entries]
    assert found["trusted"] == [entry.trusted for entry in entries]
    assert found["label"][-1] == b"bad"
    assert ROWS > 7
