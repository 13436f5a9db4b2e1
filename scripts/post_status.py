"""Post dev-evals-green: on the tested commit, and on the promotion pull request whose digest was tested."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from signalbox.cli import Command, Context, Result

if TYPE_CHECKING:
    from signalbox.github import GitHub
    from signalbox.prepromote import Match, Standing

EXAMPLES = """
examples:
  post_status.py --verdicts "evals=PASS e2e=PASS" --digest sha256:4f53… --sha 3f2a…
  post_status.py --verdicts "evals=PASS e2e=PASS" --digest sha256:4f53… --into acme/fleet --sha 3f2a… \\
      --image-policy-path clusters/prod/shop.yaml
  post_status.py --into acme/fleet --pull 17 --image-policy-path clusters/prod/shop.yaml
      on each pull request there: not-applicable where it promotes nothing

GITHUB_TOKEN needs statuses: write and pull-requests: read on that repository. A verdict that is missing or
empty is NOT_VERIFIED and posted as an error, never as a success.
"""


def run(context: Context) -> Result:
    """Post, look for the promotion, post there too, and say whether anybody requires it."""
    from signalbox.errors import InputError
    from signalbox.github import GitHub
    from signalbox.prepromote import parse_verdicts, standing

    args = context.args
    found = standing(parse_verdicts(args.verdicts), args.digest)
    if not args.sha and not args.pull:
        raise InputError("there is nothing to post on", where="--sha, --pull", fix="Give a commit.")
    said: list[str] = []
    with GitHub.from_environ(context.environ, args.into) as client:
        if args.sha:
            client.set_status(args.sha, args.context, found.state, found.description, args.target)
            said.append(f"{args.context} is {found.state} on {client.repository}@{args.sha[:12]}")
        if args.image_policy_path:
            said += _promotions(context, client, found)
        required = _required(client, args.context, args.base)
    said.append(required)
    text = f"{found.description}\n" + "\n".join(f"   {line}" for line in said)
    summary = "```text\n" + text.replace("```", "'''") + "\n```\n"
    return Result(
        text=text,
        summary=summary,
        outputs={"state": found.state, "verdict": found.verdict, "required": required[:8]},
    )


def _promotions(context: Context, client: GitHub, found: Standing) -> list[str]:
    """Every open pull request, or the one that was named."""
    args = context.args
    root = f"/repos/{client.repository}/pulls"
    if args.pull:
        rows = [client.transport.get(f"{root}/{_number(args.pull)}")]
    else:
        rows = list(client.transport.pages(f"{root}?state=open"))
    said = []
    for row in rows:
        which = _match(context, client, row)
        line = _post(context, client, row, which, found)
        if line:
            said.append(line)
    if not said:
        said.append("no open pull request promotes this digest; its status is posted again once there is one")
    return said


def _post(context: Context, client: GitHub, row: dict[str, Any], which: Match, found: Standing) -> str:
    args, number, head = context.args, int(row["number"]), str(row["head"]["sha"])
    if which == "this-digest" and args.verdicts:
        client.set_status(head, args.context, found.state, found.description, args.target)
        return f"#{number} promotes this digest: {args.context} is {found.state} on its head {head[:12]}"
    if which == "not-a-promotion" and args.pull:
        text = f"not applicable: {args.image_policy_path} is not changed"
        client.set_status(head, args.context, "success", text, args.target)
        return f"#{number} promotes nothing: {args.context} is success, not applicable"
    if which == "another-digest" or (which == "this-digest" and args.pull):
        return f"#{number} promotes a digest that was not tested here; nothing was posted on it"
    return ""


def _match(context: Context, client: GitHub, row: dict[str, Any]) -> Match:
    from signalbox.github import GitHubError, Unavailable
    from signalbox.github.setup import LISTED
    from signalbox.prepromote.status import match, version_in

    args, number = context.args, int(row["number"])
    files = list(client.transport.pages(f"/repos/{client.repository}/pulls/{number}/files"))
    if len(files) >= LISTED:
        raise GitHubError(f"#{number} has more files than GitHub lists", call="GET files")
    paths = [
        str(file[name]) for file in files for name in ("filename", "previous_filename") if file.get(name)
    ]
    if args.image_policy_path not in paths:
        return "not-a-promotion"
    content = client.contents(args.image_policy_path, str(row["head"]["sha"]), 1 << 20)
    text = "" if isinstance(content, Unavailable) else content.decode(errors="replace")
    version = version_in(text)
    resolved = _resolve(context, version) if version and args.registry else ""
    return match(paths, args.image_policy_path, text, args.digest, resolved)


def _resolve(context: Context, version: str) -> str:
    """The digest that a version's tag has at the registry."""
    from signalbox.gitops import Registry, parse_repository

    user, password = (context.environ.get(name, "") for name in ("REGISTRY_USER", "REGISTRY_PASSWORD"))
    return Registry(parse_repository(context.args.registry), user=user, password=password).digest_of(version)


def _number(text: str) -> int:
    from signalbox.errors import InputError

    if not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise InputError("this is no pull request", where="--pull", why=text[:40], fix="Give its number.")
    return int(text)


def _required(client: GitHub, context: str, base: str) -> str:
    """Whether a ruleset demands the status; until then the gate only advises."""
    from signalbox.github import Unavailable

    branch = base or client.default_branch()
    rules = branch if isinstance(branch, Unavailable) else client.branch_rules(branch)
    if isinstance(rules, Unavailable):
        return (
            f"advisory as far as is known: the rules of {client.repository} cannot be read ({rules.reason})"
        )
    apps = [app for name, app in rules.checks if name == context]
    if not apps:
        return (
            f"advisory: no ruleset requires {context} on {branch} of {client.repository}; doctor.py says how"
        )
    if None in apps:
        return (
            f"required on {branch}, but anyone with write access can set it: choose its source in the ruleset"
        )
    return f"required on {branch} of {client.repository}"


def main() -> int:
    """Entry point."""
    # A status that could not be posted must never look like one that was.
    environ = {**os.environ, "SIGNALBOX_MODE": "enforce", "SIGNALBOX_FAIL_ON": "review"}
    command = Command("post_status", __doc__ or "", epilog=EXAMPLES, environ=environ)
    command.option("--verdicts", metavar="NAME=VERDICT…", help="what each half of the gate decided")
    command.option("--digest", metavar="SHA256", help="the artifact that was tested, sha256:…")
    command.option("--sha", metavar="COMMIT", help="the commit to post on")
    command.option("--into", metavar="OWNER/NAME", help="the repository to post in (default: this one)")
    command.option("--context", default="dev-evals-green", metavar="NAME", help="the status's name")
    command.option(
        "--image-policy-path", metavar="FILE", help="the file that makes a pull request a promotion"
    )
    command.option("--pull", metavar="N", help="look at this pull request alone")
    command.option(
        "--registry", metavar="REF", help="host/name: resolves the version that a policy's range names"
    )
    command.option(
        "--base", metavar="BRANCH", help="the branch promotions go to (default: the default branch)"
    )
    command.option("--target", metavar="URL", help="where the status's details lead")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
