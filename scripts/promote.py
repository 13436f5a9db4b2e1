"""Promote the digest that a decision lets through: retag it at its registry, or propose the GitOps edit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import ASKS, DENIES, PERMITS, Command, Context, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from signalbox.decision import Decision
    from signalbox.gitops import Answer, Edit
    from signalbox.render import Block

EXAMPLES = """
examples:
  promote.py --decision d.json --digest sha256:4f53… --registry ghcr.io/team/app --tag production
  promote.py --decision d.json --digest sha256:4f53… --image-policy clusters/app.yaml --range 1.4.2 \\
      --image ghcr.io/team/app      the tag 1.4.2 must stand for the digest
  promote.py --decision d.json --digest sha256:4f53… --kustomization prod/kustomization.yaml --image app
  promote.py --decision d.json --digest sha256:4f53… --values prod/values.yaml --value image.digest

  promote.py --decision d.json --registry ghcr.io/team/app --environment production \\
      --standing-approval approval.json --not-by "ada"     a manual-review that a person has approved

Only a decision about exactly this digest, made in mode enforce and still fresh, promotes anything:
auto-promote by itself; manual-review with an approval (as require_review.py writes it) of this digest and
environment, given after the decision by somebody who did not make the change, until it expires; else it ends
with 3, and --comment NUMBER tells the pull request what to look at. block ends with 1, whoever approves.
In the modes observe and advise it says what it would do.
Files are edited by a pull request in the repository --into (default: this one), one for each candidate and
environment. The registry's login is read from REGISTRY_USER and REGISTRY_PASSWORD.
"""


def run(context: Context) -> Result:
    """Check the decision, then move exactly what it is about."""
    from signalbox.files import read_limited
    from signalbox.gitops import read_decision, refusal
    from signalbox.gitops.edits import check_digest

    args = context.args
    decision = read_decision(read_limited(Path(args.decision), 64 << 20, "decision"), where=args.decision)
    digest = check_digest(args.digest or decision.subject.digest)
    refused = refusal(
        decision,
        digest=digest,
        commit=args.sha,
        now=context.stamp.at,
        max_age_hours=context.policy.settings.scoring.max_age_hours,
        answer=_answer(context, decision),
    )
    if refused is not None:
        if decision.verdict == "manual-review":
            _comment(context, decision)
        verb = {DENIES: "blocked", ASKS: "waits"}[refused.exit]
        return _result(f"{verb}: nothing was promoted\n   why: {refused.text}", exit=refused.exit)
    moving = context.policy.settings.mode == "enforce"
    if args.registry:
        return _retag(context, decision, digest, moving)
    return _propose(context, decision, digest, moving)


def _answer(context: Context, decision: Decision) -> Answer | None:
    """The approval that was given, with who started this run among those whose does not count."""
    from signalbox.gitops import Answer
    from signalbox.rollout.authority import read_approval

    args, environ = context.args, context.environ
    if not args.standing_approval:
        return None
    started = [environ.get(name, "") for name in ("GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR")]
    return Answer(
        approval=read_approval(Path(args.standing_approval)),
        environment=args.environment or decision.subject.environment,
        deployment=args.deployment,
        not_by=tuple(name for name in (*args.not_by.split(), *started) if name),
    )


def _comment(context: Context, decision: Decision) -> None:
    """One comment on the pull request, brought up to date: what a reviewer must look at."""
    if not context.args.comment:
        return
    from signalbox.github import GitHub, GitHubError
    from signalbox.promotion.review import review_blocks
    from signalbox.render.markdown import comment

    try:
        with GitHub.from_environ(context.environ) as client:
            text = comment(decision, _shown(review_blocks, decision), docs=context.docs)
            client.upsert_comment(int(context.args.comment), "promotion", text)
    except (GitHubError, ValueError) as error:
        context.say(f"the comment was not posted: {error}")


def _shown(make: Callable[[Decision], list[Block]], decision: Decision) -> list[Block]:
    """The decision's tables; it came as a file, so it may lack what they show."""
    from signalbox.errors import InputError

    try:
        return make(decision)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        why = f"{type(error).__name__}: {error}"
        raise InputError("the decision lacks what a promotion's holds", where="--decision", why=why) from None


