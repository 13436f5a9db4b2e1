"""Write the plan that a fork's run computed into its pull request's comment; the artifact is only data."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import Command, Context, Result
from signalbox.errors import InputError

if TYPE_CHECKING:
    from signalbox.decision import Decision
    from signalbox.github import GitHub
    from signalbox.render import Block

EXAMPLES = """
examples:
  post_comment.py --decisions artifacts --head "mallory:feature" --sha 0123456789abcdef…

For workflow_run: the run that computed the plan held no write grant, this one runs none of its code.
A decision counts only if it is a test plan for this repository and exactly this commit; its text is escaped.
"""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HEAD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}:[^\x00-\x20\x7f]{1,250}")


def run(context: Context) -> Result:
    """Find the decision and the pull request, and write the comment."""
    from signalbox.github import GitHub
    from signalbox.render.markdown import comment

    args = context.args
    if not _COMMIT.fullmatch(args.sha):
        raise InputError("this is no full commit id", where="--sha", why=repr(args.sha[:60]))
    if not _HEAD.fullmatch(args.head):
        raise InputError("this is no owner:branch", where="--head", why=repr(args.head[:60]))
    with GitHub.from_environ(context.environ) as client:
        decision, shown = _decision(Path(args.decisions), client.repository, args.sha)
        number = _pull(client, args.head, args.sha)
        if number is None:
            return Result(
                text=f"no open pull request of {args.head} stands at {args.sha}: nothing to comment"
            )
        made = client.upsert_comment(number, "test-selection", comment(decision, shown, docs=context.docs))
    return Result(text=f"commented on #{number}: {made.url}", outputs={"comment": made.url})


def _decision(folder: Path, repository: str, commit: str) -> tuple[Decision, list[Block]]:
    from signalbox.decision import decode_bundle
    from signalbox.kinds import shown
    from signalbox.ledger import harvest

    found = []
    for item in harvest(folder).bundles:
        decision = decode_bundle(item.data, where=item.where).decision
        subject = decision.subject
        if (decision.kind, subject.repository, subject.commit) == ("test-plan", repository, commit):
            found.append(item)
    if len(found) != 1:
        raise InputError(
            "there is not exactly one test plan for this commit",
            where=str(folder),
            why=f"{len(found)} found",
            fix="Name the artifacts of the run that computed it.",
        )
    return shown(found[0].data, where=found[0].where)


def _pull(client: GitHub, head: str, commit: str) -> int | None:
    from urllib.parse import urlencode

    query = urlencode({"state": "open", "head": head})
    rows = client.transport.get(f"/repos/{client.repository}/pulls?{query}")
    return next((int(row["number"]) for row in rows if row["head"]["sha"] == commit), None)


def main() -> int:
    """Entry point."""
    command = Command("post_comment", __doc__ or "", epilog=EXAMPLES)
    command.option("--decisions", metavar="DIR", help="the artifacts of the run that computed the plan")
    command.option("--head", metavar="OWNER:BRANCH", help="where the pull request comes from")
    command.option("--sha", metavar="SHA", help="the commit the plan must be for")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
