"""Reading the plugin's raw recordings (version 2), one file per process, into one set of nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

RAW_VERSION = 2

# Recorded once per process but the same thing in each: united by name.
SHARED = ("import", "memo", "cache", "attribute")
_SETS = ("read", "listed", "looked", "missing", "env")


class Node(msgspec.Struct):
    """One context of the recording; ``seen`` maps a file's path to the bits of its executed blocks."""

    kind: str
    name: str
    seen: dict[str, int] = {}
    read: set[str] = set()
    listed: set[str] = set()
    looked: set[str] = set()
    missing: set[str] = set()
    env: set[str] = set()
    uses: set[int] = set()
    spawned: list[dict[str, Any]] = []


class Test(msgspec.Struct):
    """One recorded test: its node and what came of it."""

    __test__ = False

    nodeid: str
    node: int
    outcome: str
    seconds: float
    reruns: int


class Source(msgspec.Struct):
    """One file that was imported with probes."""

    path: str
    blob: str
    starts: list[tuple[int, int]]
    consistent: bool = True


class Recording(msgspec.Struct):
    """All processes of one run."""

    nodes: list[Node] = []
    tests: dict[str, Test] = {}
    sources: dict[str, Source] = {}
    troubles: set[tuple[str, str]] = set()
    extensions: set[str] = set()
    python: str = ""
    pytest: str = ""
    root: str = ""
    rootdir: str = "."
    invocation: str = "."
    processes: int = 0
    shared: dict[tuple[str, str], int] = {}
    child_roots: dict[str, int] = {}


def read_recordings(directory: Path) -> Recording:
    """Unite every raw file of ``directory``. What is cut short or of another version is a trouble."""
    recording = Recording()
    for path in sorted(directory.glob("raw-*.jsonl")):
        _Process(recording, path).read()
    for node in recording.nodes:
        for start in node.spawned:
            child = recording.child_roots.get(start.get("token") or "-")
            if child is not None:
                node.uses.add(child)
    return recording


class _Process:
    def __init__(self, recording: Recording, path: Path) -> None:
        self._all = recording
        self._path = path
        self._nodes: dict[int, int] = {}
        self._files: dict[int, Source] = {}
        self._sets: dict[int, tuple[str, int]] = {}
        self._ended = False
        self._parent = ""
        self._session = False
        self._tests = 0

    def read(self) -> None:
        """Read one file; a child process that did not end leaves its token unanswered."""
        try:
            for line in self._lines():
                self._line(line)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            self._trouble("damaged-recording", f"{self._path.name}: {error}")
        root = self._nodes.get(0)
        if self._ended and self._parent and root is not None:
            self._all.child_roots[self._parent] = root
        if not self._ended and (self._session or not self._parent):
            self._trouble("unfinished-recording", f"{self._path.name} has no end: the run was killed")

    def _lines(self) -> Iterator[dict[str, Any]]:
        with self._path.open(encoding="utf-8", errors="surrogateescape") as file:
            head = json.loads(file.readline() or "{}")
            if head.get("signalbox_raw") != RAW_VERSION:
                raise ValueError(f"version {head.get('signalbox_raw')!r}, expected {RAW_VERSION}")
            self._parent = str(head.get("parent") or "")
            if not self._all.python:
                self._all.python = str(head["python"])
                self._all.root = str(head["root"])
            self._all.processes += 1
            for line in file:
                # The last line of a process that was killed while it wrote: then it has no end either, and
                # whoever started it is always selected.
                if not line.endswith("\n"):
                    return
                yield json.loads(line)

    def _trouble(self, code: str, text: str) -> None:
        self._all.troubles.add((code, printable(text)))

    def _node(self, number: int, kind: str, name: str) -> Node:
        place = self._nodes.get(number)
        if place is None:
            key = (kind, name)
            place = self._all.shared.get(key) if kind in SHARED else None
            if place is None:
                place = len(self._all.nodes)
                self._all.nodes.append(_empty(kind, name))
                if kind in SHARED:
                    self._all.shared[key] = place
            self._nodes[number] = place
        node = self._all.nodes[place]
        if not node.kind:  # it was used before it was described
            self._describe(node, place, kind, name)
            place = self._nodes[number]
        return self._all.nodes[place]

    def _describe(self, node: Node, place: int, kind: str, name: str) -> None:
        node.kind, node.name = kind, name
        if kind in SHARED:
            known = self._all.shared.setdefault((kind, name), place)
            if known != place:
                node.uses.add(known)  # a second name for the same thing: each uses the other
                self._all.nodes[known].uses.add(place)

    def _place(self, number: int) -> int:
        place = self._nodes.get(number)
        if place is None:
            place = self._nodes[number] = len(self._all.nodes)
            self._all.nodes.append(_empty("", ""))
        return place

    def _line(self, line: dict[str, Any]) -> None:
        if "test" in line:
            self._tests += 1
            self._holds(self._node(line["ctx"], "test", printable(line["test"])), line)
            self._test(line)
        elif "ctx" in line:
            self._holds(self._node(line["ctx"], line["kind"], printable(line["name"])), line)
        elif "set" in line:
            self._sets[line["set"]] = self._files[line["of"]].path, int(line["bits"], 16)
        elif "file" in line:
            self._file(line)
        elif "trouble" in line:
            self._trouble(str(line["trouble"]["code"]), str(line["trouble"]["text"]))
        elif "extensions" in line:
            self._all.extensions.update(line["extensions"])
        elif "pytest" in line:
            self._session = True
            self._all.pytest = str(line["pytest"])
            self._all.rootdir = printable(line["rootdir"])
            self._all.invocation = printable(line["invocation"])
        elif "end" in line:
            if line["end"]["tests"] != self._tests:
                raise ValueError("tests are missing")
            self._ended = True

    def _holds(self, node: Node, line: dict[str, Any]) -> None:
        for number in line.get("seen", ()):
            path, bits = self._sets[number]
            node.seen[path] = node.seen.get(path, 0) | bits
        for field in _SETS:
            if field in line:
                getattr(node, field).update(map(printable, line[field]))
        if "uses" in line:
            node.uses.update(map(self._place, line["uses"]))
        if "spawned" in line:
            node.spawned.extend(line["spawned"])

    def _test(self, line: dict[str, Any]) -> None:
        place = self._place(line["ctx"])
        nodeid = printable(line["test"])
        known = self._all.tests.get(nodeid)
        if known is None:
            self._all.tests[nodeid] = Test(nodeid, place, line["outcome"], line["seconds"], line["reruns"])
            return
        # Run more than once: it depends on what either run did, and the worse outcome counts.
        self._all.nodes[known.node].uses.add(place)
        known.seconds = max(known.seconds, line["seconds"])
        known.reruns += line["reruns"] + 1
        if line["outcome"] in ("failed", "error"):
            known.outcome = line["outcome"]

    def _file(self, line: dict[str, Any]) -> None:
        path = printable(line["path"])
        source = Source(path, line["blob"], [(int(a), int(b)) for a, b in line["starts"]])
        self._files[line["file"]] = source
        known = self._all.sources.setdefault(path, source)
        if known.blob != source.blob or known.starts != source.starts:
            known.consistent = False


def _empty(kind: str, name: str) -> Node:
    return Node(kind, name, {}, set(), set(), set(), set(), set(), set(), [])


def printable(text: str) -> str:
    """A name as text: bytes that are not UTF-8 as escapes, as the change room writes paths."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
