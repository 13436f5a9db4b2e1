"""Whether Flux may promote by itself: dev's marker is its to move, production's waits for a pull request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from .model import Check, missing, not_verified, ok

NAME = "Flux moves dev alone"
LARGEST = 1_000_000  # bytes of a manifest
MOST = 20_000  # files looked at
_MARKER = '"$imagepolicy"'
_PASSED_OVER = frozenset({".git", "node_modules", ".venv"})


def check_update_paths(repo: Path) -> list[Check]:
    """One check where the repository holds an ImageUpdateAutomation, none elsewhere.

    ``update.path`` defaults to the repository's root, and an automation edits every marker of its namespace's
    policies below it: one that reaches a file of production promotes without the gate.
    """
    automations: list[tuple[str, str, bool]] = []
    marked: list[str] = []
    for path in _manifests(repo):
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        name = path.relative_to(repo).as_posix()
        if _MARKER in text:
            marked.append(name)
        if "ImageUpdateAutomation" in text:
            found = list(_automations(text))
            if not found:
                return [not_verified(NAME, f"{name} cannot be read", "mend its YAML")]
            automations += [(name, *one) for one in found]
    if not automations:
        return []
    production = [name for name in marked if any("prod" in part.lower() for part in name.split("/"))]
    for name, update in ((name, update) for name, update, aside in automations if not aside):
        reached = next((one for one in production if _below(one, update)), "")
        if reached:
            why = (
                f"the automation in {name} has update.path {update or '(the root)'} and so may edit {reached}"
            )
            return [missing(NAME, why, f"set spec.update.path in {name} to the folder of dev alone")]
    reach = f"{len(automations)} automations reach none of {len(production)} files of production"
    return [ok(NAME, reach)]


def _manifests(repo: Path) -> Iterator[Path]:
    seen = 0
    for folder, folders, names in os.walk(repo):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        for name in sorted(names):
            path = Path(folder) / name
            if not name.endswith((".yaml", ".yml")) or path.is_symlink() or path.stat().st_size > LARGEST:
                continue
            seen += 1
            if seen > MOST:
                return
            yield path


def _automations(text: str) -> Iterator[tuple[str, bool]]:
    """Each automation's ``update.path``, and whether it pushes to a branch beside the one it reads."""
    import yaml

    try:
        documents: list[Any] = list(yaml.safe_load_all(text))
    except (yaml.YAMLError, RecursionError):
        return
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == "ImageUpdateAutomation":
            spec = document.get("spec")
            update = spec.get("update") if isinstance(spec, dict) else None
            path = update.get("path") if isinstance(update, dict) else None
            yield str(path or ""), _aside(spec)


def _aside(spec: Any) -> bool:
    """Whether what it writes waits on another branch, for a pull request."""
    pushed, read = _at(spec, "git", "push", "branch"), _at(spec, "git", "checkout", "ref", "branch")
    return bool(pushed) and bool(read) and pushed != read


def _at(tree: Any, *keys: str) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _below(name: str, folder: str) -> bool:
    parts = [part for part in PurePosixPath(folder).parts if part not in (".", "/")]
    return list(PurePosixPath(name).parts[: len(parts)]) == parts
