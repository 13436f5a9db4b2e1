"""Judge one candidate by its evals: PASS, FAIL, or NOT_VERIFIED where nothing trustworthy is known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalbox.cli import Command, Context, Result

if TYPE_CHECKING:
    from signalbox.decision import Evidence, Gap
    from signalbox.evals import Baseline, Inputs, Session

EXAMPLES = """
examples:
  run_evals.py --promptfoo evals/promptfooconfig.yaml --baseline evals/baseline.json \\
               --anchors evals/anchors.yaml --digest sha256:4f53… --digest-url https://dev.example/version
  run_evals.py --results results.json --baseline evals/baseline.json      judge what another job ran
  run_evals.py --results e2e.xml --results results.json --baseline b.json  JUnit: green or not, no baseline
  run_evals.py --promptfoo evals/promptfooconfig.yaml --write-baseline evals/baseline.json --rounds 40

The config's endpoints and keys come from the environment: variables named EVALS_* are passed on to promptfoo
(in the config: {{env.EVALS_TARGET_URL}}), nothing else is. Its exit codes decide nothing; its rows do.
"""


def run(context: Context) -> Result:
    """Draw or read, check, decide, show."""
    from signalbox.errors import InputError
    from signalbox.evals import blocks, decide

    args = context.args
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
    return Result(
        decision=decision,
        inputs=inputs,
        blocks=blocks(decision),
        outputs={
            "draws": str(out["draws"]),
            "target-calls": str(out["spent"]["target_calls"]),
            "judge-calls": str(out["spent"]["judge_calls"]),
            "reused": inputs.reused,
        },
    )


def _inputs(context: Context) -> Inputs:
    import msgspec

    from signalbox.evals import Material, gather, key_of, reusable

    args, settings = context.args, context.policy.settings.evals
    baseline, gaps = _baseline(context)
    anchors = _anchors(context)
    key = ""
    if args.promptfoo:
        suite = _suite_digest(context)
        key = key_of(_digest(args.digest), suite, baseline, context.policy.ref.sha256)
        earlier = _earlier(context, key) if settings.reuse else None
        if earlier is not None:
            return reusable(earlier, key)
    sessions, extra = _drawn(context, baseline, anchors) if args.promptfoo else _read(context)
    material = Material(
        subject=context.subject(commit=_commit(args.sha), digest=_digest(args.digest)),
        sessions=sessions,
        baseline=baseline,
        baseline_source=args.baseline,
        baseline_gaps=gaps,
        declared_anchors=[str(anchor["metadata"]["id"]) for anchor in anchors],
        extra=extra,
        skipped=_skipped(args.skip),
        origin=_origin(context),
        environ_exit_code=context.environ.get("PROMPTFOO_FAILED_TEST_EXIT_CODE", ""),
    )
    return msgspec.structs.replace(gather(material, settings, now=context.stamp.at), key=key)


def _drawn(
    context: Context, baseline: Baseline | None, anchors: list[dict[str, Any]], rounds: int = 0
) -> tuple[list[Session], list[Evidence]]:
    """Run promptfoo until everything is decided."""
    import tempfile
    import time

    from signalbox.evals import run_session
    from signalbox.evals.rejudge import rejudge_tests
    from signalbox.evals.runner import Runner, find_runner

    args, settings = context.args, context.policy.settings.evals
    config = _config_file(args.promptfoo)
    with tempfile.TemporaryDirectory(prefix="signalbox-evals-") as scratch:
        folder = Path(args.work) if args.work else Path(scratch) / "results"
        folder.mkdir(parents=True, exist_ok=True)
        runner = Runner(
            command=find_runner(Path(args.tools) if args.tools else _TOOLS),
            config=config,
            folder=folder,
            scratch=Path(scratch),
            environ=context.environ,
            concurrency=settings.concurrency,
            request_seconds=settings.request_seconds,
            deadline=time.monotonic() + settings.session_seconds,
            digest=_digest(args.digest),
        )
        again = anchors or (baseline is not None and baseline.outputs)
        tests = rejudge_tests(anchors, baseline, settings.judge.rejudge)
        watch = _Running(context)
        sessions, gaps = run_session(
            buy=runner.buy,
            rejudge=(lambda: runner.rejudge(tests)) if again else None,
            running=watch.read,
            baseline=baseline,
            settings=settings,
            rounds=rounds,
            say=context.say,
        )
    return sessions, watch.evidence(gaps)


def _read(context: Context) -> tuple[list[Session], list[Evidence]]:
    """What other jobs ran: runners' results, and JUnit of plain suites."""
    from signalbox.evals import read_results
    from signalbox.evals.reading import MAX_BYTES, looks_like_xml
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
            sessions.append(read_results(with_head, source=name))
    watch = _Running(context)
    if context.args.digest_url:
        watch.begin(next((session.digest for session in sessions if session.digest), ""))
        gap = watch.read()
        extra += watch.evidence([gap] if gap else [])
    return sessions, extra


