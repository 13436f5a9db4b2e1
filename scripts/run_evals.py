"""Judge one candidate by its evals: PASS, FAIL, or NOT_VERIFIED where nothing trustworthy is known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalbox.cli import Command, Context, Result

if TYPE_CHECKING:
    from signalbox.decision import Evidence
    from signalbox.evals import Baseline, Inputs, Session
    from signalbox.evals.digests import Running

EXAMPLES = """
examples:
  run_evals.py --promptfoo evals/promptfooconfig.yaml --baseline evals/baseline.json \\
               --anchors evals/anchors.yaml --digest sha256:4f53… --digest-url https://dev.example/version
  run_evals.py --results results.json --baseline evals/baseline.json      judge what another job ran
  run_evals.py --results e2e.xml --results results.json --baseline b.json  JUnit: green or not, no baseline
  run_evals.py --promptfoo evals/promptfooconfig.yaml --write-baseline evals/baseline.json --rounds 40
  run_evals.py --promptfoo evals/promptfooconfig.yaml --baseline evals/baseline.json --suite adversarial \\
               --runtime vllm --judge-runtime ollama       named in evals/runtimes.yaml
  run_evals.py --release --evals-decision evals.json --e2e-decision e2e.json    what a release lacks

The config's endpoints and keys come from the environment: variables named EVALS_* are passed on to promptfoo
(in the config: {{env.EVALS_TARGET_URL}}), nothing else is. Its exit codes decide nothing; its rows do.
"""


def run(context: Context) -> Result:
    """Draw or read, check, decide, show."""
    import msgspec

    from signalbox.errors import InputError
    from signalbox.evals import blocks, decide
    from signalbox.evals.runtimes import chosen

    args = context.args
    if args.release:
        return _release(context)
    environ = chosen(args.promptfoo, args.runtime, args.judge_runtime, context.environ, paid=args.paid)
    context = msgspec.structs.replace(context, environ=environ)
    if bool(args.promptfoo) == bool(args.results):
        raise InputError(
            "give either a config to run or results to read",
            where="--promptfoo, --results",
            fix="--promptfoo CONFIG runs it; --results FILE reads what was run.",
        )
    if args.write_baseline:
        return _record(context)
    inputs = _inputs(context)
    decision = decide(inputs, context.policy.settings, context.policy.ref, context.stamp)
    out = decision.outputs
    spent = out["spent"]
    told = {
        "draws": str(out["draws"]),
        "target-calls": str(spent["target_calls"]),
        "judge-calls": str(spent["judge_calls"]),
        "reused": inputs.reused,
    }
    return Result(decision=decision, inputs=inputs, blocks=blocks(decision), outputs=told)


def _inputs(context: Context) -> Inputs:
    import msgspec

    from signalbox.evals import Material, gather, key_of, reusable
    from signalbox.evals.loading import config_file, load_anchors, load_baseline, skipped_layers
    from signalbox.evals.rejudge import names_of
    from signalbox.evals.runtimes import left_out, narrowed
    from signalbox.evals.suite import suite_digest
    from signalbox.promotion.arguments import commit_id, digest_of_call

    args, settings = context.args, context.policy.settings.evals
    subject = context.subject(commit=commit_id(args.sha), digest=digest_of_call(args.digest))
    whole, gaps = load_baseline(args.baseline)
    baseline = narrowed(whole, args.suite)
    anchors = load_anchors(args.anchors)
    key = ""
    if args.promptfoo:
        suite = suite_digest(config_file(args.promptfoo), [Path(args.anchors)] if args.anchors else [])
        key = key_of(
            subject.digest,
            suite,
            baseline,
            context.policy.ref.sha256,
            context.environ,
            [args.suite, args.runtime, args.judge_runtime],
        )
        earlier = _earlier(context, key) if settings.reuse else None
        if earlier is not None:
            return reusable(earlier, key)
    sessions, extra = _drawn(context, baseline, anchors) if args.promptfoo else _read(context)
    material = Material(
        subject=subject,
        sessions=sessions,
        baseline=baseline,
        baseline_source=args.baseline,
        baseline_gaps=gaps,
        declared_anchors=names_of(anchors),
        extra=extra,
        skipped={**left_out(whole, args.suite), **skipped_layers(args.skip)},
        origin=_origin(context),
        environ_exit_code=context.environ.get("PROMPTFOO_FAILED_TEST_EXIT_CODE", ""),
        telemetry=args.require_telemetry,
        ran=bool(args.promptfoo),
    )
    return msgspec.structs.replace(gather(material, settings, now=context.stamp.at), key=key)


def _release(context: Context) -> Result:
    """What a release of the evals still lacks, by the decisions that were left about one candidate."""
    import runpy

    from signalbox.promotion.arguments import digest_of_call

    args = context.args
    check = runpy.run_path(str(_TOOLS / "release.py"))["from_files"]
    table, code = check(args.evals_decision, args.e2e_decision, digest_of_call(args.digest))
    return Result(text=table, summary=table + "\n", exit=code)


def _drawn(
    context: Context, baseline: Baseline | None, anchors: list[dict[str, Any]], rounds: int = 0
) -> tuple[list[Session], list[Evidence]]:
    """Run promptfoo until everything is decided."""
    import tempfile
    import time

    from signalbox.evals import run_session
    from signalbox.evals.loading import config_file
    from signalbox.evals.rejudge import rejudge_tests
    from signalbox.evals.runner import Runner, find_runner
    from signalbox.evals.runtimes import check_suite
    from signalbox.promotion.arguments import digest_of_call

    args, settings = context.args, context.policy.settings.evals
    with tempfile.TemporaryDirectory(prefix="signalbox-evals-") as scratch:
        folder = Path(args.work) if args.work else Path(scratch) / "results"
        folder.mkdir(parents=True, exist_ok=True)
        runner = Runner(
            command=find_runner(Path(args.tools) if args.tools else _TOOLS),
            config=config_file(args.promptfoo),
            folder=folder,
            scratch=Path(scratch),
            environ=context.environ,
            concurrency=settings.concurrency,
            request_seconds=settings.request_seconds,
            deadline=time.monotonic() + settings.session_seconds,
            digest=digest_of_call(args.digest),
            layer=check_suite(args.suite),
        )
        again = anchors or (baseline is not None and baseline.outputs[: settings.judge.rejudge])
        tests = rejudge_tests(anchors, baseline, settings.judge.rejudge)
        watch = _running(context)
        sessions = run_session(
            buy=runner.buy,
            rejudge=(lambda: runner.rejudge(tests)) if again else None,
            running=watch.read,
            baseline=baseline,
            settings=settings,
            rounds=rounds,
            say=context.say,
        )
    return sessions, watch.evidence()


def _read(context: Context) -> tuple[list[Session], list[Evidence]]:
    """What other jobs ran: runners' results, and JUnit of plain suites."""
    from signalbox.evals import read_results
    from signalbox.evals.reading import MAX_BYTES, looks_like_xml
    from signalbox.evals.setup import urls_of
    from signalbox.evidence import Provenance, read
    from signalbox.files import read_limited

    sessions, extra = [], []
    for name in context.args.results:
        path = Path(name)
        with_head = read_limited(path, MAX_BYTES, "results file")
        if looks_like_xml(with_head):
            known = Provenance(origin=_origin(context), tier="installed-command")
            extra.append(read(path, provenance=known, name=name))
        else:
            sessions.append(read_results(with_head, source=name, urls=urls_of(context.environ)))
    watch = _running(context)
    if context.args.digest_url:
        watch.begin(next((session.digest for session in sessions if session.digest), ""))
        watch.read()
        extra += watch.evidence()
    return sessions, extra


