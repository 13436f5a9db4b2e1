"""Checks of the repository on GitHub. What may not be read is not verified, never ok."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from signalbox.config import Settings
from signalbox.github import GitHub, Unavailable

from . import prepromote, vaults
from .model import Check, missing, not_verified, ok
from .workflows import Workflow, promotes_only

NETWORK = (
    "repository on GitHub",
    "Actions policy",
    "default token is read-only",
    "impact index in the cache",
    "status required by a ruleset",
    "environments protected",
    "ledger branch protected",
)
STATUS = ("signalbox", "dev-evals-green")  # contexts that begin so are ours
INDEX_KEY = "signalbox-index"


def skipped(why: str) -> list[Check]:
    """Return the network's checks as not verified, naming why none was made."""
    fix = "doctor.py --repository owner/name, with GITHUB_TOKEN set"
    return [not_verified(name, f"skipped: {why}", fix) for name in NETWORK]


def check_all(
    client: GitHub,
    workflows: Sequence[Workflow],
    settings: Settings,
    *,
    indexed: bool = True,
    promotions: Path | None = None,
) -> list[Check]:
    """Return all checks on GitHub. ``indexed``: there are tests of which an impact index is kept.

    ``promotions``: a checkout of the repository in which promotions are proposed, where that is another.
    """
    branch = client.default_branch()
    if isinstance(branch, Unavailable):
        first, *rest = skipped(branch.reason)
        return [_unread(first.name, branch), *rest]
    page = f"https://github.com/{client.repository}/settings"
    checks = [ok(NETWORK[0], f"{client.repository}, default branch {branch}, " + _who(client))]
    checks += _actions(client, page)
    gate = prepromote.check_all(client, branch, workflows, promotions)
    if promotes_only(workflows):
        return checks + gate
    if indexed:
        checks.append(_index(client, branch))
    checks.append(_status(client, branch, page, workflows))
    checks.append(_environments(client, page))
    checks.append(_ledger(client, settings.ledger.branch, page))
    checks += vaults.check_all(client, settings.environments, page)
    return checks + gate


def _unread(name: str, reading: Unavailable) -> Check:
    return not_verified(name, reading.reason, reading.fix or "run again with a token that may read this")


def _who(client: GitHub) -> str:
    if not client.writable:
        return "read without a token"
    from signalbox.github import GitHubError

    try:
        return f"read as {client.login()}"
    except GitHubError as error:
        return f"the token's login is not known ({error.what})"


def _actions(client: GitHub, page: str) -> list[Check]:
    policy = client.actions_policy()
    if isinstance(policy, Unavailable):
        return [_unread(name, policy) for name in NETWORK[1:3]]
    checks = []
    allowed = policy.get("allowed_actions", "all")
    if not policy["enabled"]:
        checks.append(missing(NETWORK[1], "Actions is switched off", f"{page}/actions"))
    elif allowed == "local_only":
        fix = f"{page}/actions: allow this library and the actions it uses, or all"
        checks.append(missing(NETWORK[1], "only actions of this repository may run", fix))
    elif allowed == "selected":
        fix = f"look on {page}/actions whether this library and actions/* are on the list"
        checks.append(not_verified(NETWORK[1], "only selected actions may run", fix))
    else:
        pinned = "required" if policy.get("sha_pinning_required") else "not required"
        checks.append(ok(NETWORK[1], f"all actions may run, pinning to a commit is {pinned}"))
    if policy["default_permissions"] == "read":
        checks.append(ok(NETWORK[2], "read"))
    else:
        fix = f"{page}/actions: Workflow permissions, read repository contents"
        checks.append(missing(NETWORK[2], "a workflow that states nothing may write everything", fix))
    return checks


def _index(client: GitHub, branch: str) -> Check:
    found = client.caches(INDEX_KEY, f"refs/heads/{branch}")
    if isinstance(found, Unavailable):
        return _unread(NETWORK[3], found)
    if found:
        return ok(NETWORK[3], f"{len(found)} for {branch}, newest key {found[0]}")
    return missing(NETWORK[3], f"none for {branch}", f"let test-selection run once on a push to {branch}")


def _status(client: GitHub, branch: str, page: str, workflows: Sequence[Workflow]) -> Check:
    name = NETWORK[4]
    rules = client.branch_rules(branch)
    if isinstance(rules, Unavailable):
        return _unread(name, rules)
    # the check of a job that calls a reusable workflow of ours is named "<job> / <job there>"
    jobs = {str(w.jobs[job].get("name", job)) for w in workflows for job, _, _ in w.calls()}
    ours = [
        (context, app)
        for context, app in rules.checks
        if context.startswith(STATUS) or context.split(" / ")[0] in jobs
    ]
    if not ours:
        there = f"{len(rules.checks)} other checks are required" if rules.checks else "no check is required"
        fix = f"{page}/rules: new branch ruleset on {branch}, require status checks, add Signalbox's"
        return missing(name, f"{there} on {branch}", fix)
    loose = [context for context, app in ours if app is None]
    if loose:
        fix = f"{page}/rules: choose the check's source instead of any source"
        return missing(name, f"anyone with write access can set {', '.join(loose)}", fix)
    if "merge_queue" in rules.kinds and not any("merge_group" in w.events for w in workflows):
        return missing(name, "a merge queue waits for it", "add `merge_group:` under `on:` of the workflow")
    return ok(name, ", ".join(context for context, _ in ours))


def _environments(client: GitHub, page: str) -> Check:
    name = NETWORK[5]
    found = client.environments()
    if isinstance(found, Unavailable):
        return _unread(name, found)
    fix = f"{page}/environments"
    if not found:
        return missing(name, "there are no environments", f"{fix}: create staging and production")
    bare = [e.name for e in found if not e.rules and not e.branches]
    if bare:
        why = f"no protection rule on {', '.join(bare)} (also what a mistyped name creates)"
        return missing(name, why, f"{fix}: add rules, or delete what is not used")
    for environment in found:
        if environment.name.lower().startswith("prod") and not environment.reviewers:
            return missing(name, f"{environment.name} has no required reviewers", fix)
        if environment.reviewers and environment.self_review:
            why = f"{environment.name}: who started the run may approve it"
            return missing(name, why, f"{fix}: prevent self-review")
    return ok(name, ", ".join(e.name for e in found))


def _ledger(client: GitHub, branch: str, page: str) -> Check:
    name = NETWORK[6]
    rules = client.branch_rules(branch)
    if isinstance(rules, Unavailable):
        return _unread(name, rules)
    lacking = sorted({"deletion", "non_fast_forward"} - set(rules.kinds))
    if lacking:
        words = {"deletion": "restrict deletions", "non_fast_forward": "block force pushes"}
        todo = " and ".join(words[kind] for kind in lacking)
        return missing(name, f"records on {branch} can be taken away", f"{page}/rules: on {branch}, {todo}")
    return ok(name, f"{branch} can neither be deleted nor rewritten")
