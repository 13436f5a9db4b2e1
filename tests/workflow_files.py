"""The repository's workflows and actions as data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / "actions").glob("*/action.yml"))
CALLERS = sorted(
    [*(ROOT / "examples").glob("callers/*.yml"), *(ROOT / "examples").glob("*/.github/workflows/*.yml")]
)
LOCAL = ("$/", "OWNER/signalbox/")


class Loader(yaml.SafeLoader):
    """YAML as GitHub reads it: ``on`` is a key, not the boolean of YAML 1.1."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def read(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(), Loader)


PUBLIC = [path for path in WORKFLOWS if {"workflow_call", "workflow_dispatch"} <= set(read(path)["on"])]
"""What adopters call and maintainers start; a workflow that is only called is a part of these."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def walk(tree: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every scalar with the keys that lead to it."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from walk(value, (*place, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from walk(value, (*place, index))
    else:
        yield place, tree


def uses(tree: Any) -> list[str]:
    """Every ``uses:`` of a workflow or action, at any depth."""
    return [value for place, value in walk(tree) if place[-1] == "uses"]


def steps(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of all jobs of a workflow, or of a composite action."""
    if "runs" in tree:
        return tree["runs"]["steps"]
    return [step for job in tree["jobs"].values() for step in job.get("steps", [])]


def asked(workflow: Path) -> dict[str, str]:
    """The highest grant of each scope that any job of a workflow asks for."""
    highest: dict[str, str] = {}
    for job in read(workflow)["jobs"].values():
        for scope, level in job["permissions"].items():
            if level == "write" or scope not in highest:
                highest[scope] = level
    return highest
