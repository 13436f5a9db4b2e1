"""A copy of this repository as ``act`` can run it, and what its workflows refer to.

act does not know ``uses: $/…`` (this repository at the running commit), so the copy names the repository and
a ref, which the runner maps back to the copy. Nor does it know ``queue:`` in a concurrency group, which it
does not honour in any case. Nothing else is changed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from workflow_files import ROOT, read, uses

NAME = "signalbox-test/signalbox"
REF = "act"
PARTS = ("actions", "scripts", "requirements", "plugin", "evals", ".github/workflows")
FILES = ("pyproject.toml", "README.md", "LICENSE")
STUBS = Path(__file__).with_name("stubs")
STAND_INS = json.loads((STUBS / "names.json").read_text())
_QUEUE = re.compile(r"^\s+queue: max\n", re.MULTILINE)
_SELF = re.compile(r"^(\s*(?:-\s+)?uses:\s*)\$/(\S+)", re.MULTILINE)


def workflows(root: Path = ROOT) -> list[Path]:
    return sorted((root / ".github/workflows").glob("*.yml"))


def actions(root: Path = ROOT) -> list[Path]:
    return sorted((root / "actions").glob("*/action.yml"))


def pinned(action: str, root: Path = ROOT) -> str:
    """``action`` with the commit that this repository's workflows pin it to."""
    every = (use for path in [*workflows(root), *actions(root)] for use in uses(read(path)))
    return next(use for use in every if use.startswith(f"{action}@"))


def rewrite(text: str) -> str:
    """``$/`` → the mapped name; ``queue:`` of a concurrency group goes, act's schema does not have it."""
    return _QUEUE.sub("", _SELF.sub(rf"\1{NAME}/\2@{REF}", text))


def build(target: Path) -> Path:
    """Lay the copy in ``target``; git is only there because act wants it."""
    for part in PARTS:
        if (ROOT / part).exists():
            skip = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "node_modules")
            shutil.copytree(ROOT / part, target / part, ignore=skip)
    for file in FILES:
        shutil.copy2(ROOT / file, target / file)
    for path in [*workflows(target), *actions(target)]:
        path.write_text(rewrite(path.read_text()))
    subprocess.run(["git", "init", "-q", "-b", "main", str(target)], check=True)
    return target


def mappings(copy: Path) -> list[str]:
    """``--local-repository`` arguments: this repository, and a stand-in for each third-party action."""
    mapped = [f"{NAME}@{REF}={copy}"]
    every = {use for path in [*workflows(copy), *actions(copy)] for use in uses(read(path))}
    for use in sorted(every):
        action, _, ref = use.partition("@")
        if action.startswith(NAME):
            continue
        repository = "/".join(action.split("/")[:2])
        mapped.append(f"{repository}@{ref}={_as_repository(action, copy)}")
    return mapped


def _as_repository(action: str, copy: Path) -> Path:
    """A folder that has the action where its repository has it (``actions/cache/save`` → ``save/``)."""
    owner, name, *below = action.split("/")
    folder = copy.parent / "stand-ins" / owner / name
    target = folder.joinpath(*below)
    if not target.exists():
        shutil.copytree(STUBS / STAND_INS[action], target)
        shutil.copy2(STUBS / "stub.py", target / "stub.py")
    return folder
