"""Say which tests a change needs and how risky it is, from the impact index and git alone."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalbox.cli import Command, Context, Result
from signalbox.errors import InputError

if TYPE_CHECKING:
    import sqlite3

    from signalbox.change import Change
    from signalbox.selection.escapes import Audits
    from signalbox.selection.facts import Inputs
    from signalbox.selection.gather import Gathered

EXAMPLES = """
examples:
  select_tests.py --base origin/main --index index.sqlite --tests-out tests.txt
  pytest @tests.txt                 (pytest 8.2 or later; before: xargs -d '\\n' pytest < tests.txt)
  select_tests.py --base HEAD~1 --index index.sqlite --explain tests/test_cart.py::test_total

Without an index whole suites are chosen by the paths of the change. An index that cannot be used, a shallow
clone and whatever else is not known make the plan wider, never smaller.
"""


def run(context: Context) -> Result:
    """Read the change and the index, decide, and write the plan."""
    from signalbox.change import read_change, top, tree
    from signalbox.selection.decide import decide
    from signalbox.selection.show import blocks, explain
    from signalbox.selection.tests_file import everything, plan_lines, short

    args = context.args
    root = top(context.repo)
    base = args.base or _default_base(context, root)
    change = read_change(root, base, args.head)
    head = tree(root, change.head)
    connection, sha256, problem = _index(context)
    try:
        found = None
        if connection is not None:
            found, problem = _ask(context, root, head, connection, sha256)
        inputs = _inputs(context, change, head, found, problem)
        if context.policy.settings.advisor.endpoint:
            inputs = _advised(context, root, inputs)
        decision = decide(inputs, context.policy.settings, context.policy.ref, context.stamp)
        plan: dict[str, Any] = decision.outputs["test_plan"]
        # Only observing means: the plan is shown, and the job goes on running everything.
        applies = args.format != "github" or context.policy.settings.mode == "enforce"
        written = plan if applies else everything(plan, inputs)
        known = None if found is None else connection
        lines = plan_lines(written, known, context.policy.settings, head) if args.tests_out else []
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
    context: Context, change: Change, head: dict[str, str], found: Gathered | None, problem: str
) -> Inputs:
    from signalbox.selection.facts import ChangeFacts, FileFact, Inputs
    from signalbox.selection.gather import suite_facts

    settings = context.policy.settings
    seed = context.args.seed or context.stamp.id
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
        suites=found.suites if found else suite_facts(settings, head, ()),
        index=found.index if found else None,
        index_problem=problem,
        touched=found.touched if found else (),
        tests=found.tests if found else (),
        python=context.args.python,
        force=_force(context, change.message),
        audits=_audits(context),
    )


def _audits(context: Context) -> Audits:
    """What the ledger says of audited plans; nothing of what a fork's run wrote."""
    from signalbox.ledger import open_ledger
    from signalbox.selection.escapes import Audits, audits_of

    url = context.args.ledger or context.policy.settings.ledger.url
    ledger = open_ledger(url, repo=context.repo) if url else None
    if ledger is None or not ledger.exists():
        return Audits()
    return audits_of(
        [entry.data for entry in ledger.decisions().entries if entry.trusted],
        [entry.data for entry in ledger.outcomes().entries if entry.trusted],
    )


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


def _ask(
    context: Context, root: Path, head: dict[str, str], connection: sqlite3.Connection, sha256: str
) -> tuple[Gathered | None, str]:
    """What the index says, or why it cannot be used after all: a file may open and still be nonsense."""
    import sqlite3

    from signalbox.selection.gather import gather

    try:
        settings = context.policy.settings
        return gather(connection, sha256, head, _compare(root), settings, context.environ), ""
    except (sqlite3.Error, KeyError, ValueError, TypeError) as error:
        return (
            None,
            f"the index does not hold what it should ({type(error).__name__}: {error}); record it anew",
        )


def _index(context: Context) -> tuple[sqlite3.Connection | None, str, str]:
    """The open index and its digest; or why there is none that can be used (empty: none was expected)."""
    from signalbox.selection.schema import usable_index

    if not context.args.index:
        return None, "", ""
    path = Path(context.args.index)
    if not path.exists():
        context.say(f"{path}: no index yet; record one with index_tests.py")
        return None, "", ""
    return usable_index(path)


def _compare(root: Path) -> Any:
    """Compare two versions of a file by their blobs, read from git when they are needed."""
    from signalbox.change import blobs, compare
    from signalbox.selection.schema import unpack_starts

    def compared(path: str, old: str, new: str, starts: bytes) -> Any:
        found = blobs(root, [old, new])
        if old not in found or new not in found:
            return None  # a shallow clone, or an index of a commit that is not here
        try:
            edit = compare(found[old], found[new], unpack_starts(starts))
        except ValueError:
            return None
        return None if edit is None else (edit.blocks, edit.symbols, edit.import_time)

    return compared


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


def _force(context: Context, message: str) -> str:
    if context.args.full:
        return "the input full"
    if "full-tests" in context.args.labels.replace(",", "\n").split("\n"):
        return "the label full-tests"
    trailer = "signalbox-tests: full"
    if any(line.strip().lower() == trailer for line in message.splitlines()):
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
        "--seed", metavar="TEXT", help="what the audit's draw is made from (default: the decision's id)"
    )
    command.option("--comment", metavar="NUMBER", help="write the plan into this pull request's comment")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
