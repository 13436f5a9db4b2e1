"""What only a maintainer can set up for the gate between dev and prod, as far as GitHub tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from signalbox.github import GitHub, GitHubError, Unavailable

from .model import Check, missing, not_verified, ok
from .workflows import Workflow

STATUS = "dev-evals-green"
SECRET = "dev-api-key"  # noqa: S105 (a secret's name)
ELSEWHERE = "AI_AGENTS_DEV_API_KEY"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,99}/[\w.-]{1,100}")


def check_all(
    client: GitHub, branch: str, workflows: Sequence[Workflow], promotions: Path | None = None
) -> list[Check]:
    """Checks where a workflow calls pre-promote.yml or posts its status on promotions, none elsewhere.

    ``promotions``: a checkout of the repository in which they are proposed, where that is another one.
    """
    page = f"https://github.com/{client.repository}/settings"
    gates = [
        workflow.given(job, "repository") or client.repository
        for workflow in workflows
        for job, called, _ in workflow.calls()
        if called == "pre-promote"
    ]
    if not gates:
        posts = any(use.ours == "post-status" for workflow in workflows for use in workflow.uses)
        return [_status(client, branch)] if posts else []
    checks = []
    for name in sorted(set(gates)):
        if name == client.repository:
            checks.append(_status(client, branch))
        else:
            checks += _elsewhere(client, name, promotions)
    return [*checks, _secret(client, page), _production(client, page)]


def _elsewhere(client: GitHub, name: str, promotions: Path | None) -> list[Check]:
    """The repository in which promotions are proposed: its rules, and whether its Flux was looked at."""
    flux = []
    if promotions is None:
        fix = "doctor.py --promotions CHECKOUT, with a checkout of it"
        flux = [not_verified("Flux moves dev alone", f"promotions are proposed in {name}", fix)]
    if not _REPOSITORY.fullmatch(name):
        why = f"the workflow names the repository by {name[:80]}"
        fix = "doctor.py --repository with the repository in which promotions are proposed, in its checkout"
        return [not_verified(f"{STATUS} required where promotions are proposed", why, fix), *flux]
    other = GitHub(name, client.transport)
    branch = other.default_branch()
    if isinstance(branch, Unavailable):
        fix = branch.fix or f"run again with a token that may read {name}"
        return [not_verified(f"{STATUS} required in {name}", branch.reason, fix), *flux]
    return [_status(other, branch, f"{STATUS} required on {branch} of {name}"), *flux]


def _status(client: GitHub, branch: str, name: str = "") -> Check:
    name, page = name or f"{STATUS} required on {branch}", f"https://github.com/{client.repository}/settings"
    rules = client.branch_rules(branch)
    if isinstance(rules, Unavailable):
        return not_verified(name, rules.reason, rules.fix or "run again with a token that may read this")
    apps = [app for context, app in rules.checks if context == STATUS]
    if not apps:
        return missing(
            name, "the gate is advisory", f"{page}/rules: on {branch}, require status checks, add {STATUS}"
        )
    if None in apps:
        return missing(name, "anyone with write access can set it", f"{page}/rules: choose its source")
    if "pull_request" not in rules.kinds:
        fix = f"{page}/rules: on {branch}, require a pull request before merging"
        return missing(name, "a push to the branch asks nobody: no pull request is required", fix)
    return ok(name, "by a ruleset, from one source, on pull requests")


def _secret(client: GitHub, page: str) -> Check:
    name, fix = (
        f"secret {SECRET}",
        f"gh secret set {SECRET.upper().replace('-', '_')} --repo {client.repository}",
    )
    names: set[str] = set()
    try:
        for kind in ("secrets", "organization-secrets"):
            rows = client.transport.pages(f"/repos/{client.repository}/actions/{kind}", "secrets")
            names |= {str(row["name"]).upper() for row in rows}
    except GitHubError as error:
        why = f"the names of secrets cannot be read ({error.what}); the token needs secrets: read"
        return not_verified(name, why, f"look on {page}/secrets/actions, or: {fix}")
    found = sorted(names & {SECRET.upper().replace("-", "_"), ELSEWHERE})
    if found:
        return ok(name, f"{found[0]} is set; pre-promote proves in each run that it lacks admin scope")
    return missing(name, "is not set", f"{fix} (a dev bearer key without admin scope)")


def _production(client: GitHub, page: str) -> Check:
    name = "a prod environment with reviewers"
    found = client.environments()
    if isinstance(found, Unavailable):
        return not_verified(name, found.reason, found.fix or "run again with a token that may read this")
    if any(one.name.lower().startswith("prod") and one.reviewers for one in found):
        return ok(name, "the human approval stays, whatever the status says")
    return missing(name, "none waits for a person", f"{page}/environments: add production with reviewers")
