"""What ``check_gate.py`` does beside deciding: look at the policy, write an approval, add attribution."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from signalbox.cli import DENIES, PERMITS, Context, Result
from signalbox.decision import Origin, format_time, parse_time
from signalbox.errors import InputError
from signalbox.files import read_limited, write_atomic
from signalbox.gates import readiness
from signalbox.gates.model import Approval, Inputs

T = TypeVar("T")


def commit(text: str) -> str:
    """``text``, if it is a full commit id or empty; else ``InputError``."""
    return _matching(text, 40, "", "--sha")


def digest(text: str) -> str:
    """``text``, if it is a digest or empty; else ``InputError``."""
    return _matching(text, 64, "sha256:", "--digest")


def _matching(text: str, length: int, before: str, where: str) -> str:
    if text and not re.fullmatch(rf"{before}[0-9a-f]{{{length}}}", text):
        fix = f"Give {before}{length} hex digits."
        raise InputError("this does not name it fully", where=where, why=text[:80], fix=fix)
    return text


def lint(context: Context) -> Result:
    """What in the policy can hardly be meant; exit 1 when there is something."""
    from signalbox.config import environments_check

    found = [
        f"{'.'.join(str(step) for step in place)}: {text}"
        for place, text in environments_check.lint(context.policy.settings.environments)
    ]
    return Result(text="\n".join(found) or "nothing to say", exit=DENIES if found else PERMITS)


def other(context: Context) -> Result:
    """Whatever is asked instead of a decision."""
    args = context.args
    if args.lint:
        return lint(context)
    if args.lower_trust:
        return _lower(context)
    return _trailers(context) if args.add_trailers else _approve(context)


def entering(context: Context) -> Inputs:
    """The question whether something may be in an environment."""
    from signalbox.gates.flow import Attestation
    from signalbox.gates.model import Flow
    from signalbox.gates.signing import read_one, signers

    args, e = context.args, context.policy.settings.environments
    attested = ""
    if args.attestation:
        allowed = signers(context.repo, e, context.policy.ref.commit)
        said = read_one(Path(args.attestation), Attestation, e, allowed)
        attested = said.by if said.holds(args.data, args.origin, args.entering, context.stamp.at) else ""
    flow = Flow(
        to=args.entering,
        ref=args.ref,
        kind=args.data,
        value=args.value,
        origin=args.origin,
        attested=attested,
        classification=args.classification,
    )
    return Inputs(subject=context.subject(digest=digest(args.digest)), gate="entering", flow=flow)


def origin(context: Context) -> Origin:
    """A run on a protected ref that no pull request could have rewritten, or else the change's own word."""
    environ = context.environ
    own = environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request")
    return "protected" if environ.get("GITHUB_REF_PROTECTED") == "true" and not own else "self-reported"


def claims_inputs(context: Context) -> Inputs:
    """The question to the evidence gate; signs of weakened tests are looked for in the change itself."""
    from signalbox.gates.claims import as_claims
    from signalbox.gates.history import changed_paths, commit_id
    from signalbox.gates.integrity import signs

    args, e = context.args, context.policy.settings.environments
    claims = _document(args.claims, lambda plain: as_claims(plain, origin(context)), "claims")
    changes: dict[str, Any] = {"trusted": dict(e.trusted_producers)}
    if args.base:
        base = commit_id(context.repo, args.base, "--base")
        head = commit_id(context.repo, args.head or args.sha or "HEAD", "--head")
        changes |= {
            "paths": changed_paths(context.repo, base, head),
            "signs": signs(context.repo, base, head),
        }
    claims = msgspec.structs.replace(claims, **changes)
    subject = context.subject(commit=commit(args.sha), digest=digest(args.digest))
    return Inputs(subject=subject, gate="evidence", claims=claims)


def readiness_inputs(context: Context) -> readiness.Inputs:
    """The question whether work may be merged, released or deployed."""
    args = context.args
    subject = context.subject(commit=commit(args.sha), digest=digest(args.digest))

    def convert(plain: Any) -> readiness.Inputs:
        return msgspec.convert(dict(plain) | {"subject": msgspec.to_builtins(subject)}, readiness.Inputs)

    return _document(args.claims, convert, "claims")


