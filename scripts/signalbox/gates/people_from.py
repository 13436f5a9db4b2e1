"""Approvals, holders of roles and addresses from GitHub. What GitHub does not say stays unknown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from signalbox.config.environments import Environments
from signalbox.decision import Reason, Subject, format_time, parse_time
from signalbox.errors import InputError
from signalbox.gates.model import Approval

if TYPE_CHECKING:
    from collections.abc import Iterable

MERGED = "merged"


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """The pull request that is asked: its number, empty for none.

    ``head`` is set only where the subject is a merge that holds what was reviewed and nothing else: reviews
    of it then are of the subject.
    """

    number: str = ""
    head: str = ""
    note: tuple[Reason, ...] = ()


def pull_of(client: Any, repo: Path, text: str, sha: str) -> Pull:
    """The pull request ``text``; for ``merged`` the one whose merge made ``sha``."""
    from signalbox.gates.history import merges_cleanly
    from signalbox.github import GitHubError
    from signalbox.github.approvals import made_by_github, merged_pull

    if text != MERGED:
        return Pull(number=text)

    def nothing(why: str) -> Pull:
        return Pull(note=(Reason(code="no-reviews", text=f"No review counts: {why}."),))

    if client is None or not sha:
        return nothing("nobody said which commit was merged")
    try:
        found = merged_pull(client, sha)
        if found is None:
            return nothing("no pull request was merged as this commit")
        number, head = found
        same = merges_cleanly(repo, sha, head)
        if same or (same is None and made_by_github(client, sha)):
            return Pull(number=str(number), head=head)
    except GitHubError as error:
        return nothing(f"GitHub gave no answer ({str(error)[:200]})")
    text = f"this commit is not what merging #{number} gives, so what was reviewed is something else"
    return msgspec.structs.replace(nothing(text), number=str(number))


def _number(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise InputError("this is not a number", where=where, why=text[:40])
    return int(text)


def holders(e: Environments, client: Any) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Members of each role, teams looked up; a role with a team that gave no answer is unresolved."""
    from signalbox.github import GitHubError
    from signalbox.github.approvals import members

    found: dict[str, tuple[str, ...]] = {}
    unresolved: dict[str, str] = {}
    for role, named in e.roles.items():
        people: list[str] = []
        for one in named:
            if not one.startswith("@"):
                people.append(one)
                continue
            try:
                if client is None:
                    raise InputError("GitHub was not asked", where=one)
                people += members(client, one)
            except (GitHubError, InputError) as error:
                # Not the whole role: those who stand in policy by name hold it without GitHub's word.
                unresolved[role] = str(error)[:300]
        if people or not unresolved.get(role):
            found[role] = tuple(people)
    return found, unresolved


def logins(client: Any, pull: str) -> dict[str, str]:
    """Address → login of the pull request's authors; nothing where GitHub gives no answer."""
    from signalbox.github import GitHubError
    from signalbox.github.approvals import logins_of

    if client is None or not pull:
        return {}
    try:
        return logins_of(client, _number(pull, "--pull"))
    except GitHubError:
        return {}


def runs(client: Any, sha: str) -> Iterable[Any]:
    """Check runs and statuses of a commit; none where GitHub gives no answer: never a pass."""
    from signalbox.github import GitHubError
    from signalbox.github.approvals import check_runs

    if not sha:
        raise InputError("whose check runs?", where="--ask-github", fix="Give --sha.")
    try:
        return check_runs(client, sha)
    except GitHubError:
        return ()


def asked(
    client: Any, e: Environments, pull: Pull, run: str, gate: str, subject: Subject, now: str
) -> tuple[list[Approval], dict[str, str]]:
    """Reviews of the pull request and approvals of the run's environments; and what could not be asked."""
    from signalbox.github import GitHubError, approvals

    found: list[Approval] = []
    missing: dict[str, str] = {}
    if client is not None and pull.number:
        try:
            rows = approvals.reviews(client, _number(pull.number, "--pull"))
            stand_for = {pull.head: subject.commit} if pull.head else {}
            found += [
                _review(row, stand_for.get(row.commit, row.commit))
                for row in rows
                if row.state in ("APPROVED", "CHANGES_REQUESTED")
            ]
        except GitHubError as error:
            missing["reviews"] = str(error)[:300]
    if client is not None and run and e.environment_roles:
        try:
            number = _number(run, "--run-id")
            # The run was started for one commit; whoever let it in has let in nothing else.
            its = subject if approvals.commit_of_run(client, number) == subject.commit else Subject()
            for row in approvals.environment_reviews(client, number):
                found += _environment(row, e, run, gate, its, now)
        except GitHubError as error:
            missing["environments"] = str(error)[:300]
    return found, missing


def unanswered(missing: dict[str, str]) -> tuple[Reason, ...]:
    """What GitHub did not answer, for people: its approvals are missing, and nobody withheld them."""
    return tuple(
        Reason(code=f"{name}:no-answer", text=f"The {name} could not be read, so none counts: {why}")
        for name, why in missing.items()
    )


def _review(row: Any, commit: str) -> Approval:
    state: Any = "approved" if row.state == "APPROVED" else "rejected"
    return Approval(
        role="",
        login=row.login,
        state=state,
        source="review",
        verified=True,
        bot=row.bot,
        commit=commit,
        at=row.at,
    )


def _environment(
    row: dict[str, Any], e: Environments, run: str, gate: str, subject: Subject, now: str
) -> list[Approval]:
    """One approval per environment that stands for a role: "required reviewers" means any one of them, so
    each role has an environment of its own. The run is the nonce; it was started for this digest."""
    user = row.get("user") or {}
    state: Any = {"approved": "approved", "rejected": "rejected"}.get(str(row.get("state")))
    if state is None or gate not in e.gates:
        return []
    roles = {name.lower(): role for name, role in e.environment_roles.items()}
    return [
        Approval(
            role=roles[name],
            login=str(user.get("login") or ""),
            state=state,
            source="environment",
            verified=True,
            bot=user.get("type") != "User",
            gate=place,
            environment=e.gates[place].to,
            digest=subject.digest,
            commit=subject.commit,
            nonce=run,
            at=now,
            expires=format_time(parse_time(now)),
        )
        for one in row.get("environments") or ()
        if (name := str(one.get("name", "")).lower()) in roles
        for place in _gates_of(roles[name], gate, e)
    ]


def _gates_of(role: str, gate: str, e: Environments) -> list[str]:
    """The gate asked, and those it includes, that ask for this role."""
    found, at = [], gate
    while at and at not in found:
        found.append(at)
        at = e.gates[at].includes or ""
    return [name for name in found if any(human.role == role for human in e.gates[name].human)]
