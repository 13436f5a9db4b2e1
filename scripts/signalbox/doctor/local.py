"""Checks of the working tree: no network."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from signalbox import config
from signalbox.errors import InputError

from .flux import check_update_paths
from .model import Check, missing, not_verified, ok
from .workflows import Workflow, needed_permissions, promotes_only, read_workflow, ungranted

PYTEST, OTHER = "pytest suite", "suites of other languages"
OWN = Path(__file__).resolve().parents[3] / ".github" / "workflows"  # the workflows of this checkout
CALLER = (
    "copy examples/storefront/.github/workflows/path-to-production.yml of Signalbox into .github/workflows/"
)
# What says that a repository is of another language.
_OTHERS = (
    "package.json", "deno.json", "go.mod", "Cargo.toml", "pom.xml", "build.gradle*", "build.sbt", "*.sln",
    "*.csproj", "Gemfile", "composer.json", "mix.exs", "Package.swift", "CMakeLists.txt", "pubspec.yaml",
)  # fmt: skip
_REQUIREMENTS = ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "Pipfile", "requirements*.txt")


def check_policy(repo: Path, file: str = "") -> Check:
    """Say whether the policy file is there and valid."""
    name = "policy file"
    place = file or config.DEFAULT_FILE
    try:
        policy = config.load(repo, file)
    except InputError as error:
        return missing(
            name, f"not valid: {error}", f"correct {place}; until then every job ends with an error"
        )
    if policy.ref.source == "shipped defaults":
        folder, file = (shlex.quote(str(path)) for path in (Path(place).parent, Path(place)))
        return missing(
            name, "none: the shipped defaults apply (observe only)", f"mkdir -p {folder} && touch {file}"
        )
    return ok(name, f"{place} is valid, mode {policy.settings.mode}")


def check_caller(workflows: Sequence[Workflow]) -> list[Check]:
    """Say whether a workflow uses this library, and which files could not be read."""
    checks = [
        not_verified("workflow file", f"{w.path} {w.problem}", f"correct {w.path}")
        for w in workflows
        if w.problem
    ]
    found = [f"{w.path} uses {use.ours}" for w in workflows for use in w.uses if use.ours]
    name = "workflow that uses Signalbox"
    if found:
        return [ok(name, "; ".join(found[:5])), *checks]
    return [missing(name, f"none of {len(workflows)} workflow files", CALLER), *checks]


def check_permissions(workflows: Sequence[Workflow], own: Path = OWN) -> list[Check]:
    """Compare what each caller's job grants with what the called workflow asks for."""
    checks = []
    for workflow in workflows:
        for job, called, granted in workflow.calls():
            name = f"permissions of {workflow.path}, job {job}"
            file = own / f"{called}.yml"
            needed = needed_permissions(read_workflow(file, file.name)) if file.is_file() else None
            if needed is None:
                why = f"{called}.yml is not in this checkout"
                checks.append(not_verified(name, why, "run doctor from a clone of Signalbox"))
            elif lacking := ungranted(needed, granted):
                line = ", ".join(f"{key}: {level}" for key, level in sorted(needed.items()))
                fix = f"in {workflow.path}: permissions: {{{line}}} on job {job}"
                checks.append(missing(name, f"{called} needs {', '.join(lacking)}", fix))
            else:
                checks.append(ok(name, f"all that {called} asks for"))
    return checks


def check_token_default(workflows: Sequence[Workflow]) -> Check:
    """Say whether each workflow states its permissions instead of taking the repository's default."""
    name = "permissions stated in each workflow"
    readable = [w for w in workflows if not w.problem]
    if not readable:
        return not_verified(name, "there is no workflow file that can be read", CALLER)
    open_ = [
        w.path
        for w in readable
        if not w.has_permissions and not all("permissions" in job for job in w.jobs.values())
    ]
    if open_:
        return missing(name, _some(open_), "add `permissions: {}` at the top, and grants to each job")
    return ok(name, f"in all {len(readable)}")


def check_pins(workflows: Sequence[Workflow]) -> Check:
    """Say whether every action of others is pinned to a full commit hash."""
    name = "actions pinned to a commit"
    readable = [w for w in workflows if not w.problem]
    if not readable:
        return not_verified(name, "there is no workflow file that can be read", CALLER)
    uses = [(w.path, use) for w in readable for use in w.uses if not use.pinned]
    loose = [f"{path}:{use.line} {use.text}" for path, use in uses if not use.ours]
    if loose:
        return missing(name, _some(loose), "write uses: owner/action@<40-character commit> # vX.Y.Z")
    tags = sorted({use.text.rpartition("@")[2] for _, use in uses})
    mine = f"; Signalbox itself by {', '.join(tags)}, which its maintainers can move" if tags else ""
    return ok(name, f"{sum(len(w.uses) for w in readable)} uses{mine}")


def check_merge_group(workflows: Sequence[Workflow]) -> Check:
    """Say whether the checks of pull requests also answer a merge queue."""
    name = "merge queue (merge_group)"
    ours = [w for w in workflows if "pull_request" in w.events and any(use.ours for use in w.uses)]
    if not any(use.ours for w in workflows for use in w.uses):
        return not_verified(name, "no workflow uses Signalbox", CALLER)
    silent = [w.path for w in ours if "merge_group" not in w.events]
    if silent:
        why = f"{_some(silent)} would leave a required check of a merge queue waiting for ever"
        return missing(name, why, "add `merge_group:` under `on:`")
    if not ours:
        return ok(name, "no workflow on pull_request uses Signalbox, so none keeps a queue waiting")
    return ok(name, _some([w.path for w in ours]))


def check_pytest(repo: Path) -> Check:
    """Say whether there is a pytest suite, of which single tests can be chosen.

    The plugin that records it is nothing to install: ``index_tests.py`` puts it on the path of its own run.
    """
    name = PYTEST
    if found := _mentions(repo, r"\bpytest\b"):
        return ok(name, f"{found} names pytest: single tests can be chosen")
    other = next((file.name for kind in _OTHERS for file in sorted(repo.glob(kind))), "")
    if other and not any(file for kind in _REQUIREMENTS for file in repo.glob(kind)):
        return ok(name, f"{other}: {OTHER} are selected as a whole")
    return not_verified(name, "no sign of pytest here", "name pytest in pyproject.toml or requirements.txt")


def _mentions(repo: Path, word: str) -> str:
    """Return the first requirement file that names a package, empty when none does."""
    for pattern in _REQUIREMENTS:
        for file in sorted([*repo.glob(pattern), *repo.glob(f"requirements/{pattern}")]):
            if not file.is_file() or file.stat().st_size > 1_000_000:
                continue
            lines = file.read_text("utf-8", errors="replace").splitlines()
            if any(re.search(word, line.split("#")[0], re.IGNORECASE) for line in lines):
                return file.relative_to(repo).as_posix()
    return ""


def _some(items: Sequence[str], most: int = 5) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return "; ".join(items[:most]) + more


def check_all(
    repo: Path, workflows: Sequence[Workflow], file: str = "", promotions: Path | None = None
) -> list[Check]:
    """Return all checks of the working tree, in the order in which one would mend them.

    ``promotions`` is a checkout of the repository in which promotions are proposed, if that is another one.
    """
    suites = [] if promotes_only(workflows) else [check_pytest(repo), check_merge_group(workflows)]
    return [
        *check_caller(workflows),
        check_policy(repo, file),
        *check_permissions(workflows),
        *suites,
        check_token_default(workflows),
        check_pins(workflows),
        *check_update_paths(repo),
        *(check_update_paths(promotions) if promotions else ()),
    ]
