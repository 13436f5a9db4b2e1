"""The workflow files of a repository, as far as doctor needs them. Their content is untrusted data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

PUBLIC = (
    "artifact-scoring",
    "change",
    "deploy",
    "dispatch",
    "environment-gate",
    "health-report",
    "nightly-feedback",
    "path-to-production",
    "pre-promote",
    "promote",
    "rollback",
    "telemetry-feedback",
    "test-selection",
)
VERBS = (
    "add|authorize|check|compact|gather|index|monitor|plan|post|promote|propose|record|refine|report|require"
    "|run|score|select|validate"
)
_USES = re.compile(r"^\s*(?:-\s*)?uses:\s*['\"]?([^'\"#\s]+)")
_WORKFLOW = re.compile(rf"^[^/\s]+/[^/\s]+/\.github/workflows/({'|'.join(PUBLIC)})\.ya?ml@(\S+)$")
_ACTION = re.compile(rf"^[^/\s]+/signalbox/actions/((?:{VERBS})[a-z0-9-]*)@(\S+)$")
_SHA = re.compile(r"[0-9a-f]{40}")
LARGEST = 1_000_000  # bytes of a workflow file


class Use(msgspec.Struct, frozen=True):
    """One ``uses:`` with its line, from 1."""

    text: str
    line: int

    @property
    def ours(self) -> str:
        """The name of the workflow or action of this library that is used, empty for another's."""
        found = _WORKFLOW.match(self.text) or _ACTION.match(self.text)
        return found[1] if found else ""

    @property
    def workflow(self) -> str:
        """The name of the reusable workflow of this library that is called, empty for all else."""
        found = _WORKFLOW.match(self.text)
        return found[1] if found else ""

    @property
    def pinned(self) -> bool:
        """Whether what runs is fixed: a full commit hash, an image by digest, or a local path."""
        if self.text.startswith(("./", "$/")):
            return True
        if self.text.startswith("docker://"):
            return "@sha256:" in self.text
        return bool(_SHA.fullmatch(self.text.rpartition("@")[2]))


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """One workflow file; ``problem`` says why it could not be read, and then nothing else is known."""

    path: str
    problem: str = ""
    uses: tuple[Use, ...] = ()
    events: tuple[str, ...] = ()
    has_permissions: bool = False
    jobs: dict[str, dict[str, Any]] = {}

    def given(self, job: str, name: str) -> str:
        """An input that a job hands to what it calls, empty without one."""
        inputs = self.jobs.get(job, {}).get("with")
        value = inputs.get(name) if isinstance(inputs, dict) else None
        return value if isinstance(value, str) else ""

    def calls(self) -> Iterator[tuple[str, str, dict[str, str] | str | None]]:
        """Yield job, called workflow of ours and the permissions that the job hands down."""
        for name, job in self.jobs.items():
            use = Use(str(job.get("uses", "")), 0)
            if use.workflow:
                yield name, use.workflow, job.get("permissions")


def promotes_only(workflows: Sequence[Workflow]) -> bool:
    """Whether a repository holds promotions alone: what it uses of this library is their status."""
    ours = {use.ours for workflow in workflows for use in workflow.uses if use.ours}
    return "post-status" in ours and ours <= {"post-status", "validate-dispatch"}


def read_workflows(repo: Path) -> tuple[Workflow, ...]:
    """Return the workflow files of a working tree by name."""
    folder = repo / ".github" / "workflows"
    files = sorted(p for p in folder.glob("*.y*ml") if p.suffix in (".yml", ".yaml"))
    return tuple(read_workflow(file, file.relative_to(repo).as_posix()) for file in files)


def read_workflow(file: Path, name: str) -> Workflow:
    """Return one workflow file."""
    import yaml

    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > LARGEST:
            return Workflow(path=name, problem=f"not a regular file of at most {LARGEST} bytes")
        text = file.read_text("utf-8")
        content = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        return Workflow(path=name, problem=f"cannot be read: {' '.join(str(error).split())[:200]}")
    if not isinstance(content, dict) or not isinstance(content.get("jobs"), dict):
        return Workflow(path=name, problem="has no jobs")
    return Workflow(
        path=name,
        uses=tuple(_uses(text)),
        events=_events(content),
        has_permissions="permissions" in content,
        jobs={str(k): v for k, v in content["jobs"].items() if isinstance(v, dict)},
    )


def _uses(text: str) -> Iterator[Use]:
    for number, line in enumerate(text.splitlines(), 1):
        found = _USES.match(line)
        if found:
            yield Use(found[1], number)


def _events(content: dict[Any, Any]) -> tuple[str, ...]:
    # YAML 1.1 reads the key ``on`` as the boolean true
    on = content.get("on", content.get(True))
    if isinstance(on, str):
        return (on,)
    return tuple(str(event) for event in on) if isinstance(on, (list, dict)) else ()


def needed_permissions(workflow: Workflow) -> dict[str, str]:
    """Return the most that any job of a reusable workflow asks for: its caller must grant that."""
    needed: dict[str, str] = {}
    for job in workflow.jobs.values():
        asked = job.get("permissions")
        for key, level in asked.items() if isinstance(asked, dict) else ():
            if level == "write" or (level == "read" and needed.get(key) != "write"):
                needed[str(key)] = str(level)
    return needed


def ungranted(needed: dict[str, str], granted: object) -> list[str]:
    """Return the ``permissions:`` lines that a caller does not grant."""
    if granted == "write-all":
        return []
    held = granted if isinstance(granted, dict) else {}
    everything_read = granted == "read-all"
    return [
        f"{key}: {level}"
        for key, level in sorted(needed.items())
        if not (held.get(key) == "write" or held.get(key) == level or (everything_read and level == "read"))
    ]
