"""Check that a promotion waits for a person, and afterwards note who let it pass."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import ASKS, DENIES, Command, Context, Result

if TYPE_CHECKING:
    from signalbox.github import GitHub

EXAMPLES = """
examples:
  require_review.py --reviewed promotion-review
      before the wait: exit 1 unless that environment has required reviewers
  require_review.py --reviewed "promotion-review production" --run-id 4711 --not-by "ada" \\
      --standing-approval approval.json --deployment web --digest sha256:… --environment production
      after it: writes who approved, for monitor_rollout.py --standing-approval; nothing if nobody did

Asks GitHub (GITHUB_TOKEN with actions: read). Exit 3: it gave no answer, which is no consent.
"""


def run(context: Context) -> Result:
    """Before the wait check its guard; after it find the approver."""
    from signalbox.errors import InputError
    from signalbox.github import GitHub

    names = context.args.reviewed.split()
    if not names:
        raise InputError("no environment is named", where="--reviewed")
    with GitHub.from_environ(context.environ) as client:
        if context.args.standing_approval:
            return _approval(context, client, names)
        return _guard(client, names)


def _guard(client: GitHub, names: list[str]) -> Result:
    from signalbox.gates import unguarded
    from signalbox.github import Unavailable

    environments = client.environments()
    if isinstance(environments, Unavailable):
        return _refuse(f"whether {names[0]} waits for a person is not known: {environments.reason}", ASKS)
    gaps = [gap for name in names if (gap := unguarded(environments, name))]
    if gaps:
        fix = "Add required reviewers in the repository's settings under Environments."
        return _refuse("; ".join(gaps) + f". {fix}", DENIES)
    return Result(text=f"{', '.join(names)}: a job there waits for a person")


def _refuse(text: str, code: int) -> Result:
    from signalbox.actions import Annotation

    return Result(text=text, exit=code, annotations=[Annotation(level="error", text=text)])


def _approval(context: Context, client: GitHub, names: list[str]) -> Result:
    from datetime import timedelta

    from signalbox.decision import canonical, format_time, parse_time
    from signalbox.errors import InputError
    from signalbox.files import write_atomic
    from signalbox.gates import approvers
    from signalbox.rollout.model import StandingApproval

    args = context.args
    if not (args.run_id.isdigit() and args.deployment and args.digest and args.environment):
        where = "--run-id, --deployment, --digest, --environment"
        raise InputError("a standing approval is bound to all four", where=where)
    rows = client.transport.get(f"/repos/{client.repository}/actions/runs/{args.run_id}/approvals")
    found = approvers(rows, names, args.not_by.split())
    if not found:
        return Result(text="nobody has approved this run: a rollback in production will wait for a person")
    until = parse_time(context.stamp.at) + timedelta(hours=args.hours)
    approval = StandingApproval(
        deployment=args.deployment,
        digest=args.digest,
        environment=args.environment,
        approved_by=found[0].login,
        role=f"reviewer of {found[0].environment}",
        approved_at=context.stamp.at,
        expires_at=format_time(until),
    )
    write_atomic(Path(args.standing_approval), canonical(approval))
    text = f"{found[0].login} approved; until {approval.expires_at} that covers this rollout's rollback"
    return Result(text=text, outputs={"approved-by": found[0].login, "approval": args.standing_approval})


def main() -> int:
    """Entry point."""
    # A guard: no policy and no mode makes an unguarded wait a guarded one.
    environ = {**os.environ, "SIGNALBOX_MODE": "enforce", "SIGNALBOX_FAIL_ON": "review"}
    command = Command("require_review", __doc__ or "", epilog=EXAMPLES, environ=environ)
    command.option("--reviewed", metavar="NAMES", help="environments of GitHub whose reviewers decide")
    command.option("--standing-approval", metavar="FILE", help="write who approved there")
    command.option("--run-id", metavar="N", help="the workflow run that waited")
    command.option("--not-by", metavar="LOGINS", help="whose approval does not count: who started the run")
    command.option("--deployment", metavar="NAME", help="what the approval is for")
    command.option("--digest", metavar="SHA256", help="the digest it is for")
    command.option("--hours", type=float, default=24.0, help="how long it stands")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
