"""Names from outside as arguments of a program, one a line of a file: never an option, never two lines."""

from __future__ import annotations

import posixpath


def safe(argument: str) -> str:
    """The path as an argument that is read neither as an option nor as another file of arguments."""
    argument = on_one_line(argument)
    return f"./{argument}" if argument.startswith(("-", "@")) else argument


def on_one_line(path: str) -> str:
    """The path, or the nearest folder of it that a line can name: that runs more, never less.

    A backslash stands in names whose bytes are not UTF-8, see `signalbox.change.path_text`.
    """
    while path and (len((path + ".").splitlines()) > 1 or "\\" in path):
        path = path.rpartition("/")[0]
    return path or "."


def safe_node(nodeid: str) -> str:
    """A node id of pytest as an argument; what fits on no line becomes the function, file or folder."""
    path, mark, rest = nodeid.partition("::")
    if mark and safe(path) in (path, f"./{path}"):
        for name in (rest, rest.partition("[")[0]):
            if name.isprintable() and name.isascii():
                return f"{safe(path)}::{name}"
    return safe(path)


def below(path: str, roots: tuple[str, ...] | list[str]) -> bool:
    """Whether the path is one of ``roots`` or lies in one; the root ``.`` holds everything."""
    return any(root in (".", path) or path.startswith(root.rstrip("/") + "/") for root in roots)


class Places:
    """Node ids start at pytest's root, paths at the repository's; arguments are taken where pytest runs."""

    def __init__(self, rootdir: str = ".", invocation: str = ".") -> None:
        self._root, self._cwd = rootdir, invocation

    def file(self, nodeid: str) -> str:
        """The file of a node id, from the repository's root."""
        return posixpath.normpath(f"{self._root}/{nodeid.split('::')[0]}")

    def argument(self, path: str) -> str:
        """A path of the repository as an argument."""
        path = on_one_line(path)
        return safe(path if self._cwd == "." else posixpath.relpath(path, self._cwd))

    def node(self, nodeid: str) -> str:
        """A node id, or a part of one, as an argument."""
        path, mark, rest = nodeid.partition("::")
        path = self.file(path)
        if on_one_line(path) != path:
            return self.argument(path)
        return safe_node((path if self._cwd == "." else posixpath.relpath(path, self._cwd)) + mark + rest)
