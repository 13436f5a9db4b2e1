"""Read the bundles that deciding jobs left as artifacts. Everything in them is data, and hostile.

Nothing is unpacked to disk, so no name inside an archive can reach outside; links are not followed; every
count and size has a limit; what is left out is named.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from signalbox.decision import SCHEMA_VERSION, decode_bundle, sha256_hex
from signalbox.errors import InputError
from signalbox.ledger.records import MAX_RECORD_BYTES, decision_name, parse_object


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is read before it is called too much: counts of files and folders' depth, and bytes."""

    files: int = 5000
    depth: int = 8
    record_bytes: int = MAX_RECORD_BYTES
    total_bytes: int = 512 * 1024 * 1024


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A valid bundle: where it was, its bytes and their SHA-256 in hexadecimal."""

    where: str
    data: bytes
    sha256: str


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not taken, and why."""

    where: str
    why: str


class Harvest(msgspec.Struct, frozen=True, kw_only=True):
    """`bundles` once per content; `refused` what looked like one and is not; `others` a count of the rest."""

    bundles: tuple[Found, ...]
    refused: tuple[Refused, ...]
    others: int


_LIMITS = Limits()


def harvest(folder: Path, limits: Limits = _LIMITS) -> Harvest:
    """Every bundle below `folder`: plain .json files and .json members of .zip artifacts.

    Raises InputError when `folder` is not a folder.
    """
    if not folder.is_dir():
        raise InputError(
            "there is no folder of decisions here",
            where=str(folder),
            fix="Download the bundle artifacts first (actions/download-artifact) and name its folder.",
        )
    bundles: dict[str, Found] = {}
    refused: list[Refused] = []
    others, total, count = 0, 0, 0
    for item in _items(folder, limits):
        count += 1
        if count > limits.files:
            refused.append(
                Refused(where=str(folder), why=f"more than {limits.files} files; the rest was not read")
            )
            break
        if isinstance(item, Refused):
            refused.append(item)
            continue
        where, data = item
        total += len(data)
        if total > limits.total_bytes:
            refused.append(
                Refused(where=where, why=f"more than {limits.total_bytes} bytes; the rest was not read")
            )
            break
        try:
            if "decision" not in parse_object(data, where=where):
                others += 1
                continue
            decision_name(data, where=where)
            _check_seal(data, where)
        except InputError as error:
            refused.append(Refused(where=where, why=f"{error.what}{': ' + error.why if error.why else ''}"))
            continue
        digest = sha256_hex(data)
        bundles.setdefault(digest, Found(where=where, data=data, sha256=digest))
    return Harvest(bundles=tuple(bundles.values()), refused=tuple(refused), others=others)


def _check_seal(data: bytes, where: str) -> None:
    """A bundle of this version that carries a seal must match it."""
    plain = parse_object(data, where=where)
    if plain.get("seal") and plain.get("schema_version") == SCHEMA_VERSION:
        bundle = decode_bundle(data, where=where)
        if bundle.seal != bundle.expected_seal():
            raise InputError("the bundle does not match its own seal", where=where)


def _items(folder: Path, limits: Limits) -> Iterator[tuple[str, bytes] | Refused]:
    for path in _walk(folder, limits.depth):
        where = path.relative_to(folder).as_posix()
        if path.suffix not in (".json", ".zip"):
            continue
        try:
            # O_NOFOLLOW and the check on the open file: a link put here after the listing gains nothing.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            yield Refused(where=where, why=f"not a plain file that can be read: {error.strerror}")
            continue
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                yield Refused(where=where, why="not a plain file")
            elif path.suffix == ".zip":
                yield from _members(where, stream, limits)
            else:
                yield _capped(where, stream, limits.record_bytes)


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    if depth < 0:
        return
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), depth - 1)
        else:
            yield Path(entry.path)


def _members(where: str, stream: BinaryIO, limits: Limits) -> Iterator[tuple[str, bytes] | Refused]:
    try:
        with zipfile.ZipFile(stream) as archive:
            for info in archive.infolist()[: limits.files + 1]:
                if info.is_dir() or not info.filename.endswith(".json"):
                    continue
                inside = f"{where}!{info.filename}"
                try:
                    with archive.open(info) as member:
                        yield _capped(inside, member, limits.record_bytes)
                # Encrypted members raise RuntimeError, unknown compressions NotImplementedError.
                except (
                    RuntimeError,
                    NotImplementedError,
                    EOFError,
                    zlib.error,
                    zipfile.BadZipFile,
                    OSError,
                ) as error:
                    yield Refused(where=inside, why=f"cannot be read from the archive: {error}")
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        yield Refused(where=where, why=f"not a zip archive: {error}")


def _capped(where: str, stream: IO[bytes], largest: int) -> tuple[str, bytes] | Refused:
    # The declared size of a member is the archive's word; only what is really read counts.
    data = stream.read(largest + 1)
    if len(data) > largest:
        return Refused(where=where, why=f"larger than {largest} bytes")
    return where, data
