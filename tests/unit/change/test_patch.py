"""Cutting a patch to a budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signalbox.change.patch import shared


@given(st.lists(st.text(max_size=300), max_size=8), st.integers(0, 1500))
def test_no_part_starves_another(parts: list[str], room: int):
    found = shared(parts, room)
    assert len(found) == len(parts)
    share = room // max(1, len(parts))
    for part, kept in zip(parts, found, strict=True):
        if len(part) <= share:
            assert kept == part
        else:
            assert kept.startswith(part[:share])
    whole = sum(len(kept) for part, kept in zip(parts, found, strict=True) if kept == part)
    assert whole <= max(room, 0) + sum(len(part) for part in parts if not part)


def test_lines_of_data_are_cut():
    assert shared(["a" * 9000 + "\nb"], 10_000) == ["a" * 400 + "\nb"]
