"""Coverage-guided fuzzing of everything that reads text from outside.

usage: fuzz.py [--seconds N] [--only NAME …] [--seed N] [--list]

Each target takes bytes and returns, or raises the library's own error. Anything else, and anything that takes
longer than five seconds, is a finding; its shortest form is printed and kept under .cache/fuzz/. What is fed
next is a mutation of the inputs that took a step (one line to another) that no input had taken before, found
by sys.settrace in the library alone. Seeds are ours: seeds.py, and tests/fixtures/. Time is shared evenly.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

import seeds  # noqa: E402

from signalbox.errors import SignalboxError  # noqa: E402

KEPT = ROOT / ".cache" / "fuzz"
SLOWEST = 5
MOST_BYTES = 8192
LIBRARY = str(ROOT / "scripts" / "signalbox")


@dataclass
class Found:
    """One input that ended in another way than it may."""

    target: str
    data: bytes
    how: str


@dataclass
class Campaign:
    """One target's corpus and what it has reached."""

    name: str
    target: Callable[[bytes], object]
    rng: random.Random
    corpus: list[bytes] = field(default_factory=list)
    reached: set[tuple[str, int, int]] = field(default_factory=set)
    tried: int = 0
    found: dict[str, Found] = field(default_factory=dict)

    def feed(self, data: bytes) -> None:
        """Run the target once; keep the input if it went where none had gone."""
        self.tried += 1
        went, how = run(self.target, data)
        if how:
            self.found.setdefault(how.splitlines()[0], Found(self.name, data, how))
        new = went - self.reached
        if new:
            self.reached |= new
            self.corpus.append(data)

    def next(self) -> bytes:
        """A mutation of something that is known to lead somewhere; later finds are preferred."""
        data = bytearray(
            self.corpus[int(len(self.corpus) * self.rng.random() ** 0.5)] if self.corpus else b""
        )
        for _ in range(self.rng.choice((1, 1, 2, 4, 8))):
            MUTATIONS[self.rng.randrange(len(MUTATIONS))](data, self)
        return bytes(data[:MOST_BYTES])