def _document(name: str, convert: Callable[[Any], T], what: str) -> T:
    data = read_limited(Path(name), 16 << 20, what)
    try:
        return convert(msgspec.json.decode(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError, ValueError) as error:
        raise InputError(f"these are no {what}", where=name, why=str(error)[:300]) from None


def _lower(context: Context) -> Result:
    """Level 0 for agents whose work escaped: in the working tree, or by --publish on the default branch."""
    from signalbox.gates import escaped
    from signalbox.gates.history import commit_id
    from signalbox.ledger import open_ledger

    args, settings = context.args, context.policy.settings
    url, e = args.ledger or settings.ledger.url, settings.environments
    if not url:
        raise InputError("there is no ledger to look for outcomes in", where="--ledger")
    ledger = open_ledger(url, repo=context.repo, branch=settings.ledger.branch)
    read = (ledger.decisions().entries, ledger.outcomes().entries) if ledger.exists() else ((), ())
    decisions, outcomes = ([row.data for row in rows if row.trusted] for rows in read)
    head = context.policy.ref.commit or commit_id(context.repo, "HEAD", "--repo")
    found = escaped.escapes(decisions, outcomes, list(e.places)[-1])
    data, why = escaped.lowered(context.repo, e, head, found)
    lines = [f"{agent}: level 0, because of {reason}" for agent, reason in sorted(why.items())]
    if why and settings.mode != "enforce":
        lines.append("only observed: in mode enforce the trust file would say so")
    elif why and args.publish:
        _push(context, e.trust_file, head, data, lines)
    elif why:
        write_atomic(context.repo / e.trust_file, data)
    text = "\n".join(lines) or f"nobody is lowered: {len(found)} escapes, none since the levels were given"
    return Result(text=text, outputs={"lowered": " ".join(sorted(why))}, exit=PERMITS)


def _push(context: Context, name: str, head: str, data: bytes, lines: list[str]) -> None:
    """The trust file as one commit on the default branch, if it is still what was read."""
    from signalbox.gates.history import file_at
    from signalbox.github import GitHub

    with GitHub.from_environ(context.environ) as client:
        branch = client.default_branch()
        if not isinstance(branch, str):
            raise InputError("the default branch is not known", where="GitHub", why=branch.reason)
        if client.contents(name, branch) != file_at(context.repo, head, name):
            raise InputError("the trust file has changed since it was read", where=name, fix="Run it again.")
        message = "\n".join(
            ["Lower the trust of agents whose work escaped", "", *lines, "", "AI-Usage: none"]
        )
        client.append_files(branch, {name: data}, message)


def _approve(context: Context) -> Result:
    from signalbox.gates.signing import append

    args, e = context.args, context.policy.settings.environments
    if args.gate not in e.gates or args.role not in e.roles or not args.nonce or not args.approvals:
        where = "--gate, --role, --nonce, --approvals"
        raise InputError(
            "an approval is bound to a gate, a role and a nonce, and goes to a file", where=where
        )
    until = parse_time(context.stamp.at) + timedelta(hours=args.hours)
    approval = Approval(
        role=args.role,
        login=args.approve,
        gate=args.gate,
        environment=e.gates[args.gate].to,
        digest=digest(args.digest),
        commit=commit(args.sha),
        nonce=args.nonce,
        at=context.stamp.at,
        expires=format_time(until),
        state="rejected" if args.reject else "approved",
    )
    person = e.people.get(args.approve)
    append(Path(args.approvals), approval, (person.signer if person else "") or args.approve, args.key)
    return Result(text=f"{args.approvals}: {args.approve} {approval.state} {args.gate} as {args.role}")


def _trailers(context: Context) -> Result:
    from signalbox.gates.trailers import add

    args = context.args
    path = Path(args.add_trailers)
    message = read_limited(path, 1 << 20, "commit message").decode("utf-8", "replace")
    text = add(
        context.repo, message, usage=args.usage, agents=args.agents.split(), prompts=args.prompts.split()
    )
    write_atomic(path, text.encode())
    return Result(text=text)
