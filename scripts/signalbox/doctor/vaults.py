"""Which secrets lie in which environment, compared with what policy lists for its vault. Names only."""

from __future__ import annotations

from signalbox.config.environments import Environments
from signalbox.github import GitHub, GitHubError, names

from .model import Check, missing, not_verified, ok


def check_all(client: GitHub, e: Environments, page: str) -> list[Check]:
    """A check for each place with a vault, and one of the repository's own; none where no vault is listed."""
    if not e.vaults:
        return []
    checks = [_place(client, e, place, vault, page) for place, vault in e.data.get("secrets", {}).items()]
    return [*checks, _repository(client, e, page)]


def _place(client: GitHub, e: Environments, place: str, vault: str, page: str) -> Check:
    name, fix = f"secrets of {place}", f"{page}/environments: {place}, or environments.vaults in the policy"
    try:
        held = _names(client, f"environments/{names.segment(place)}/secrets")
    except GitHubError as error:
        why = f"their names cannot be read ({error.what}); the token needs environments: read"
        return not_verified(name, why, fix)
    listed = set(e.vaults.get(vault, ()))
    whose = {secret: other for other, secrets in e.vaults.items() for secret in secrets}
    strays = [f"{one} is of {whose[one]}" for one in sorted(held - listed) if one in whose]
    strays += [f"{one} is on no list" for one in sorted(held - listed) if one not in whose]
    strays += [f"{one} is not there" for one in sorted(listed - held)]
    if strays:
        return missing(name, f"{vault}: {'; '.join(strays)}", fix)
    return ok(name, f"exactly what {vault} lists: {', '.join(sorted(held)) or 'none'}")


def _repository(client: GitHub, e: Environments, page: str) -> Check:
    name, fix = "secrets outside environments", f"{page}/secrets/actions: move them to their environment"
    try:
        held = _names(client, "actions/secrets")
    except GitHubError as error:
        why = f"the names of secrets cannot be read ({error.what}); the token needs secrets: read"
        return not_verified(name, why, fix)
    loose = sorted(held & {secret for listed in e.vaults.values() for secret in listed})
    if loose:
        return missing(name, f"every job can read {', '.join(loose)}, which a vault lists", fix)
    return ok(name, "none of a vault's")


def _names(client: GitHub, path: str) -> set[str]:
    rows = client.transport.pages(f"/repos/{client.repository}/{path}", "secrets")
    return {str(row["name"]) for row in rows}
