"""The shop as a real git repository: a base commit, and commits made from the patches in `changes/`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

from processes import environment

# The reader's own git settings (signing, hooks, templates) stay out of it.
GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Shop",
    "GIT_AUTHOR_EMAIL": "shop@storefront.example",
    "GIT_COMMITTER_NAME": "Shop",
    "GIT_COMMITTER_EMAIL": "shop@storefront.example",
    "GIT_TERMINAL_PROMPT": "0",
}
NOT_SOURCE = ("__pycache__", ".*_cache", ".coverage")


class Repository:
    """A git repository of the demo's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def make(cls, folder: Path, source: Path, changed: Mapping[str, str] | None = None) -> Repository:
        """Copy `source` to `folder`, write the files in `changed` (path: text) anew, and commit all."""
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*NOT_SOURCE))
        for path, text in (changed or {}).items():
            (folder / path).write_text(text, encoding="utf-8")
        repository = cls(folder)
        repository.git("init", "-q", "-b", "main")
        repository.git("add", "-A")
        repository.git("commit", "-q", "-m", "The shop as it is in production")
        return repository

    def git(self, *arguments: str) -> str:
        """Run git and return what it prints, without the last line's end."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=environment(GIT),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"git {arguments[0]} in {self.folder}: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def commit_patch(self, patch: Path) -> str:
        """Commit a change as its author mailed it, and return the commit."""
        # Conflict-proof by construction: the patches are made on the shop as it lies beside them, and a
        # test applies them; three-way merging would only hide that they have drifted apart.
        self.git("am", "-q", "--ignore-date", str(patch))
        return self.head()

    def build(self, commit: str, folder: Path) -> tuple[Path, str]:
        """Build the artifact of a commit into `folder`; return its file and `sha256:` digest.

        The artifact is git's own archive of the commit: the same commit gives the same bytes.
        """
        folder.mkdir(parents=True, exist_ok=True)
        artifact = folder / f"storefront-{commit[:12]}.zip"
        self.git("archive", "--format=zip", f"--output={artifact}", commit)
        return artifact, "sha256:" + hashlib.sha256(artifact.read_bytes()).hexdigest()


def unpack(artifact: Path, folder: Path) -> Path:
    """Unpack an artifact to where it will run."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(artifact) as archive:
        archive.extractall(folder)
    return folder
