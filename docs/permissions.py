"""Writes permissions.md from the workflows: what each job is granted, why, and which secrets it sees.

usage: permissions.py            write it
       permissions.py --check    exit 1 when the page is not what would be written

The reason of a grant is the comment beside it; a grant without one is an error here, as it is in the tests.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "permissions.md"
WORKFLOWS = ROOT / ".github" / "workflows"
CALLERS = ROOT / "examples" / "callers"

HEAD = """\
# Permissions and secrets

Written by `docs/permissions.py` from the workflows; a test holds the two together. Every workflow starts with
`permissions: {}`, so a job has exactly what is listed here. The reason is the comment beside the grant.

How to read it: a job that calls another workflow must grant what that one asks for, or GitHub refuses the
run; such grants are the called workflow's, and used there. The [threat model](threat-model.md) says what each
of them is worth to an attacker.

"""


@dataclass(frozen=True)
class Job:
    """One job of a workflow: its grants with their reasons, the secrets it names, what it calls."""

    name: str
    grants: tuple[tuple[str, str, str], ...]
    secrets: tuple[str, ...]
    calls: str
    environment: bool


def jobs_of(path: Path) -> Iterator[Job]:
    """Every job of a workflow. ``ValueError`` for a grant without a reason."""
    text = path.read_text("utf-8")
    workflow: dict[str, Any] = yaml.load(text, yaml.BaseLoader)  # noqa: S506 (strings only, no objects)
    if workflow["permissions"] not in ({}, ""):
        raise ValueError(f"{path.name} grants something to every job")
    for name, job in workflow["jobs"].items():
        block = _block(text, name)
        grants = []
        for scope, level in (job.get("permissions") or {}).items():
            reason = re.search(rf"^ +{scope}: {level} +# (.+)$", block, re.MULTILINE)
            if not reason and path.parent == WORKFLOWS:
                raise ValueError(f"{path.name}: {name}: no reason stands beside {scope}: {level}")
            grants.append((scope, level, reason[1] if reason else "is what the called workflow asks for"))
        found = sorted(set(re.findall(r"secrets\.([A-Za-z0-9_-]+)", block)))
        called = str(job.get("uses", "")).partition("@")[0].rpartition("/")[2]
        yield Job(name, tuple(grants), tuple(found), called, "environment" in job)


def _block(text: str, job: str) -> str:
    """The lines of one job: from its name to the next one at the same depth."""
    match = re.search(rf"^  {re.escape(job)}:\n((?:    .*\n|\n|  #.*\n)*)", text, re.MULTILINE)
    return match[1] if match else ""


def triggers(path: Path) -> list[str]:
    """The events that start a workflow."""
    on = yaml.load(path.read_text("utf-8"), yaml.BaseLoader)["on"]  # noqa: S506
    return [on] if isinstance(on, str) else list(on)


def table(path: Path) -> str:
    """One workflow's section."""
    jobs = list(jobs_of(path))
    lines = [f"### {path.name}", "", f"Started by {_listed(triggers(path))}.", ""]
    lines += ["| job | grant | because it |", "|---|---|---|"]
    for job in jobs:
        calls = f" → `{job.calls}`" if job.calls else ""
        rows = job.grants or (("nothing", "", ""),)
        for scope, level, reason in rows:
            grant = f"`{scope}: {level}`" if level else scope
            lines.append(f"| `{job.name}`{calls} | {grant} | {reason} |")
    named = [(job.name, job.secrets) for job in jobs if job.secrets]
    if named:
        lines += ["", "Secrets: " + "; ".join(f"`{job}` sees {_listed(names)}" for job, names in named) + "."]
    return "\n".join(lines) + "\n"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _writers(paths: list[Path]) -> str:
    """Who can change anything at all, in one table: what a review looks at first."""
    lines = ["| workflow | job | may write | because it |", "|---|---|---|---|"]
    for path in paths:
        for job in jobs_of(path):
            if not job.calls:
                lines += [
                    f"| `{path.name}` | `{job.name}` | `{scope}` | {reason} |"
                    for scope, level, reason in job.grants
                    if level == "write"
                ]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    workflows = sorted(WORKFLOWS.glob("*.yml"))
    parts = [HEAD]
    parts.append("## Every job that may write\n\nJobs that only call another workflow are left out here.\n\n")
    parts.append(_writers(workflows))
    parts.append("\n## The workflows\n\n")
    parts.append("\n".join(table(path) for path in workflows))
    parts.append("\n## The callers to copy\n\n")
    parts.append("\n".join(table(path) for path in sorted(CALLERS.glob("*.yml"))))
    return "".join(parts)


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, say whether it differs")
    text = page()
    if not parser.parse_args().check:
        PAGE.write_text(text, "utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text("utf-8") == text:
        return 0
    print("docs/permissions.md is not what the workflows say; run .venv/bin/python docs/permissions.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
