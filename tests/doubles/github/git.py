"""The git side of a repository of the double: a real bare repository behind the git data API."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

WHO = {
    "GIT_AUTHOR_NAME": "Double",
    "GIT_AUTHOR_EMAIL": "double@example.com",
    "GIT_COMMITTER_NAME": "Double",
    "GIT_COMMITTER_EMAIL": "double@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


class GitFailed(Exception):
    """git refused; the text is its own."""


class Git:
    """The few plumbing commands that the API's git endpoints stand on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "HEAD").exists():
            folder.mkdir(parents=True, exist_ok=True)
            self.run("init", "--bare", "--initial-branch=main", ".")

    def run(self, *args: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> bytes:
        """Run git in the bare repository and return its standard output."""
        done = subprocess.run(
            ["git", *args],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            env={"PATH": os.environ["PATH"], **WHO, **(env or {})},
        )
        if done.returncode:
            raise GitFailed(done.stderr.decode("utf-8", "replace").strip())
        return done.stdout

    def line(self, *args: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> str:
        """Run git and return its output as one stripped line."""
        return self.run(*args, stdin=stdin, env=env).decode("utf-8", "surrogateescape").strip()

    def resolve(self, name: str, kind: str = "commit") -> str | None:
        """Return the full hash that ``name`` stands for, None when there is none of that kind."""
        if name.startswith("-") or not name:
            return None
        try:
            return self.line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{{kind}}}")
        except GitFailed:
            return None

    def folder_at(self, commit: str, path: str) -> str | None:
        """Return the tree of a folder in a commit, None when there is no such folder."""
        try:
            sha = self.line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}:{path}")
        except GitFailed:
            return None
        return sha if self.kind(sha) == "tree" else None

    def kind(self, sha: str) -> str | None:
        """Return blob, tree, commit or tag, None when the object is not here."""
        try:
            return self.line("cat-file", "-t", sha)
        except GitFailed:
            return None

    def blob(self, content: bytes) -> str:
        """Write a blob."""
        return self.line("hash-object", "-w", "--stdin", stdin=content)

    def read(self, sha: str) -> bytes:
        """Return a blob's content."""
        return self.run("cat-file", "blob", sha)

    def tree(self, entries: Sequence[tuple[str, str | None, str]], base: str | None) -> str:
        """Write a tree of (mode, hash or None to delete, path) over ``base``."""
        index = self.folder / f"index-{os.urandom(6).hex()}"
        env = {"GIT_INDEX_FILE": str(index)}
        try:
            self.run(*(["read-tree", base] if base else ["read-tree", "--empty"]), env=env)
            rows = []
            for mode, sha, path in entries:
                if sha and mode == "040000":
                    self.run("read-tree", f"--prefix={path}/", sha, env=env)
                else:
                    rows.append(f"{mode} {sha}\t{path}\n" if sha else f"0 {'0' * 40}\t{path}\n")
            self.run("update-index", "--add", "--index-info", stdin="".join(rows).encode(), env=env)
            return self.line("write-tree", env=env)
        finally:
            index.unlink(missing_ok=True)

    def entries(self, tree: str, recursive: bool = False) -> list[tuple[str, str, str, str, int | None]]:
        """List (mode, type, hash, path, size) of a tree."""
        flags = ["-r", "-t"] if recursive else []
        rows = []
        for row in (
            self.run("ls-tree", "-l", "-z", *flags, tree).decode("utf-8", "surrogateescape").split("\0")
        ):
            if row:
                head, path = row.split("\t", 1)
                mode, kind, sha, size = head.split()
                rows.append((mode, kind, sha, path, None if size == "-" else int(size)))
        return rows

    def commit(self, tree: str, message: str, parents: Sequence[str], date: str) -> str:
        """Write a commit, dated by the caller."""
        flags = [flag for parent in parents for flag in ("-p", parent)]
        env = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        return self.line("commit-tree", tree, *flags, stdin=message.encode(), env=env)

    def commit_fields(self, sha: str) -> dict[str, str]:
        """Return tree, parents, author, email, date and message of a commit."""
        text = self.line("show", "-s", "--format=%T%x00%P%x00%an%x00%ae%x00%aI%x00%B", sha)
        names = ("tree", "parents", "name", "email", "date", "message")
        return dict(zip(names, text.split("\0"), strict=True))

    def changed(self, sha: str, base: str = "") -> list[str]:
        """List letter, tab and path of each file that differs from ``base``, or from the first parent."""
        flags = ("-r", "--root", "--no-commit-id", "--name-status", "--no-renames")
        return self.line("diff-tree", *flags, *([base] if base else []), sha).splitlines()

    def between(self, base: str, head: str) -> list[str]:
        """List the commits of ``head`` that ``base`` has not."""
        return self.line("rev-list", f"{base}..{head}").splitlines()

    def refs(self, prefix: str = "") -> list[tuple[str, str]]:
        """List (ref, hash) of all refs that begin with ``prefix``."""
        rows = self.line("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return [(ref, sha) for ref, sha in (r.rsplit(" ", 1) for r in rows) if ref.startswith(prefix)]

    def create_ref(self, ref: str, sha: str) -> None:
        """Create a ref; git itself refuses one that exists or is no valid name."""
        self.run("update-ref", ref, sha, "0" * 40)

    def update_ref(self, ref: str, sha: str, old: str) -> None:
        """Move a ref from ``old`` to ``sha``."""
        self.run("update-ref", ref, sha, old)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Say whether ``new`` is a fast-forward of ``old``."""
        try:
            self.run("merge-base", "--is-ancestor", old, new)
        except GitFailed:
            return False
        return True