def _result(text: str, exit: int = PERMITS, outputs: dict[str, str] | None = None) -> Result:
    given = {"promoted": "false", "changed": "false", "promoted_tag": "", "pull-request": ""}
    given |= outputs or {}
    from signalbox.render.escape import code_block

    return Result(text=text, summary=code_block(text, "text") + "\n", outputs=given, exit=exit)


def _retag(context: Context, decision: Decision, digest: str, moving: bool) -> Result:
    from signalbox.gitops import Registry, parse_repository
    from signalbox.gitops.edits import check_tag

    args, environ = context.args, context.environ
    repository = parse_repository(args.registry)
    tag = check_tag(args.tag or str(decision.outputs.get("promoted_tag") or _tag(context, decision)))
    if not moving:
        return _result(f"would tag {args.registry}@{digest} as {tag}")
    user, password = environ.get("REGISTRY_USER", ""), environ.get("REGISTRY_PASSWORD", "")
    done = Registry(repository, user=user, password=password).retag(digest, tag, move=args.move)
    what = "tagged" if done.changed else "was already tagged"
    text = f"{args.registry}@{digest} {what} {tag}" + (f" (before: {done.moved})" if done.moved else "")
    changed = "true" if done.changed else "false"
    return _result(text, outputs={"promoted": "true", "changed": changed, "promoted_tag": tag})


def _tag(context: Context, decision: Decision) -> str:
    """The policy's tag: a decision that asked for a person has none yet."""
    subject = decision.subject
    commit = subject.commit[:12] or subject.digest.removeprefix("sha256:")[:12]
    return context.policy.settings.scoring.promoted_tag.replace("{commit}", commit)


def _propose(context: Context, decision: Decision, digest: str, moving: bool) -> Result:
    from signalbox.files import read_limited
    from signalbox.gitops import branch_name, propose

    args = context.args
    path, edit = _edit(context, digest)
    if args.image_policy and args.image:
        other = _tagged(context, digest)
        if other:
            return _result(f"blocked: nothing was promoted\n   why: {other}", exit=DENIES)
    if not moving:
        made = edit(read_limited(context.repo / path, 4 << 20, "file to edit"))
        shown = "\n".join(f"   {where}: {old} -> {new}" for where, old, new in made.changes)
        return _result(f"would propose in {path}:\n{shown}" if made.changed else f"{path} already holds it")
    from signalbox.github import GitHub
    from signalbox.promotion import blocks
    from signalbox.render.markdown import markdown

    environment = args.environment or decision.subject.environment
    title = f"Promote {digest[7:19]}" + (f" to {environment}" if environment else "")
    with GitHub.from_environ(context.environ, args.into) as client:
        done = propose(
            client,
            base=args.base or "main",
            path=path,
            branch=branch_name(environment, digest, path),
            edit=edit,
            title=title,
            body=markdown(decision, _shown(blocks, decision)),
        )
    if not done.number:
        return _result(
            f"{path} on {args.base or 'main'} already holds {digest}", outputs={"promoted": "true"}
        )
    shown = "\n".join(f"   {where}: {old} -> {new}" for where, old, new in done.changes)
    if args.image_policy and not args.image:
        shown += "\n   which digest that version's tag stands for was not looked up: give --image host/name"
    state = "opened" if done.created else "brought up to date"
    text = f"{state} {done.url}\n{shown}"
    return _result(text, outputs={"promoted": "true", "changed": "true", "pull-request": done.url})


