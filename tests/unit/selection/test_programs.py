"""What a command may read, told from its words; anything that is not certain is not told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.selection.programs import reads, shell_commands

THERE = {"/usr/bin/cat", "/usr/bin/less", "/usr/bin/sed", "/bin/sh", "/usr/bin/cut", "/venv/bin/x"}
FOLDERS = {"/", "/usr/bin", "/bin", "/venv/bin", "/p", "/p/data", "/p/bin", "/tmp/fake"}


def told(
    *argv: str, path: str = "/gone/bin:/venv/bin:/usr/bin:/bin", also: str = ""
) -> frozenset[str] | None:
    there = {*THERE, *FOLDERS, also}
    return reads(argv, "/p", path, temporary="/tmp", exists=there.__contains__, folder=FOLDERS.__contains__)


KNOWN = {
    "a pager on its input": (("/bin/sh", "-c", "/usr/bin/less"), ()),
    "a pager with an option": (("/bin/sh", "-c", "less -R"), ()),
    "cat": (("cat",), ()),
    "cat of files": (("cat", "a.txt", "/elsewhere/b"), ("/p/a.txt", "/elsewhere/b")),
    "an editor's place": (("/bin/sh", "-c", "sed -i~ 's/$/Test/' \"/tmp/x y\""), ("/tmp/x y",)),
    "a pipe and a file": (("sh", "-c", "echo hi | cat - < in.txt; true"), ("/p/hi", "/p/-", "/p/in.txt")),
    "a delimiter": (("cut", "-d/", "-f1", "a"), ("/", "/p/-d", "/p/1", "/p/-f1", "/p/a")),
}
UNKNOWN = {
    "nobody knows it": ("make", "test"),
    "of the project": ("bin/cat", "a"),
    "a script": ("sh", "run.sh"),
    "the project's own, by name": ("sh", "-c", "./cat a"),
    "a variable": ("sh", "-c", "cat $FILE"),
    "a variable in quotes": ("sh", "-c", 'cat "$FILE"'),
    "a pattern": ("sh", "-c", "cat *.txt"),
    "a substitution": ("sh", "-c", "cat `ls`"),
    "an assignment": ("sh", "-c", "X=1 cat a"),
    "sourced": ("sh", "-c", ". ./a"),
    "another folder": ("sh", "-c", "cd data; cat a"),
    "a background": ("sh", "-c", "cat a & cat b"),
    "a document": ("sh", "-c", "cat << X"),
    "a second line": ("sh", "-c", "cat\nmake"),
    "quotes not closed": ("sh", "-c", "cat 'a"),
    "more for the shell": ("sh", "-c", "cat", "x"),
    "login": ("sh", "-l", "-c", "cat"),
    "a folder": ("cat", "data"),
    "sed that reads": ("sed", "r secret", "a"),
    "sed that runs": ("sed", "s/a/b/e", "a"),
    "sed that writes and reads on": ("sed", "s/a/b/;r x", "a"),
    "sed with a script file": ("sed", "-f", "x.sed", "a"),
    "a pager of files": ("less", "a.txt"),
    "names from a file": ("wc", "--files0-from=x"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_told(name: str):
    argv, files = KNOWN[name]
    assert told(*argv) == frozenset(files)


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_told(name: str):
    assert told(*UNKNOWN[name]) is None


def test_another_program_of_that_name_is_another_program():
    assert told("cat", path="/tmp/fake:/usr/bin", also="/tmp/fake/cat") is None
    assert told("cat", path="/tmp/deleted:/usr/bin") is None
    assert told("cat", path="bin:/usr/bin") is None
    assert told("cat", path="/p/was/here:/usr/bin") is None
    assert told("echo", path="/tmp/fake:/usr/bin", also="/tmp/fake/echo") is None
    assert told("cat", path="/tmp/fake:/usr/bin") == frozenset()


@given(st.text(max_size=40))
def test_any_line_is_split_as_a_shell_would_or_not_at_all(text: str):
    commands = shell_commands(text)
    assert commands is None or all(command for command in commands)
    quoted = "'" + text.replace("'", "") + "'"
    assert shell_commands(f"cat {quoted}") == [["cat", text.replace("'", "")]]
