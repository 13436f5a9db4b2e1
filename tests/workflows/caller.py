"""An adopter's repository, as the workflows find it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Repository:
    """A caller's repository: a work tree that act is pointed at, and the bare one that jobs fetch from."""

    path: Path
    bare: Path
    name: str = "acme/shop"

    @classmethod
    def create(cls, folder: Path, bare: Path, files: dict[str, str], name: str = "acme/shop") -> Repository:
        """A work tree in ``folder`` whose first commit is pushed to ``bare``, an empty bare repository."""
        own = cls(folder, bare, name)
        own.path.mkdir(parents=True)
        github = f'[url "file://{bare}"]\n\tinsteadOf = https://github.com/{name}\n'
        own.path.with_name("gitconfig").write_text(github)
        own.git("init", "-q", "-b", "main")
        own.git("remote", "add", "origin", f"https://github.com/{own.name}")
        own.commit("first", files)
        return own

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env={**os.environ, **self.environment},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    @property
    def environment(self) -> dict[str, str]:
        """github.com is the bare repository here; the machine's own git configuration is not read."""
        who = {"NAME": "Ada", "EMAIL": "ada@example.com"}
        return {
            "GIT_CONFIG_GLOBAL": str(self.path.with_name("gitconfig")),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()},
        }

    def commit(self, message: str, files: dict[str, str | None]) -> str:
        """Write (None: delete) files, commit, push the branch; the new commit."""
        for name, text in files.items():
            path = self.path / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        self.git("push", "-q", "origin", "HEAD")
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        self.git("checkout", "-q", "-b", name)