def _running(context: Context) -> Running:
    from signalbox.evals.digests import Running
    from signalbox.promotion.arguments import digest_of_call

    return Running(context.args.digest_url, digest_of_call(context.args.digest), context.stamp.at)


def _record(context: Context) -> Result:
    """Record a baseline from clean sessions; nothing that could not be trusted becomes one."""
    from signalbox.evals import baseline_of
    from signalbox.evals.baseline import write
    from signalbox.promotion.arguments import digest_of_call

    args, settings = context.args, context.policy.settings.evals
    if args.promptfoo:
        sessions, extra = _drawn(context, None, [], rounds=int(args.rounds or 10))
    else:
        sessions, extra = _read(context)
    made = baseline_of(
        sessions,
        extra,
        digest=digest_of_call(args.digest),
        settings=settings,
        now=context.stamp.at,
    )
    write(Path(args.write_baseline), made)
    draws = min(len(case.draws) for case in made.cases)
    text = (
        f"wrote {args.write_baseline}: {len(made.cases)} cases, {draws} draws each, "
        f"{len(made.outputs)} outputs to show the judge again. Have it reviewed and merged like code."
    )
    return Result(text=text)


def _earlier(context: Context, key: str) -> dict[str, Any] | None:
    """The recorded bundle of the same digest, suite, baseline and policy, if there is a ledger."""
    from signalbox.evals import find_earlier
    from signalbox.ledger import open_ledger

    url = context.args.ledger or context.policy.settings.ledger.url
    if not url or not key:
        return None
    ledger = open_ledger(url, repo=context.repo)
    if not ledger.exists():
        return None
    bundles = (entry.data for entry in ledger.decisions().entries if entry.trusted and entry.kind == "evals")
    hours = context.policy.settings.evals.max_age_hours
    return find_earlier(bundles, key, now=context.stamp.at, hours=hours)


