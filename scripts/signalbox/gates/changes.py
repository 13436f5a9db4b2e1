"""What is known of a change: its commits, who made them, what they say of AI, how sensitive it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from signalbox.config.environments import Environments
from signalbox.decision import Evidence, Subject
from signalbox.gates import history, trailers, trust
from signalbox.gates.model import Change
from signalbox.gates.people import bots, person_of

CLASSES = ("Public", "Internal", "Confidential", "Restricted")


def read(
    repo: Path,
    e: Environments,
    *,
    base: str,
    head: str,
    policy_commit: str,
    subject: Subject,
    now: str,
    pusher: str = "",
    logins: Mapping[str, str] | None = None,
    prompts: Iterable[str] = (),
) -> tuple[Change, Evidence]:
    """The change from ``base`` to ``head`` and the evidence ``ai-metadata``.

    ``logins``: address → login, as GitHub knows them. ``prompts``: ids of records that a prompt may name.
    """
    head, base = history.commit_id(repo, head, "--head"), history.commit_id(repo, base, "--base")
    commits = history.commits(repo, base, head)
    said = [(commit, trailers.attribution(repo, commit.message)) for commit in commits]
    agents = tuple(sorted({agent for _, one in said for agent in one.agents}))
    known = {contract.agent_id for contract in e.contracts}
    refs = [ref for _, one in said for ref in one.prompts]
    metadata = trailers.judge(
        said,
        agents=known,
        resolves=trailers.resolve(repo, refs, head, tuple(prompts)),
        subject=subject,
        now=now,
    )
    addresses = {mail for commit in commits for mail in (commit.author, commit.committer)}
    addresses |= {mail for _, one in said for mail in one.co_authors}
    addresses.discard("noreply@github.com")  # GitHub's own, as committer of what it merged
    contributors, strangers = _people(addresses, e, logins or {}, known)
    change = Change(
        classification=e.classification,
        paths=history.changed_paths(repo, base, head),
        flags=e.feature_flags,
        trust=trust.lowest(trust.read(repo, e, policy_commit), agents),
        agents=agents,
        contributors=tuple(sorted({*contributors, *([pusher] if pusher else [])})),
        strangers=strangers,
    )
    return change, metadata


def _people(
    addresses: Iterable[str], e: Environments, logins: Mapping[str, str], agents: set[str]
) -> tuple[set[str], tuple[str, ...]]:
    """Everybody's names, and the addresses that belong to nobody known."""
    known = {mail.lower() for person in e.people.values() for mail in person.emails}
    names: set[str] = set()
    strangers = []
    for address in sorted(addresses):
        names.add(address)
        login = logins.get(address.lower(), "")
        if login:
            names.add(login)
        host = address.lower().rpartition("@")[2]
        bot = person_of(address, e) in bots(e) or address in agents
        if not (login or bot or address.lower() in known or host == "users.noreply.github.com"):
            strangers.append(address)
    return names, tuple(strangers)


def added_text(repo: Path, base: str, head: str, limit: int = 4_000_000) -> str:
    """The lines that the change adds, for detectors of sensitive values; cut at ``limit`` characters."""
    merge_base = history.run_git(repo, "merge-base", base, head).decode().strip()
    options = ["--no-ext-diff", "--no-textconv", "--no-color", "--unified=0"]
    raw = history.run_git(repo, "diff", *options, merge_base, head, "--").decode("utf-8", "replace")
    lines = [line[1:] for line in raw.splitlines() if line.startswith("+") and not line.startswith("+++")]
    return "\n".join(lines)[:limit]


def at_least(change: Change, *classes: str) -> Change:
    """``change`` with the most sensitive of its own and the given classes; empty ones say nothing."""
    given = [name for name in (change.classification or "", *classes) if name]
    if not given or any(name not in CLASSES for name in given):
        return msgspec.structs.replace(change, classification=None)
    return msgspec.structs.replace(change, classification=max(given, key=CLASSES.index))
