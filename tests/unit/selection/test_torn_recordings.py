"""A recording that ends in the middle of a line: its process was killed while it wrote."""

import json

import pytest

from signalbox.selection.recording import RAW_VERSION, read_recordings

HEAD = {"signalbox_raw": RAW_VERSION, "python": "3.11.7", "root": "/shop"}
SESSION = {"pytest": "9.0.0", "rootdir": "/shop", "invocation": "/shop"}


def recorded(folder, *lines, torn="", **head):
    text = "".join(json.dumps(line) + "\n" for line in (HEAD | head, *lines))
    (folder / "raw-1-a.jsonl").write_text(text + torn)
    return read_recordings(folder)


@pytest.mark.parametrize("torn", ["", '{"ctx": 4, "kind": "imp', '{"end'])
def test_a_child_that_was_killed_is_a_start_nobody_followed(tmp_path, torn):
    found = recorded(tmp_path, torn=torn, parent="token")
    assert found.troubles == set()
    assert found.child_roots == {}


@pytest.mark.parametrize("torn", ["", '{"test": "test_b.py::te'])
def test_a_session_that_was_killed_is_a_hole(tmp_path, torn):
    found = recorded(tmp_path, SESSION, torn=torn)
    assert [code for code, _ in found.troubles] == ["unfinished-recording"]


def test_a_line_that_is_whole_and_no_json_is_damage(tmp_path):
    found = recorded(tmp_path, torn='{"ctx": 4,\n', parent="token")
    assert [code for code, _ in found.troubles] == ["damaged-recording"]
