"""AI attribution in commits: ``AI-Usage``, ``Agent-IDs``, ``AI-Prompt-Ref``, by git's own rules for trailers.

Git itself reads them (``git interpret-trailers --parse``), so that what git shows is what is judged. A squash
keeps the messages it folded in the body, above the last paragraph; those trailers are read there as well.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from signalbox.decision import Evidence, Gap, Subject
from signalbox.gates.history import Commit, run_git

USAGES = ("none", "assisted", "generated", "reviewed")
KEYS = {"ai-usage": "AI-Usage", "agent-ids": "Agent-IDs", "ai-prompt-ref": "AI-Prompt-Ref"}
_KEY = re.compile(r"^(AI-Usage|Agent-IDs|AI-Prompt-Ref|Co-authored-by)\s*:\s*(.*)$", re.IGNORECASE)
# GitHub lists the folded commits as "* subject"; git merge --squash announces them.
_SQUASH = re.compile(r"^\* \S|^Squashed commit of the following:", re.MULTILINE)
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@#:+-]{0,199}")


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit says about who, and what, wrote it."""

    usage: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    co_authors: tuple[str, ...] = ()


def parse(repo: Path, message: str) -> list[tuple[str, str]]:
    """(key, value) of every trailer of ``message`` as git reads them: unfolded, in order."""
    # Nothing of the repository's configuration may add or rename a trailer here.
    options = ["interpret-trailers", "--parse", "--no-divider"]
    text = run_git(repo, *options, given=message.encode("utf-8", "replace")).decode("utf-8", "replace")
    found = []
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip():
            found.append((key.strip(), value.strip()))
    return found


def attribution(repo: Path, message: str) -> Attribution:
    """The attribution in ``message``; also of messages that a squash folded into it."""
    fields: dict[str, list[str]] = {
        "ai-usage": [],
        "agent-ids": [],
        "ai-prompt-ref": [],
        "co-authored-by": [],
    }
    pairs = parse(repo, message)
    for paragraph in _folded(message):
        pairs += parse(repo, "subject\n\n" + paragraph)
    for key, value in pairs:
        if value and key.lower() in fields:
            fields[key.lower()].append(value)
    agents = [name for value in fields["agent-ids"] for name in re.split(r"[,\s]+", value) if name]
    prompts = [name for value in fields["ai-prompt-ref"] for name in re.split(r"[,\s]+", value) if name]
    return Attribution(
        usage=tuple(dict.fromkeys(value.lower() for value in fields["ai-usage"])),
        agents=tuple(dict.fromkeys(agents)),
        prompts=tuple(dict.fromkeys(prompts)),
        co_authors=tuple(dict.fromkeys(_address(value) for value in fields["co-authored-by"])),
    )


def judge(
    commits: Iterable[tuple[Commit, Attribution]],
    *,
    agents: Collection[str],
    resolves: Mapping[str, bool],
    subject: Subject,
    now: str,
) -> Evidence:
    """Evidence ``ai-metadata``: every commit says what AI did; its agents are known, its prompts resolve.

    ``resolves``: prompt reference → whether it was found. Merge commits of the change need no words of their
    own: what they bring in is judged commit by commit.
    """
    gaps: list[Gap] = []
    seen: dict[str, list[str]] = {"agents": [], "prompts": []}
    judged = 0
    for commit, said in commits:
        seen["agents"] += said.agents
        if commit.merge and not (said.usage or said.agents or said.prompts):
            continue
        judged += 1
        gaps += [Gap(code, f"{commit.id[:12]}: {text}") for code, text in _faults(said, agents, resolves)]
    if not judged:
        gaps.append(Gap("no-commits", "the change holds no commit to read"))
    return Evidence(
        kind="ai-metadata",
        status="fail" if gaps and judged else "not_verified" if gaps else "pass",
        source="git",
        producer="git interpret-trailers",
        subject=subject,
        observed_at=now,
        tier="installed-command",
        gaps=tuple(gaps),
        facts={"commits": judged, "agents": sorted(set(seen["agents"]))},
    )


def _faults(
    said: Attribution, agents: Collection[str], resolves: Mapping[str, bool]
) -> Iterable[tuple[str, str]]:
    if not said.usage:
        yield "no-usage", "the trailer AI-Usage is missing"
        return
    for word in said.usage:
        if word.split()[0] not in USAGES:
            yield "unknown-usage", f"AI-Usage is one of {', '.join(USAGES)}, not {word[:60]!r}"
    if all(word.split()[0] == "none" for word in said.usage):
        if said.agents:
            yield "contradiction", f"AI-Usage says none, and Agent-IDs names {', '.join(said.agents[:3])}"
        return
    if not said.agents:
        yield "no-agents", "the trailer Agent-IDs is missing"
    for agent in said.agents:
        if agent not in agents:
            yield "unknown-agent", f"the agent {agent[:60]!r} is not one that policy knows"
    if not said.prompts:
        yield "no-prompt", "the trailer AI-Prompt-Ref is missing"
    for ref in said.prompts:
        if not resolves.get(ref):
            yield "no-such-prompt", f"the prompt reference {ref[:80]!r} leads nowhere"


def resolve(repo: Path, refs: Iterable[str], commit: str, ledger: Collection[str] = ()) -> dict[str, bool]:
    """Which references lead somewhere: a file in ``commit``, or the id of a record in the ledger."""
    found = {}
    for ref in set(refs):
        held = ref in ledger or ref.removeprefix("ledger:") in ledger
        if not held and commit and _REF.fullmatch(ref) and ".." not in ref:
            path = ref.partition("#")[0]
            listing = run_git(repo, "ls-tree", "-z", "--full-tree", commit, "--", path)
            held = b" blob " in listing.split(b"\t")[0] + b" "
        found[ref] = held
    return found


def add(
    repo: Path, message: str, *, usage: str, agents: Iterable[str] = (), prompts: Iterable[str] = ()
) -> str:
    """``message`` with the trailers added as git would: each once, below a blank line of its own."""
    options = ["interpret-trailers", "--if-exists", "addIfDifferent", "--no-divider"]
    values = [("AI-Usage", usage), ("Agent-IDs", ", ".join(agents)), ("AI-Prompt-Ref", ", ".join(prompts))]
    for key, value in values:
        if value:
            options += ["--trailer", f"{key}: {' '.join(value.split())}"]
    return run_git(repo, *options, given=message.encode()).decode("utf-8", "replace")


def _folded(message: str) -> list[str]:
    """Trailers in paragraphs before the last, of a message that a squash made; in no other do they count."""
    if not _SQUASH.search(message):
        return []
    paragraphs = re.split(r"\n\s*\n", message.strip().replace("\r\n", "\n"))
    found = []
    for paragraph in paragraphs[1:-1]:
        lines = [line.strip() for line in paragraph.splitlines()]
        if lines and any(_KEY.match(line) for line in lines):
            found.append("\n".join(line for line in lines if _KEY.match(line)))
    return found


def _address(value: str) -> str:
    found = re.search(r"<([^<>]*)>\s*$", value)
    return (found.group(1) if found else value).strip()
