"""May this agent do this, in this environment, with these data? Default deny, by the contracts in policy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import ASKS, PERMITS, Command, Context, Result

if TYPE_CHECKING:
    from signalbox.gates.authorize import HumanApproval, Inputs
    from signalbox.render import Block

EXAMPLES = """
examples:
  authorize_agent.py --agent developer-agent --environment development --action write-code
  authorize_agent.py --agent qa-agent --environment staging --action run-tests \\
      --inputs release-candidate --classification Internal
  authorize_agent.py --agent ops-agent --environment production --action execute-rollback --approval ada.json
  authorize_agent.py --report --ledger out/ledger            who did what, from the ledger

Who asks is proved by --identity-token (a GitHub OIDC token for the audience signalbox; "request" fetches one
in a job with id-token: write), or by the login of GITHUB_TOKEN that policy maps to an agent. In mode enforce
under Actions, or with --require-identity, no answer is "allow" without such a proof; on a laptop it is only a
question. An approval is {"payload": {…}, "signature": "-----BEGIN SSH SIGNATURE…"}, made by
  authorize_agent.py … --approve ada --key ~/.ssh/id_ed25519 --approval ada.json
"""


def run(context: Context) -> Result:
    """Ask the contracts."""
    from signalbox.gates.authorize import decide

    args = context.args
    if args.report:
        return _report(context)
    if args.approve:
        return _approve(context)
    inputs = _question(context)
    decision = decide(inputs, context.policy.settings, context.policy.ref, context.stamp)
    return Result(
        decision=decision,
        inputs=inputs,
        blocks=_blocks(decision.outputs["line"]),
        outputs={"allowed": "true" if decision.verdict == "allow" else "false", "agent": args.agent},
        exit=ASKS if decision.reasons[0].code == "needs-approval" else PERMITS,
    )


def _question(context: Context) -> Inputs:
    from signalbox.gates.authorize import Inputs

    args = context.args
    identity, proved = _identity(context)
    enforced = context.policy.settings.mode == "enforce" and args.format == "github"
    return Inputs(
        subject=context.subject(digest=args.digest),
        agent=args.agent,
        environment=args.environment,
        action=args.action,
        classification=args.classification,
        inputs=tuple(args.inputs.split()),
        outputs=tuple(args.outputs.split()),
        approval=_approval(context),
        identity=identity if args.agent in proved else "",
        mismatch=(", ".join(proved) or f"{identity}, which policy maps to no agent")
        if identity and args.agent not in proved
        else "",
        identity_required=enforced or args.require_identity,
    )


def _identity(context: Context) -> tuple[str, list[str]]:
    """What was shown and the agents it proves."""
    from signalbox.gates import identity

    e = context.policy.settings.environments
    token = context.args.identity_token
    if token:
        found = identity.claims(
            _token(context, token),
            _keys(context),
            issuer=e.identity_issuer,
            now=_seconds(context.stamp.at),
            repository=context.environ.get("GITHUB_REPOSITORY", ""),
        )
        workflow = str(found.get("job_workflow_ref") or "")
        return f"the workflow {workflow}", identity.agents_of_workflow(workflow, e)
    if context.args.login:
        from signalbox.github import GitHub, GitHubError

        with GitHub.from_environ(context.environ) as client:
            try:
                login = client.login()
            except GitHubError as error:
                context.say(f"who the token belongs to is not known: {error}")
                return "", []
        return f"the login {login}", identity.agents_of_login(login, e)
    return "", []


def _seconds(at: str) -> float:
    from signalbox.decision import parse_time

    return parse_time(at).timestamp()


def _token(context: Context, given: str) -> str:
    from signalbox.errors import InputError
    from signalbox.files import read_limited

    if given != "request":
        return read_limited(Path(given), 20_000, "identity token").decode("ascii", "replace")
    url = context.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    secret = context.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if not url or not secret:
        raise InputError(
            "this job may not ask for an identity token",
            where="--identity-token request",
            fix="Add `id-token: write` to the job's permissions.",
        )
    from signalbox.gates.identity import AUDIENCE

    answer = _fetch(f"{url}&audience={AUDIENCE}", {"Authorization": f"bearer {secret}"})
    return str(answer.get("value", ""))


def _keys(context: Context) -> dict[str, object]:
    import msgspec

    from signalbox.errors import InputError
    from signalbox.files import read_limited

    name = context.args.identity_keys
    if not name:
        issuer = context.policy.settings.environments.identity_issuer
        return _fetch(f"{issuer}/.well-known/jwks", {})
    try:
        return msgspec.json.decode(read_limited(Path(name), 1 << 20, "key set"), type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("this is not a JSON Web Key Set", where=name, why=str(error)) from None


def _fetch(url: str, headers: dict[str, str]) -> dict[str, object]:
    import requests

    from signalbox.errors import InputError

    try:
        answer = requests.get(url, headers=headers, timeout=20, allow_redirects=False)
        answer.raise_for_status()
        found = answer.json()
    except (requests.RequestException, ValueError) as error:
        # Not str(error): it repeats the address, which may carry a request's own parameters.
        raise InputError(
            "the identity could not be fetched", where=url.split("?")[0], why=type(error).__name__
        ) from None
    if not isinstance(found, dict):
        raise InputError("the identity's answer is not an object", where=url.split("?")[0])
    return found


def _approval(context: Context) -> HumanApproval | None:
    from signalbox.gates.authorize import HumanApproval
    from signalbox.gates.signing import read_one, signers

    if not context.args.approval:
        return None
    e = context.policy.settings.environments
    allowed = signers(context.repo, e, context.policy.ref.commit)
    return read_one(Path(context.args.approval), HumanApproval, e, allowed)


def _approve(context: Context) -> Result:
    from datetime import timedelta

    from signalbox.decision import format_time, parse_time
    from signalbox.gates.authorize import HumanApproval
    from signalbox.gates.signing import write_one

    args = context.args
    until = parse_time(context.stamp.at) + timedelta(hours=args.hours)
    payload = HumanApproval(
        by=args.approve,
        agent=args.agent,
        environment=args.environment,
        action=args.action,
        expires=format_time(until),
        digest=args.digest,
    )
    write_one(Path(args.approval), payload, args.approve, args.key)
    return Result(text=f"{args.approval}: {args.approve} approves {args.action} of {args.agent}")


def _report(context: Context) -> Result:
    from signalbox.errors import InputError
    from signalbox.gates.authorize import who_did_what
    from signalbox.ledger import open_ledger

    url = context.args.ledger or context.policy.settings.ledger.url
    if not url:
        raise InputError("no ledger is named", where="--ledger")
    reading = open_ledger(url, repo=context.repo).decisions()
    rows = who_did_what([entry.data["decision"] for entry in reading.entries if entry.trusted])
    lines = [
        f"{agent} in {where or '(no place)'}: {action or '(no action)'}  allowed {allowed}, denied {denied}"
        for agent, where, action, allowed, denied in rows
    ]
    return Result(text="\n".join(lines) or "no authorisation is recorded")


def _blocks(line: dict[str, object] | None) -> list[Block]:
    from signalbox.render import Table

    if line is None:
        return []
    rows = [
        (key, ", ".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value))
        for key, value in line.items()
    ]
    return [Table(columns=("contract", ""), rows=tuple(rows), title="The line that decided")]


def main() -> int:
    """Entry point."""
    command = Command("authorize_agent", __doc__ or "", epilog=EXAMPLES)
    command.option("--agent", metavar="NAME", help="who wants to act")
    command.option("--action", metavar="NAME", help="what it wants to do, such as write-code")
    command.option("--inputs", metavar="NAMES", help="what it takes, separated by spaces")
    command.option("--outputs", metavar="NAMES", help="what it gives, separated by spaces")
    command.option("--classification", metavar="C", help="Public, Internal, Confidential or Restricted")
    command.option("--digest", metavar="SHA256", help="the artifact an approval must be for")
    command.option("--approval", metavar="FILE", help="a person's signed approval")
    command.option("--identity-token", metavar="FILE", help="the workflow's OIDC token, or: request")
    command.option(
        "--identity-keys", metavar="FILE", help="the issuer's key set (default: asked of the issuer)"
    )
    command.option("--login", action="store_true", default=False, help="proved by GITHUB_TOKEN's login")
    command.option(
        "--require-identity", action="store_true", default=False, help="no proof of who asks is a denial"
    )
    command.option("--report", action="store_true", default=False, help="who did what, from --ledger")
    command.option("--approve", metavar="PERSON", help="write an approval of this question instead")
    command.option("--key", metavar="FILE", help="the SSH key that --approve signs with")
    command.option("--hours", type=float, default=24.0, help="how long that approval stands")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
