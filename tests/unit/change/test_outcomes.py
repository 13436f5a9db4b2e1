"""Which earlier changes were followed by a fix, as git's log tells it."""

from __future__ import annotations

import pytest

from signalbox.change.outcomes import examples


def log(*commits: tuple[str, str, dict[str, tuple[str, str]]]) -> bytes:
    """What git prints, newest first, of commits given oldest first."""
    told = []
    for author, subject, files in reversed(commits):
        lines = "".join(f"{a}\t{d}\t{path}\0" for path, (a, d) in files.items())
        told.append(f"\x01{author}\x02{subject}\x02\0\n{lines}")
    return "".join(told).encode()


FILLER = [("f@x", f"work {i}", {f"z{i}.py": ("1", "1")}) for i in range(20)]


def test_the_last_change_of_a_file_before_its_fix_was_bad():
    found = examples(
        log(
            ("a@x", "first", {"m/a.py": ("10", "0")}),
            ("b@x", "second", {"m/a.py": ("5", "5"), "n/b.py": ("10", "0")}),
            ("a@x", "Fix a", {"m/a.py": ("1", "1")}),
            ("a@x", "third", {"m/a.py": ("2", "0")}),
            *FILLER,
        )
    )
    assert [bad for _, bad in found[:3]] == [False, True, False]
    second = found[1][0]
    assert (second["la"], second["ld"], second["nf"], second["nd"], second["ns"]) == (15, 5, 2, 2, 2)
    assert (second["ndev"], second["nuc"], second["sexp"]) == (1, 1, 0)
    assert second["entropy"] == pytest.approx(1.0)
    third = found[2][0]
    assert (third["ndev"], third["nuc"], third["sexp"]) == (2, 3, 2)


def test_the_newest_changes_say_nothing_yet():
    assert len(examples(log(*FILLER))) == 18


def test_binary_files_strange_names_and_sweeping_changes():
    many = {f"f{i}": ("1", "0") for i in range(101)}
    found = examples(
        log(
            ("a@x", "picture", {"a b\n.png": ("-", "-")}),
            ("a@x", "sweep", many),
            ("a@x", "fixes the sweep", {"f1": ("1", "1")}),
            *FILLER,
        )
    )
    assert found[0][0]["la"] == 0
    assert not any(bad for _, bad in found)


def test_nothing_is_learned_from_nothing():
    assert examples(b"") == []
    assert examples(b"\x01only") == []
