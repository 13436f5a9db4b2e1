"""Post dev-evals-green: on the tested commit, and on the promotion pull request whose digest was tested."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from signalbox.cli import Command, Context, Result

if TYPE_CHECKING:
    from signalbox.github import GitHub
    from signalbox.prepromote import Change, Standing

EXAMPLES = """
examples:
  post_status.py --verdicts "evals=PASS e2e=PASS" --digest sha256:4f53… --sha 3f2a…
  post_status.py --verdicts "evals=PASS e2e=PASS" --digest sha256:4f53… --into acme/fleet \\
      --image-policy-path clusters/prod/shop.yaml --registry ghcr.io/acme/shop
  post_status.py --into acme/fleet --pull 17 --image-policy-path clusters/prod/shop.yaml --tested acme/shop
      on each pull request there: not-applicable where it promotes nothing, else what the gate said of
      that digest

GITHUB_TOKEN needs statuses: write, pull-requests: read and contents: read on the repository posted in, and
may read the statuses of --tested. A verdict that is missing or empty is NOT_VERIFIED and posted as an error,
never as a success.
"""


MOST_HINTS = 5  # commits that a pull request's text may point at


def run(context: Context) -> Result:
    """Post, look for the promotion, post there too, and say whether anybody requires it."""
    from signalbox.errors import InputError
    from signalbox.github import GitHub
    from signalbox.prepromote import parse_verdicts, standing
    from signalbox.render.escape import code_block

    args = context.args
    found: Standing | None = None
    if args.verdicts or args.sha:
        found = standing(parse_verdicts(args.verdicts), args.digest)
    if found is None and not (args.pull and args.image_policy_path):
        raise InputError(
            "there is nothing to post on",
            where="--verdicts, --pull",
            fix="Give --verdicts and --sha, or --pull and --image-policy-path.",
        )
    if not args.sha and not args.image_policy_path:
        fix = "Give a commit, or the file that makes a pull request a promotion."
        raise InputError("there is nothing to post on", where="--sha, --image-policy-path", fix=fix)
    said: list[str] = []
    with GitHub.from_environ(context.environ, args.into) as client:
        if args.sha and found is not None:
            client.set_status(args.sha, args.context, found.state, found.description, args.target)
            said.append(f"{args.context} is {found.state} on {client.repository}@{args.sha[:12]}")
        if args.image_policy_path:
            lines, last = _promotions(context, client, found)
            said += lines
            found = found or last
        required = _required(client, args.context, args.base)
    said.append(required)
    text = f"{found.description if found else 'nothing was posted'}\n" + "\n".join(
        f"   {one}" for one in said
    )
    return Result(
        text=text,
        summary=code_block(text, "text") + "\n",
        outputs={
            "state": found.state if found else "",
            "verdict": found.verdict if found else "",
            "required": required[:8],
        },
    )


def _promotions(
    context: Context, client: GitHub, found: Standing | None
) -> tuple[list[str], Standing | None]:
    """What was posted on every open pull request, or on the one that was named; and the last standing."""
    args = context.args
    root = f"/repos/{client.repository}/pulls"
    if args.pull:
        rows = [client.transport.get(f"{root}/{_number(args.pull)}")]
    else:
        rows = list(client.transport.pages(f"{root}?state=open"))
    said, last = [], None
    for row in rows:
        line, posted = _post(context, client, row, found)
        last = posted or last
        if line:
            said.append(line)
    if not said:
        said.append("no open pull request promotes this digest; its status is posted again once there is one")
    return said, last


def _post(
    context: Context, client: GitHub, row: dict[str, Any], found: Standing | None
) -> tuple[str, Standing | None]:
    """One pull request: nothing is posted unless its digest is seen to be the one that was tested."""
    from signalbox.prepromote import Standing, match, target

    args, number, head = context.args, int(row["number"]), str(row["head"]["sha"])
    changed, resolved = _change(context, client, row)
    digest = args.digest or target(changed, resolved)
    which = match(changed, digest, resolved)
    if which == "not-a-promotion":
        if not args.pull:
            return "", None
        text = f"not applicable: {args.image_policy_path} is not changed"
        client.set_status(head, args.context, "success", text, args.target)
        none = Standing(verdict="PASS", state="success", description=text)
        return f"#{number} promotes nothing: {args.context} is success, not applicable", none
    if which == "another-digest":
        why = changed.odd or "it names another, or none that can be looked up (--registry)"
        return f"#{number} does not promote the digest that was tested: {why}; nothing was posted on it", None
    found = found or _recorded(context, row, digest, changed.versions)
    if found is None:
        text = f"#{number} promotes {digest[:19]}, which {args.tested or client.repository} has not tested"
        return f"{text}: nothing was posted on it", None
    client.set_status(head, args.context, found.state, found.description, args.target)
    return f"#{number} promotes this digest: {args.context} is {found.state} on its head {head[:12]}", found


def _change(
    context: Context, client: GitHub, row: dict[str, Any]
) -> tuple[Change, dict[str, frozenset[str]]]:
    """What the pull request makes of the file that promotes, and the digests of the versions it names."""
    from signalbox.github import GitHubError
    from signalbox.github.setup import LISTED
    from signalbox.prepromote import Change, change

    path, number = context.args.image_policy_path, int(row["number"])
    files = list(client.transport.pages(f"/repos/{client.repository}/pulls/{number}/files"))
    if len(files) >= LISTED:
        raise GitHubError(f"#{number} has more files than GitHub lists", call="GET files")
    if path not in [file.get(name) for file in files for name in ("filename", "previous_filename")]:
        return Change(), {}
    before, after = (
        _text(client, path, str(row[side][key])) for side, key in (("base", "ref"), ("head", "sha"))
    )
    found = change(before, after)
    return found, {version: _resolve(context, version) for version in found.versions}


def _text(client: GitHub, path: str, ref: str) -> str | None:
    from signalbox.github import Unavailable

    content = client.contents(path, ref, 1 << 20)
    return None if isinstance(content, Unavailable) else content.decode("utf-8", "replace")


def _resolve(context: Context, version: str) -> frozenset[str]:
    """The digests that a version's tags have at the registry: Flux takes 1.4.2 and v1.4.2 for the same."""
    from signalbox.gitops import Registry, parse_repository

    if not context.args.registry:
        return frozenset()
    user, password = (context.environ.get(name, "") for name in ("REGISTRY_USER", "REGISTRY_PASSWORD"))
    registry = Registry(parse_repository(context.args.registry), user=user, password=password)
    found = (registry.digest_of(tag) for tag in (version, f"v{version}"))
    return frozenset(digest for digest in found if digest)


