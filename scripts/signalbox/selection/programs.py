"""Which files a command may read, told from its words: for well-known programs that read nothing else.

A test that starts a program nobody followed is always selected. For a pager or a line of shell that would be
most of a suite for nothing: ``cat A B`` reads A, B and what it is given on its input, and whoever
writes to its input is recorded. Only what is certain is told; everything else is None, and the test is always
selected as before.
"""

from __future__ import annotations

import posixpath
import re
import tempfile
from collections.abc import Callable, Sequence

# They open the files that their arguments name, and no others. Options with a value may name one too.
_NAMED = frozenset(
    [
        *(
            "basename",
            "cat",
            "cksum",
            "cut",
            "dirname",
            "expand",
            "fold",
            "head",
            "md5sum",
            "nl",
            "od",
            "paste",
        ),
        *("rev", "sha1sum", "sha256sum", "tac", "tail", "tee", "touch", "tr", "unexpand", "uniq", "wc"),
    ]
)
_BUILT_IN = frozenset(["echo", "false", "printf", "pwd", "true", ":"])
_NOTHING = _BUILT_IN | {"sleep"}
_INPUT_ONLY = frozenset(["less", "more"])  # with a file they may start a helper that reads others
_SHELLS = frozenset(["sh", "bash", "dash"])
_SYSTEM = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin")
_SPECIAL = frozenset("$`*?[]{}()~!#\n\\&%^=")
# One substitution without the flags that write files or run commands.
_SED = re.compile(
    r"(\d+|\$)?s([^\w\s\\])((?!\2)[^\n\\]|\\.)*\2((?!\2)[^\n\\]|\\.)*\2[gpiI0-9]*|(\d+|\$)?[dp]"
)

Known = Callable[[str], bool]


def reads(
    argv: Sequence[str],
    cwd: str,
    path: str,
    *,
    temporary: str = tempfile.gettempdir(),
    exists: Known = posixpath.exists,
    folder: Known = posixpath.isdir,
) -> frozenset[str] | None:
    """Absolute paths that the command may read, or None when that cannot be told.

    ``argv[0]`` is the program, ``cwd`` where it ran, ``path`` its PATH. The functions ask the file system.
    """
    if not argv or not cwd:
        return None
    program = _program(argv[0], cwd, path, temporary, exists)
    words = list(argv[1:])
    if program in _SHELLS:
        if len(words) != 2 or words[0] != "-c":
            return None
        commands = shell_commands(words[1])
        if commands is None:
            return None
        found: set[str] = set()
        for command in commands:
            more = _simple(command, cwd, path, temporary, exists, folder, True)
            if more is None:
                return None
            found |= more
        return frozenset(found)
    return _simple(argv, cwd, path, temporary, exists, folder, False)


def shell_commands(text: str) -> list[list[str]] | None:
    """The simple commands of a line of shell; a redirection's file becomes a word. None for anything more."""
    commands: list[list[str]] = [[]]
    word, quoted, inside = "", False, ""

    def end() -> None:
        nonlocal word, quoted
        if word or quoted:
            commands[-1].append(word)
        word, quoted = "", False

    for at, sign in enumerate(text):
        if inside == "'":
            inside, word = ("", word) if sign == "'" else (inside, word + sign)
        elif inside:
            if sign in "$`\\":
                return None
            inside, word = ("", word) if sign == '"' else (inside, word + sign)
        elif sign in "'\"":
            inside, quoted = sign, True
        elif sign in " \t":
            end()
        elif sign in "<>":
            if word.isdigit() or text[at + 1 : at + 2] == sign or text[at + 1 : at + 2] in ("&", "("):
                return None
            end()
        elif sign in ";|":
            end()
            commands.append([])
        elif sign == "~" and word:
            word += sign  # not a home folder: it ends a name
        elif sign in _SPECIAL:
            return None
        else:
            word += sign
    if inside:
        return None
    end()
    return [command for command in commands if command] or None


def _simple(
    argv: Sequence[str], cwd: str, path: str, temporary: str, exists: Known, folder: Known, shell: bool
) -> frozenset[str] | None:
    program = argv[0] if shell and argv[0] in _BUILT_IN else _program(argv[0], cwd, path, temporary, exists)
    words = list(argv[1:])
    if program in _NOTHING:
        # A redirection has become a word of the line, so the words are looked at all the same.
        return _files(words, cwd, folder)
    if program == "sed":
        scripts = [word for word in words if not word.startswith("-")]
        plain = all(re.fullmatch(r"-[nEr]+|-i\S{0,8}", word) for word in words if word.startswith("-"))
        if not plain or not scripts or not _SED.fullmatch(scripts[0]):
            return None
        return _files(scripts[1:], cwd, folder)
    if program in _INPUT_ONLY:
        return frozenset() if all(word.startswith(("-", "+")) and len(word) < 4 for word in words) else None
    if program in _NAMED and not any(word.startswith("--files0-from") for word in words):
        return _files(words, cwd, folder)
    return None


def _files(words: Sequence[str], cwd: str, folder: Known) -> frozenset[str] | None:
    found = set()
    for word in words:
        names = [word, word.partition("=")[2]] if word.startswith("--") else [word]
        names += [word[2:]] if word.startswith("-") and not word.startswith("--") else []
        for name in filter(None, names):
            place = posixpath.normpath(posixpath.join(cwd, name))
            if folder(place) and place != "/":  # a sign such as cut's -d/ is no folder
                return None
            found.add(place)
    return frozenset(found)


def _program(name: str, cwd: str, path: str, temporary: str, exists: Known) -> str:
    """The name of the system's own program that ``name`` starts; empty for any other."""
    if "/" in name:
        place = posixpath.normpath(posixpath.join(cwd, name))
        return posixpath.basename(place) if posixpath.dirname(place) in _SYSTEM else ""
    for entry in path.split(":"):
        there = exists(f"{entry}/{name}")
        if entry in _SYSTEM and there:
            return name
        gone = not exists(entry) and entry.startswith((temporary, cwd))  # it may have held one of that name
        if there or gone or not entry.startswith("/"):
            return ""
    return ""
