"""Say which tests a change needs and how risky it is, from the impact index and git alone."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalbox.cli import Command, Context, Result
from signalbox.errors import InputError

if TYPE_CHECKING:
    from signalbox.change import Change
    from signalbox.selection.facts import Inputs
    from signalbox.selection.gather import Gathered

EXAMPLES = """
examples:
  select_tests.py --base origin/main --index index.sqlite --tests-out tests.txt
  pytest @tests.txt                 (pytest 8.2 or later; before: xargs -d '\\n' pytest < tests.txt)
  select_tests.py --base HEAD~1 --index index.sqlite --explain tests/test_cart.py::test_total

Without an index tests are chosen by what test files import (Python), else whole suites by the paths of the
change. An index that cannot be used, a shallow clone and whatever else is not known make the plan wider. A
share of the runs in CI runs everything, so that misses are measured (--audit).
"""


def run(context: Context) -> Result:
    """Read the change and the index, decide, and write the plan."""
    from signalbox.asking import ask_index, given_index, without_index
    from signalbox.change import read_change, top, tree
    from signalbox.selection.decide import decide
    from signalbox.selection.show import blocks, explain
    from signalbox.selection.tests_file import everything, plan_lines, short

    args = context.args
    root = top(context.repo)
    base = args.base or _default_base(context, root)
    change = read_change(root, base, args.head)
    head = tree(root, change.head)
    connection, sha256, problem = given_index(context)
    try:
        found = None
        if connection is None and not problem:
            connection, sha256 = without_index(context, root, change)
        if connection is not None:
            found, problem = ask_index(context, root, head, connection, sha256, change.merge_base)
        inputs = _inputs(context, root, change, head, found, problem)
        if context.policy.settings.advisor.endpoint:
            inputs = _advised(context, root, inputs)
        decision = decide(inputs, context.policy.settings, context.policy.ref, context.stamp)
        plan: dict[str, Any] = decision.outputs["test_plan"]
        # Only observing means: the plan is shown, and the job goes on running everything.
        applies = args.format != "github" or context.policy.settings.mode == "enforce"
        written = plan if applies else everything(plan, inputs)
        known = None if found is None else connection
        lines = plan_lines(written, known) if args.tests_out else []
    finally:
        if connection is not None:
            connection.close()
    if args.explain:
        return Result(text=explain(inputs, decision, args.explain))
    outputs = {
        "test_plan": short(plan),
        "risk_tier": decision.outputs["risk_tier"],
        "full_suite": str(bool(written["full_suite"])).lower(),
        "estimated_minutes": str(plan["estimated_minutes"]),
    }
    if args.tests_out:
        from signalbox.files import write_atomic

        write_atomic(Path(args.tests_out), ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
        outputs["tests_file"] = args.tests_out
    shown = blocks(inputs, decision)
    if args.comment:
        _comment(context, decision, shown)
    return Result(decision=decision, inputs=inputs, blocks=shown, outputs=outputs)


def _inputs(
    context: Context,
    root: Path,
    change: Change,
    head: dict[str, str],
    found: Gathered | None,
    problem: str,
) -> Inputs:
    from signalbox.asking import known_audits
    from signalbox.selection.facts import ChangeFacts, FileFact, Inputs
    from signalbox.selection.gather import full_paths, suite_facts

    settings = context.policy.settings
    suites = found.suites if found else suite_facts(settings, head, {})
    seed = context.args.seed or context.stamp.id
    if not seed.isprintable():
        raise InputError("the seed is not one line of text", where="--seed")
    facts = ChangeFacts(
        base=change.merge_base,
        head=change.head,
        files=tuple(
            FileFact(
                path=file.path,
                status=file.status,
                lines_added=file.lines_added,
                lines_deleted=file.lines_deleted,
                binary=file.binary,
            )
            for file in change.files[: settings.selection.max_changed_files + 1]
        ),
        troubles=tuple((t.code, t.text) for t in change.troubles),
        commits_seen=change.history.commits,
        prior_changes=change.history.prior_changes,
        authors=change.history.authors,
        author_commits=change.history.author_commits,
        recent_fixes=change.history.recent_fixes,
    )
    return Inputs(
        subject=context.subject(commit=change.head),
        change=facts,
        audit_draw=int(hashlib.sha256(seed.encode()).hexdigest()[:12], 16) / 16**12,
        audit_seed=seed,
        suites=suites,
        index=found.index if found else None,
        index_problem=problem,
        touched=found.touched if found else (),
        tests=found.tests if found else (),
        python=context.args.python,
        force=_force(context, root, change),
        audits=known_audits(context),
        risk_model=found.risk_model if found else None,
        draws=_draws(context),
        full_paths=found.full_paths if found else full_paths(settings, suites, (), head),
        whole_files=found.whole_files if found else (),
        gone_test_files=found.gone_test_files if found else (),
        new_test_files=found.new_test_files if found else (),
    )


def _draws(context: Context) -> bool:
    """Whether this run may be drawn as an audit: in CI, or where it was asked for."""
    asked = context.args.audit
    if asked:
        return bool(asked == "yes")
    return any(context.environ.get(name, "") not in ("", "false", "0") for name in ("CI", "GITHUB_ACTIONS"))


def _advised(context: Context, root: Path, inputs: Inputs) -> Inputs:
    """The same inputs with a model's advice on the plan and on the tier, which can only ask for more."""
    import msgspec

    from signalbox.advisor import Budget, ask
    from signalbox.change import read_patch
    from signalbox.selection.decide import decide
    from signalbox.selection.plan import EVERYTHING

    settings = context.policy.settings
    ruled = decide(inputs, settings, context.policy.ref, context.stamp)
    if ruled.outputs["test_plan"]["full_suite"]:
        return inputs  # there is nothing that advice could add
    choices = sorted(name for name in settings.suites if name != EVERYTHING)
    material = {
        "what the rules found": "\n".join(reason.text for reason in ruled.reasons),
        "the rules' tier of risk": ruled.outputs["risk_tier"],
        "the change": read_patch(
            root, inputs.change.base, inputs.change.head, 2 * settings.advisor.max_input_tokens
        ),
    }
    budget = Budget()
    plan, risk = (
        ask(
            "",
            material,
            kind,
            choices=choices if kind == "test-plan" else (),
            settings=settings.advisor,
            environment=context.args.environment,
            keep=settings.environments.keeps_prompts(context.args.environment),
            budget=budget,
            environ=context.environ,
        )
        for kind in ("test-plan", "risk")
    )
    return msgspec.structs.replace(
        inputs,
        advice=plan.advice,
        additions=plan.additions,
        risk_advice=risk.advice,
        notes=tuple(dict.fromkeys((*plan.reasons, *risk.reasons))),
        models=plan.models | risk.models,
    )