class _Running:
    """The digest that runs in the environment under test, read as often as asked."""

    def __init__(self, context: Context) -> None:
        from signalbox.evals.digests import Watch

        self.context, self.url = context, context.args.digest_url
        self.watch = Watch(_digest(context.args.digest))

    def begin(self, tagged: str) -> None:
        """Take the digest that the results say they were drawn from as the first reading."""
        self.watch.see(tagged or None, "the results do not say which digest they were drawn from")

    def read(self) -> Gap | None:
        if not self.url:
            return None
        from signalbox.signals.http import check_url, get, new_session

        session = new_session()
        try:
            answer = get(session, check_url(self.url, "--digest-url"), timeout=15)
        finally:
            session.close()
        return self.watch.see(answer.text if answer.state == "ok" else None, answer.detail)

    def evidence(self, gaps: list[Gap]) -> list[Evidence]:
        """One piece of evidence about what ran, where a URL was given."""
        from signalbox.decision import Evidence
        from signalbox.signals.http import public

        if not self.url:
            return []
        found = [gap for gap in (self.watch.trouble, *gaps) if gap is not None]
        return [
            Evidence(
                kind="evals-digest",
                status="not_verified" if found else "pass",
                source=public(self.url),
                gaps=tuple(dict.fromkeys(found)),
                observed_at=self.context.stamp.at,
                tier="live-acceptance",
                facts={"digest": self.watch.first, "readings": self.watch.readings},
            )
        ]


def _record(context: Context) -> Result:
    """Record a baseline from clean sessions; nothing that could not be trusted becomes one."""
    from signalbox.evals import baseline_of
    from signalbox.evals.baseline import write

    args, settings = context.args, context.policy.settings.evals
    if args.promptfoo:
        sessions, extra = _drawn(context, None, [], rounds=int(args.rounds or 10))
    else:
        sessions, extra = _read(context)
    made = baseline_of(
        sessions,
        extra,
        digest=_digest(args.digest),
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


def _baseline(context: Context) -> tuple[Baseline | None, list[Gap]]:
    from signalbox.decision import Gap
    from signalbox.evals import Unreadable
    from signalbox.evals.baseline import decode
    from signalbox.files import read_limited

    name = context.args.baseline
    if not name:
        return None, []
    try:
        return decode(read_limited(Path(name), 1 << 27, "baseline")), []
    except Unreadable as error:
        return None, [Gap(error.code, error.text)]


def _anchors(context: Context) -> list[dict[str, Any]]:
    from signalbox.evals.rejudge import decode_anchors
    from signalbox.files import read_limited

    name = context.args.anchors
    if not name:
        return []
    return decode_anchors(read_limited(Path(name), 1 << 24, "anchors file"), where=name)


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


def _suite_digest(context: Context) -> str:
    """Digest of the config's folder (all that a ``file://`` in it may name) and of the anchors."""
    from signalbox.evals.suite import suite_digest

    args = context.args
    anchors = [Path(args.anchors)] if args.anchors else []
    return suite_digest(_config_file(args.promptfoo), anchors)


def _config_file(name: str) -> Path:
    from signalbox.errors import InputError

    path = Path(name)
    if not path.is_file():
        raise InputError("there is no promptfoo config here", where=name, fix="Check --promptfoo.")
    return path


def _skipped(lines: list[str]) -> dict[str, str]:
    from signalbox.errors import InputError

    skipped = {}
    for line in lines or []:
        layer, equals, why = line.partition("=")
        if not equals or not layer.strip() or not why.strip():
            raise InputError("a skip is named as LAYER=REASON", where="--skip", why=line[:80])
        skipped[layer.strip()] = why.strip()
    return skipped


def _commit(text: str) -> str:
    import re

    from signalbox.errors import InputError

    if text and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text):
        raise InputError(
            "this is not a full commit id", where="--sha", why=text[:80], fix="Give 40 hex digits."
        )
    return text


def _digest(text: str) -> str:
    import re

    from signalbox.errors import InputError

    if text and not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise InputError(
            "this is not a digest",
            where="--digest",
            why=text[:80],
            fix="Give sha256: and 64 hex digits; a masked output arrives as *** or empty.",
        )
    return text


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
    command.option("--work", metavar="DIR", help="leave the runner's results there")
    command.option("--tools", metavar="DIR", help="folder with promptfoo's package-lock.json (ours)")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
