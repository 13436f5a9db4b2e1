"""What only a maintainer can set up for the gate between dev and prod, as far as GitHub tells."""

from __future__ import annotations

from collections.abc import Sequence

from signalbox.github import GitHub, GitHubError, Unavailable

from .model import Check, missing, not_verified, ok
from .workflows import Workflow

STATUS = "dev-evals-green"
SECRET = "dev-api-key"  # noqa: S105 (a secret's name)


def check_all(client: GitHub, branch: str, workflows: Sequence[Workflow]) -> list[Check]:
    """Three checks where a workflow calls pre-promote.yml, none elsewhere."""
    if not any(called == "pre-promote" for workflow in workflows for _, called, _ in workflow.calls()):
        return []
    page = f"https://github.com/{client.repository}/settings"
    return [_status(client, branch, page), _secret(client, page), _production(client, page)]


def _status(client: GitHub, branch: str, page: str) -> Check:
    name = f"{STATUS} required on {branch}"
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
    return ok(name, "by a ruleset, from one source")


def _secret(client: GitHub, page: str) -> Check:
    name, fix = f"secret {SECRET}", f"gh secret set {SECRET} --repo {client.repository}"
    try:
        rows = client.transport.pages(f"/repos/{client.repository}/actions/secrets", "secrets")
        names = {str(row["name"]).lower().replace("_", "-") for row in rows}
    except GitHubError as error:
        why = f"the names of secrets cannot be read ({error.what}); the token needs secrets: read"
        return not_verified(name, why, f"look on {page}/secrets/actions, or: {fix}")
    if SECRET in names or "ai-agents-dev-api-key" in names:
        return ok(name, "is set; pre-promote proves in each run that it lacks admin scope")
    return missing(name, "is not set", f"{fix} (a dev bearer key without admin scope)")


def _production(client: GitHub, page: str) -> Check:
    name = "a prod environment with reviewers"
    found = client.environments()
    if isinstance(found, Unavailable):
        return not_verified(name, found.reason, found.fix or "run again with a token that may read this")
    if any(one.name.lower().startswith("prod") and one.reviewers for one in found):
        return ok(name, "the human approval stays, whatever the status says")
    return missing(name, "none waits for a person", f"{page}/environments: add production with reviewers")