def _recorded(
    context: Context, row: dict[str, Any], digest: str, versions: frozenset[str]
) -> Standing | None:
    """What the gate posted about ``digest`` where it tested. The pull request only hints at the commit."""
    import re

    from signalbox.github import GitHub, GitHubError
    from signalbox.prepromote import recorded

    args = context.args
    hints = [f"{letter}{version}" for version in sorted(versions) for letter in ("v", "")]
    hints += list(
        dict.fromkeys(re.findall(r"(?<![:\w])[0-9a-f]{12}(?:[0-9a-f]{28})?\b", str(row.get("body") or "")))
    )[:MOST_HINTS]
    with GitHub.from_environ(context.environ, args.tested or args.into) as client:
        for hint in hints:
            path = f"/repos/{client.repository}/commits/{hint}/statuses"
            try:
                found = recorded(client.transport.pages(path), args.context, digest, args.tested_by)
            except GitHubError as error:
                if error.status not in (404, 422):
                    raise
                continue
            if found is not None:
                return found
    return None


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
        "--tested", metavar="OWNER/NAME", help="where the gate left its status on the tested commit (--into)"
    )
    command.option(
        "--tested-by",
        default="github-actions[bot]",
        metavar="LOGIN",
        help="who leaves it there, empty: anybody",
    )
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