def _origin(context: Context) -> Any:
    """A run on a protected ref that no pull request could have rewritten, or else the change's own word."""
    environ = context.environ
    protected = environ.get("GITHUB_REF_PROTECTED") == "true"
    own = environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request")
    return "protected" if protected and not own else "self-reported"


_TOOLS = Path(__file__).resolve().parent.parent / "evals"


def main() -> int:
    """Entry point."""
    command = Command("run_evals", __doc__ or "", epilog=EXAMPLES)
    command.option("--promptfoo", metavar="CONFIG", help="run this promptfoo config until it is decided")
    command.option(
        "--results", action="append", default=[], metavar="FILE",
        help="read results instead: promptfoo JSON, Inspect AI log, JUnit XML; may be given several times",
    )  # fmt: skip
    command.option("--baseline", metavar="FILE", help="the stored baseline, from a protected ref")
    command.option(
        "--anchors", metavar="FILE", help="outputs known good and known bad, to watch the judge by"
    )
    command.option("--digest", metavar="SHA256", help="the artifact under test, sha256:…")
    command.option(
        "--digest-url", metavar="URL", help="tells the digest that runs; read before, between, after"
    )
    command.option("--sha", metavar="COMMIT", help="the commit it was built from, 40 hex digits")
    command.option(
        "--skip", action="append", default=[], metavar="LAYER=REASON",
        help="a layer that did not run, and why; policy says which may be skipped",
    )  # fmt: skip
    command.option("--write-baseline", metavar="FILE", help="record a baseline instead of judging")
    command.option("--rounds", type=int, default=0, metavar="N", help="draws of each case to record (10)")
    command.option(
        "--suite", metavar="LAYER", help="this layer's cases alone; the others are named as skipped"
    )
    command.option("--runtime", metavar="NAME", help="who is evaluated, of runtimes.yaml beside the config")
    command.option("--judge-runtime", metavar="NAME", help="who judges, likewise")
    flag = {"action": "store_true", "default": False}
    command.option("--paid", help="a runtime that is paid for may be asked", **flag)
    command.option("--require-telemetry", help="without the runtimes' tokens it is NOT_VERIFIED", **flag)
    command.option("--release", help="say what a release of the shipped evals lacks, instead", **flag)
    several: dict[str, Any] = {"action": "append", "default": [], "metavar": "FILE"}
    command.option(
        "--evals-decision", help="with --release: what --out left, one for each runtime", **several
    )
    command.option("--e2e-decision", help="with --release: what run_e2e.py left by --out", **several)
    command.option("--work", metavar="DIR", help="leave the runner's results there")
    command.option("--tools", metavar="DIR", help="folder with promptfoo's package-lock.json (ours)")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
