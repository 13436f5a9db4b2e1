"""Which key of ``permissions:`` a call needs, for the moment when GitHub only says no.

GitHub names the permission itself in ``X-Accepted-GitHub-Permissions``; this table is for answers
without that header and for the advice that is given before any call.
"""

from __future__ import annotations

import re

READS = ("GET", "HEAD")
_REPOSITORY = re.compile(r"^/repos/[^/]+/[^/]+(?:/(?P<rest>.*))?$")

# Longest prefix first. A key with a space is not one a workflow's token can hold.
_KEYS = (
    ("actions/permissions", "administration"),
    ("actions", "actions"),
    ("environments", "actions"),
    ("check-runs", "checks"),
    ("check-suites", "checks"),
    ("statuses", "statuses"),
    ("deployments", "deployments"),
    ("pulls", "pull-requests"),
    ("issues", "issues"),
    ("git", "contents"),
    ("contents", "contents"),
    ("commits", "contents"),
    ("rulesets", "metadata"),
    ("rules", "metadata"),
)


def needed(method: str, path: str) -> str:
    """Return for example ``statuses: write`` for a call, empty when no permission is known for it."""
    found = _REPOSITORY.match(path)
    if not found:
        return ""
    rest = found["rest"] or ""
    level = "read" if method in READS else "write"
    if re.fullmatch(r"branches/.+/protection(/.*)?", rest):
        return f"administration: {level}"
    if re.fullmatch(r"commits/.+/status(es)?", rest):
        return f"statuses: {level}"
    if re.fullmatch(r"commits/.+/check-(runs|suites)", rest):
        return f"checks: {level}"
    for prefix, key in _KEYS:
        if rest == prefix or rest.startswith(prefix + "/"):
            return f"{key}: {level}"
    return f"contents: {level}" if rest.startswith("branches") else f"metadata: {level}"


def from_header(value: str) -> str:
    """Read ``issues=write; pull_requests=write`` (any one of them) into ``permissions:`` lines."""
    choices = []
    for choice in value.split(";"):
        lines = [part.strip().replace("_", "-").replace("=", ": ") for part in choice.split(",")]
        if all(re.fullmatch(r"[a-z-]+: (read|write|admin)", line) for line in lines):
            choices.append(" and ".join(lines))
    return " or ".join(choices)


def advice(permission: str) -> str:
    """Say how to get a permission."""
    if not permission:
        return "Check that the token may see this repository."
    if permission.startswith(("administration", "metadata")):
        return (
            f"GITHUB_TOKEN cannot hold {permission!r}: use the token of a GitHub App or a fine-grained "
            "personal token with that repository permission, or look in the repository's settings."
        )
    return f"Add `{permission}` under `permissions:` of the job (and of the workflow that calls it)."
