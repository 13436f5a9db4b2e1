"""The records of one work item in a folder: written whole; a refusal is noted and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from signalbox.decision import canonical
from signalbox.errors import InputError
from signalbox.files import read_limited, write_atomic
from signalbox.phases import machine, rules
from signalbox.phases.records import KINDS, Record, State, file_of

LIMIT = 16 << 20
STATE, HAND_OFF, DIAGNOSTICS = "state.json", "handoff.json", "transition-diagnostics.jsonl"


class Store:
    """The folder of one work item."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def state(self) -> State | None:
        """Where the work item stands; None where no flow was declared."""
        path = self.folder / STATE
        if not path.exists():
            return None
        try:
            return msgspec.json.decode(read_limited(path, LIMIT, "state"), type=State)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InputError("this is no state of a work item", where=str(path), why=str(error)) from None

    def records(self) -> dict[str, Record]:
        """Every record there is, by phase; ``InputError`` for one that cannot be meant."""
        found = {}
        for phase in KINDS:
            path = self.folder / file_of(phase)
            if path.exists():
                found[phase] = rules.read(phase, read_limited(path, LIMIT, "record"), str(path))
        return found

    def begin(self, work_item: str, at: str, by: str, *, prototype: bool = False) -> State:
        """Declare the flow of a work item; one that is there already stays as it is."""
        if (known := self.state()) is not None:
            raise InputError(f"{known.work_item} is here already", where=str(self.folder / STATE))
        state = machine.begin(work_item, at, by, prototype=prototype)
        write_atomic(self.folder / STATE, canonical(state))
        return state

    def write(self, phase: str, data: bytes, where: str) -> Record:
        """Check a record and keep it. What was there before, a FAIL above all, is set aside, never lost."""
        record = rules.read(phase, data, where)
        state = self.state()
        if state is not None and record.work_item != state.work_item:
            raise InputError(f"the record is about {record.work_item}, not {state.work_item}", where=where)
        path = self.folder / file_of(phase)
        if path.exists():
            before = read_limited(path, LIMIT, "record")
            if before != canonical(record):
                number = len(list(self.folder.glob(f"history/{path.stem}-*.json"))) + 1
                write_atomic(self.folder / "history" / f"{path.stem}-{number:04}.json", before)
        write_atomic(path, canonical(record))
        return record

    def advance(self, to: str, *, at: str, by: str, reason: str = "") -> machine.Move | None:
        """Move on, or note why not. None where no flow is declared: plain use needs no guard."""
        state = self.state()
        if state is None:
            return None
        move = machine.advance(state, to, self.records(), at=at, by=by, reason=reason)
        if move.refused:
            self._note({"at": at, "by": by, "from": state.phase, "to": to, "refused": move.refused})
            return move
        # The hand-over first: a reader that sees the new state must find it.
        write_atomic(self.folder / HAND_OFF, canonical(move.hand_off))
        write_atomic(self.folder / STATE, canonical(move.state))
        return move

    def mismatch(self, text: str, *, reconciled: bool) -> State:
        """Note a temporary mismatch, or take one back when the final records say the same."""
        state = self.state()
        if state is None:
            raise InputError("no flow is declared here", where=str(self.folder))
        kept = tuple(one for one in state.mismatches if one != text)
        if reconciled and len(kept) == len(state.mismatches):
            raise InputError("no such mismatch was noted", where=str(self.folder / STATE), why=text[:100])
        state = msgspec.structs.replace(state, mismatches=kept if reconciled else (*kept, text))
        write_atomic(self.folder / STATE, canonical(state))
        return state

    def _note(self, entry: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / DIAGNOSTICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, sort_keys=True) + "\n")