def run(target: Callable[[bytes], object], data: bytes) -> tuple[set[tuple[str, int, int]], str]:
    """The edges (file, line before, line) that were taken, and how it ended if it may not end so."""
    edges: set[tuple[str, int, int]] = set()
    last = 0

    def local(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal last
        if event == "line":
            edges.add((frame.f_code.co_filename, last, frame.f_lineno))
            last = frame.f_lineno
        return local

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        return local if frame.f_code.co_filename.startswith(LIBRARY) else None

    def slow(*_: object) -> None:
        raise TimeoutError(f"still running after {SLOWEST} seconds")

    before = signal.signal(signal.SIGALRM, slow)
    signal.alarm(SLOWEST)
    how = ""
    sys.settrace(trace)
    try:
        target(data)
    except SignalboxError:
        pass
    except seeds.ALLOWED:
        pass
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        how = _named(error)
    finally:
        sys.settrace(None)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return edges, how


def _named(error: BaseException) -> str:
    """The kind of error and the last place of ours it went through: what tells two findings apart."""
    place, step = "", error.__traceback__
    while step:
        if step.tb_frame.f_code.co_filename.startswith(LIBRARY):
            place = f"{Path(step.tb_frame.f_code.co_filename).relative_to(LIBRARY)}:{step.tb_lineno}"
        step = step.tb_next
    return f"{type(error).__name__} at {place}\n{str(error)[:200]}"


def _flip(data: bytearray, c: Campaign) -> None:
    if data:
        data[c.rng.randrange(len(data))] ^= 1 << c.rng.randrange(8)


def _byte(data: bytearray, c: Campaign) -> None:
    if data:
        data[c.rng.randrange(len(data))] = c.rng.choice(b"\0\n\r\t \"'<>{}[]:,;=-+.0129eE%&\\/\xff\x80")


def _cut(data: bytearray, c: Campaign) -> None:
    if data:
        start = c.rng.randrange(len(data))
        del data[start : start + c.rng.choice((1, 2, 8, 64, len(data)))]


def _twice(data: bytearray, c: Campaign) -> None:
    if data:
        start = c.rng.randrange(len(data))
        part = data[start : start + c.rng.choice((1, 4, 16, 64))]
        data[start:start] = part * c.rng.choice((1, 1, 2, 16))


def _token(data: bytearray, c: Campaign) -> None:
    at = c.rng.randrange(len(data) + 1)
    data[at:at] = c.rng.choice(seeds.TOKENS)


def _swap(data: bytearray, c: Campaign) -> None:
    """A token of the input replaced by one of the dictionary."""
    for token in c.rng.sample(seeds.TOKENS, min(8, len(seeds.TOKENS))):
        at = data.find(token)
        if at >= 0:
            data[at : at + len(token)] = c.rng.choice(seeds.TOKENS)
            return


def _splice(data: bytearray, c: Campaign) -> None:
    if c.corpus:
        other = c.rng.choice(c.corpus)
        data[c.rng.randrange(len(data) + 1) :] = other[c.rng.randrange(len(other) + 1) :]


def _number(data: bytearray, c: Campaign) -> None:
    """Digits somewhere replaced by a number that is seldom thought of."""
    digits = [index for index, byte in enumerate(data) if 48 <= byte <= 57]
    if digits:
        at = c.rng.choice(digits)
        data[at : at + 1] = c.rng.choice(seeds.NUMBERS)


MUTATIONS = (_flip, _byte, _cut, _twice, _token, _token, _swap, _splice, _number)


def shortest(target: Callable[[bytes], object], found: Found) -> bytes:
    """The finding's input with everything left out that it does not need."""
    data, wanted = found.data, found.how.splitlines()[0]
    size = len(data) // 2
    deadline = time.monotonic() + 10
    while size and time.monotonic() < deadline:
        at = 0
        while at < len(data) and time.monotonic() < deadline:
            shorter = data[:at] + data[at + size :]
            if run(target, shorter)[1].split("\n")[0] == wanted:
                data = shorter
            else:
                at += size
        size //= 2
    return data


def campaign(name: str, seconds: float, seed: int, most: int = 1 << 60) -> Campaign:
    """Feed one target for a while, or ``most`` mutations."""
    target, start = seeds.TARGETS[name]
    made = Campaign(name, target, random.Random(f"{seed} {name}"))
    for data in [b"", *start()]:
        made.feed(data)
        # A seed is worth mutating also where another one has been before.
        if data and data not in made.corpus:
            made.corpus.append(data)
    until, ended = time.monotonic() + seconds, made.tried + most
    while time.monotonic() < until and made.tried < ended:
        made.feed(made.next())
    return made


def main() -> int:
    """Fuzz every target and print a table; exit 1 when anything was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="for all targets together")
    parser.add_argument("--only", nargs="+", choices=sorted(seeds.TARGETS), default=sorted(seeds.TARGETS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="name the targets")
    args = parser.parse_args()
    if args.list:
        print("\n".join(args.only))
        return 0
    found: list[Found] = []
    print(f"{'target':<28} {'inputs':>8} {'kept':>5} {'edges':>6}  findings")
    for name in args.only:
        one = campaign(name, args.seconds / len(args.only), args.seed)
        found += one.found.values()
        print(
            f"{name:<28} {one.tried:>8} {len(one.corpus):>5} {len(one.reached):>6}  {len(one.found)}",
            flush=True,
        )
    for each in found:
        data = shortest(seeds.TARGETS[each.target][0], each)
        KEPT.mkdir(parents=True, exist_ok=True)
        (KEPT / f"{each.target}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
        print(f"\n{each.target}: {each.how}\n   {data[:300]!r}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