def _tagged(context: Context, digest: str) -> str:
    """Why the version that Flux would deploy is not this digest: its tag may stand for other bytes."""
    from signalbox.gitops import Registry, parse_repository
    from signalbox.gitops.edits import check_version

    args, environ = context.args, context.environ
    tag = check_version(args.range)
    user, password = environ.get("REGISTRY_USER", ""), environ.get("REGISTRY_PASSWORD", "")
    there = Registry(parse_repository(args.image), user=user, password=password).digest_of(tag)
    return "" if there == digest else f"{args.image}:{tag} is {there or 'not there'}, not {digest}"


def _edit(context: Context, digest: str) -> tuple[str, Callable[[bytes], Edit]]:
    """The file to edit and the edit itself, from the one target that was named."""
    from functools import partial

    from signalbox.errors import InputError
    from signalbox.gitops import set_kustomize_image, set_markers, set_policy_range, set_value

    args = context.args
    named = [name for name in ("image_policy", "manifest", "kustomization", "values") if getattr(args, name)]
    if len(named) != 1:
        raise InputError(
            "name one target" if not named else "only one target can be promoted to at a time",
            fix="Give --registry, --image-policy, --manifest, --kustomization or --values.",
        )
    path = _inside(getattr(args, named[0]))
    if named[0] == "image_policy":
        return path, partial(set_policy_range, wanted=args.range, name=path, policy=args.policy_name)
    if named[0] == "manifest":
        marked = {"policy": args.policy_name, "image": args.image, "tag": args.tag, "digest": digest}
        return path, partial(set_markers, **marked, name=path)
    if named[0] == "kustomization":
        return path, partial(set_kustomize_image, image=args.image, digest=digest, name=path)
    return path, partial(set_value, path=args.value, value=digest, name=path)


def _inside(path: str) -> str:
    from pathlib import PurePosixPath

    from signalbox.errors import InputError

    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not path.isprintable():
        raise InputError("the file must lie inside the repository", where=repr(path[:200]))
    return str(pure)


def main() -> int:
    """Entry point."""
    command = Command("promote", __doc__ or "", epilog=EXAMPLES)
    command.option(
        "--decision", required=True, metavar="FILE", help="score_artifact.py's decision or its bundle"
    )
    command.option("--digest", metavar="SHA256", help="the digest to promote; must be the decision's own")
    command.option("--sha", metavar="COMMIT", help="the commit it was built from; must be the decision's own")
    command.option(
        "--standing-approval", metavar="FILE", help="a person's approval, where the decision is manual-review"
    )
    command.option(
        "--deployment", metavar="NAME", help="the deployment that the approval must be for, if any"
    )
    command.option("--not-by", metavar="LOGINS", help="whose approval does not count: who made the change")
    command.option("--comment", metavar="NUMBER", help="pull request to tell what a reviewer must look at")
    command.option("--registry", metavar="REF", help="retag there: host/name without tag")
    command.option("--tag", metavar="TAG", help="the tag to give (default: the decision's promoted_tag)")
    command.option("--move", action="store_true", default=False, help="move the tag if it stands elsewhere")
    command.option("--image-policy", metavar="FILE", help="a Flux ImagePolicy whose semver range to set")
    command.option("--range", metavar="RANGE", help="the range, for example 1.4.2 or >=1.4.0 <1.5.0")
    command.option("--policy-name", metavar="NAME", help="which ImagePolicy (namespace:name with --manifest)")
    command.option(
        "--manifest", metavar="FILE", help="set the values marked for the policy by Flux's comments"
    )
    command.option("--kustomization", metavar="FILE", help="set the digest of --image in images:")
    command.option(
        "--image",
        metavar="NAME",
        help="the image without tag, as the file names it; host/name to check the tag for --image-policy",
    )
    command.option("--values", metavar="FILE", help="set the digest at --value in Helm values")
    command.option("--value", default="image.digest", metavar="PATH", help="dotted path in the values")
    command.option("--into", metavar="OWNER/NAME", help="repository the file lies in (default: this one)")
    command.option("--base", metavar="BRANCH", help="branch to propose to (default main)")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