def _default_base(context: Context, root: Path) -> str:
    """The pull request's base under Actions; else the first of the usual branches that is there."""
    from signalbox.change import GitFailed, git

    name = context.environ.get("GITHUB_BASE_REF", "")
    for ref in (
        [f"origin/{name}"] if name else ["origin/HEAD", "origin/main", "origin/master", "main", "master"]
    ):
        try:
            git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}")
            return ref
        except GitFailed:
            continue
    raise InputError("it is not known what to compare with", where="--base", fix="Name a branch or a commit.")


def _force(context: Context, root: Path, change: Change) -> str:
    from signalbox.change import last_message

    if context.args.full:
        return "the input full"
    if "full-tests" in (label.strip() for label in context.args.labels.replace(",", "\n").split("\n")):
        return "the label full-tests"
    trailer = "signalbox-tests: full"
    messages = change.message
    if messages.startswith("Merge "):
        # A pull request is often checked out as its merge, whose message nobody wrote.
        messages += "\n" + last_message(root, change.merge_base, change.head)
    if any(line.strip().lower() == trailer for line in messages.splitlines()):
        return "the commit's trailer"
    return ""


def _comment(context: Context, decision: Any, shown: list[Any]) -> None:
    from signalbox.github import GitHub, GitHubError
    from signalbox.render.markdown import comment

    try:
        with GitHub.from_environ(context.environ) as client:
            text = comment(decision, shown, docs=context.docs)
            client.upsert_comment(int(context.args.comment), "test-selection", text)
    except (GitHubError, ValueError) as error:
        context.say(f"the comment was not posted: {error}")


def main() -> int:
    """Entry point."""
    command = Command("select_tests", __doc__ or "", epilog=EXAMPLES)
    command.option(
        "--base", metavar="REF", help="what the change is compared with (default: the usual branches)"
    )
    command.option("--head", default="HEAD", metavar="REF", help="the change")
    command.option("--index", metavar="FILE", help="the impact index that index_tests.py wrote")
    command.option("--tests-out", metavar="FILE", help="write the chosen tests, one pytest argument a line")
    command.option("--explain", metavar="TEST", help="only say why this test (a node id) runs or not")
    command.option("--full", action="store_true", default=False, help="run everything")
    command.option("--labels", metavar="NAMES", help="the pull request's labels; full-tests runs everything")
    command.option(
        "--python", metavar="VERSION", help="the Python that will run the tests, to check the index"
    )
    command.option(
        "--audit",
        choices=("", "yes", "no"),
        help="whether this run may be drawn to run everything (the policy's audit-rate; default: in CI)",
    )
    command.option(
        "--seed", metavar="TEXT", help="what the audit's draw is made from (default: the decision's id)"
    )
    command.option("--comment", metavar="NUMBER", help="write the plan into this pull request's comment")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
