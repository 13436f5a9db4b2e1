"""The few git commands the ledger stands on, run so that no setting of the caller's can change them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from signalbox.errors import InputError

# A compaction of a large ledger takes a while on a busy machine; nothing waits for it.
_LIMIT_SECONDS = 600
_AT_ONCE = 256


class GitRepository:
    """A repository (bare or with a work tree) as an object store. No hook runs, nothing is checked out."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(
        self, *arguments: str, stdin: bytes = b"", check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Run git; InputError carries its message when it fails and `check` is set."""
        try:
            done = subprocess.run(
                self._command(*arguments),
                input=stdin,
                capture_output=True,
                check=False,
                timeout=_LIMIT_SECONDS,
                env=_environment(),
            )
        except FileNotFoundError:
            raise InputError("git is not installed", where="PATH", fix="Install git.") from None
        except subprocess.TimeoutExpired:
            raise InputError(
                f"git {arguments[0]} took more than {_LIMIT_SECONDS} s", where=str(self.path)
            ) from None
        if check and done.returncode:
            raise InputError(f"git {arguments[0]} failed", where=str(self.path), why=message_of(done))
        return done

    def commit_files(
        self,
        ref: str,
        files: Mapping[str, bytes],
        *,
        message: str,
        seconds: int,
        parent: str = "",
        removed: Iterable[str] = (),
    ) -> None:
        """Make `ref` point to a commit that adds `files` to `parent` and takes `removed` away.

        Without `parent` (then `ref` must not exist) the commit has none and holds exactly `files`. A `ref`
        that is no longer at `parent` is left alone: InputError. One fast-import: objects first, the ref
        last, so a kill in the middle leaves nothing visible.
        Names must be plain ASCII paths; `seconds` is the commit's time since the epoch, UTC.
        """
        stream = [
            b"feature done\n",
            f"commit {ref}\ncommitter signalbox <signalbox@localhost> {seconds} +0000\n".encode(),
            _data(message.encode()),
            *([f"from {parent}\n".encode()] if parent else []),
            *(f"D {name}\n".encode() for name in removed),
        ]
        for name, content in sorted(files.items()):
            stream += [f"M 100644 inline {name}\n".encode(), _data(content)]
        self.run("fast-import", "--quiet", "--done", stdin=b"".join([*stream, b"done\n"]))

    def refs(self, *patterns: str) -> dict[str, str]:
        """Full ref name → commit id, for the refs under `patterns`; other objects are left out."""
        listing = self.run("for-each-ref", "--format=%(objectname) %(objecttype) %(refname)", *patterns)
        rows = (line.split(" ", 2) for line in listing.stdout.decode().splitlines())
        return {ref: commit for commit, kind, ref in rows if kind == "commit"}

    def files(
        self, commits: Iterable[str], *, largest: int, under: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, bytes | None]]:
        """(path, content) of every file in the trees of `commits`, each path and blob once.

        Content is None for a file above `largest` bytes; with `under` only what lies below these folders is
        read. One git process serves them all.
        """
        with subprocess.Popen(
            self._command("cat-file", "--batch"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
        ) as process:
            seen: set[tuple[str, str]] = set()
            todo = [("", f"{commit}^{{tree}}") for commit in commits]
            while todo:
                # Many questions at once, or the two processes wait for one another at each. So many names fit
                # into a pipe while git is still busy with its first answers.
                todo, batch = todo[:-_AT_ONCE], todo[-_AT_ONCE:]
                _ask(process, [name for _, name in batch])
                for path, _ in batch:
                    kind, width, content = _answer(process, largest)
                    if kind == "tree":
                        for mode, entry, ident in _tree(content or b"", width):
                            below = f"{path}/{entry}" if path else entry
                            wanted = not under or any(_on_the_way(below, folder) for folder in under)
                            if mode != "160000" and wanted and (below, ident) not in seen:
                                seen.add((below, ident))
                                todo.append((below, ident))
                    elif kind == "blob":
                        yield path, content

    def _command(self, *arguments: str) -> list[str]:
        fixed = ["core.hooksPath=/dev/null", "core.fsync=all", "gc.auto=0", "maintenance.auto=false"]
        return ["git", "-C", str(self.path), *(part for item in fixed for part in ("-c", item)), *arguments]


def message_of(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git said on stderr, its end, without the credentials that a URL in it may carry."""
    from signalbox.classify import redact

    return redact(done.stderr.decode(errors="replace").strip()[-2000:])


def _environment() -> dict[str, str]:
    # GIT_DIR and its kin would point git at another repository than the one named; the credentials
    # and the transport of the caller stay as they are, a push needs them.
    dropped = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _on_the_way(path: str, folder: str) -> bool:
    """Whether `path` lies in `folder` or on the way to it."""
    return f"{path}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{path}/")


def _ask(process: subprocess.Popen[bytes], names: Iterable[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("".join(f"{name}\n" for name in names).encode())
    process.stdin.flush()


def _answer(process: subprocess.Popen[bytes], largest: int) -> tuple[str, int, bytes | None]:
    """The kind of the next object, the bytes of an id in this repository, and the content."""
    assert process.stdout is not None
    header = process.stdout.readline().split()
    if len(header) != 3:  # "<name> missing", or git died
        return "missing", 0, None
    size, content = int(header[2]), None
    if size <= largest:
        content = process.stdout.read(size)
    else:
        left = size
        while left > 0:
            left -= len(process.stdout.read(min(left, 1 << 20))) or left
    process.stdout.read(1)
    return header[1].decode(), len(header[0]) // 2, content


def _tree(content: bytes, width: int) -> Iterator[tuple[str, str, str]]:
    """Entries (mode, name, id) of a tree object: `mode SP name NUL id`, the id in `width` raw bytes."""
    at = 0
    while at < len(content):
        space = content.index(b" ", at)
        end = content.index(b"\0", space)
        ident = content[end + 1 : end + 1 + width]
        yield content[at:space].decode(), content[space + 1 : end].decode("utf-8", "replace"), ident.hex()
        at = end + 1 + width
