import io
import shlex
import sys
from pathlib import Path

from console import Console, printable
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path("/the/root")
WORD = st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=40)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@given(st.lists(st.one_of(WORD, st.builds("--{}".format, WORD)), min_size=1, max_size=30))
def test_a_command_is_shown_as_it_can_be_typed(words):
    shown = Console(io.StringIO(), None, ROOT).shell(words, ROOT)
    assert shlex.split(shown.replace("\\\n", "")) == words


def test_long_commands_break_before_options_and_fit():
    words = ["program", *[f"--option-{n}=value" for n in range(30)]]
    lines = Console(io.StringIO(), None, ROOT).shell(words, ROOT).splitlines()
    assert len(lines) > 3
    assert all(len(line) <= 100 for line in lines)
    assert all(line.lstrip().startswith("--") for line in lines[1:])
    assert all(line.endswith(" \\") for line in lines[:-1])


def test_paths_are_relative_where_the_command_is_typed_and_whole_elsewhere():
    console = Console(io.StringIO(), None, ROOT)
    assert console.shell(["cat", ROOT / "a" / "b"], ROOT) == "cat a/b"
    assert console.shell(["cat", ROOT / "a"], ROOT / "sub") == "cd sub && cat /the/root/a"
    assert console.shell(["run", ROOT / "a", "--", ROOT / "b"], ROOT) == "run a -- /the/root/b"
    assert console.shell([sys.executable, "-V"], ROOT) == "python -V"


def test_plain_lines_without_a_terminal_and_colour_with_one(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, transcript, terminal = io.StringIO(), io.StringIO(), Terminal()
    for out in (plain, terminal):
        Console(out, transcript, ROOT).good("done\nwith it")
    assert "\x1b" not in plain.getvalue() + transcript.getvalue()
    assert "\x1b[32m" in terminal.getvalue()
    assert [line.strip() for line in plain.getvalue().splitlines()][1] == "with it"


def test_colour_can_be_refused(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    Console(out, None, ROOT).chapter("title")
    assert "\x1b" not in out.getvalue()


@given(st.text())
def test_what_a_command_prints_cannot_steer_the_terminal(text):
    shown = printable(text)
    assert shown.isprintable()
    assert "\x1b" not in shown
