"""Watch a rollout's live signals and move its traffic by what they prove. See --help."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalbox.cli import ASKS, PERMITS, Command, Context, Result
from signalbox.errors import InputError

if TYPE_CHECKING:
    from signalbox.config.rollout import Rollout
    from signalbox.rollout.clock import RealClock
    from signalbox.rollout.model import Inputs
    from signalbox.rollout.state import StateFile

EPILOG = """\
examples:
  monitor_rollout.py --deployment web --digest sha256:… --metrics-url canary=http://127.0.0.1:9101/metrics \\
      --metrics-url baseline=http://127.0.0.1:9102/metrics --traffic proxy:http://127.0.0.1:8080 \\
      --mode enforce --environment staging
  monitor_rollout.py --deployment web --digest sha256:… --prometheus http://prometheus:9090 \\
      --traffic 'haproxy:unix:/run/haproxy.sock?backend=web&canary=c1&baseline=b1,b2' \\
      --mode enforce --environment production --standing-approval approval.json

traffic (--traffic):
  proxy:URL                 GET and PUT URL/_weights {"canary": 10, "baseline": 90}, counters on URL/metrics
  haproxy:unix:/PATH?backend=B&canary=S1,S2&baseline=S3     HAProxy's runtime API (level admin)
  haproxy:tcp:HOST:PORT?backend=B&canary=S1&baseline=S2
  command:PROGRAM ARGS      your own: "… get" prints the JSON above, "… set --canary 25 --baseline 75"
  httproute:NAMESPACE/NAME?canary=SERVICE&baseline=SERVICE            Gateway API
  virtualservice:NAMESPACE/NAME?canary=HOST/SUBSET&baseline=HOST/SUBSET   Istio
  argo-rollout:NAMESPACE/NAME      steps of setWeight, each followed by an indefinite pause: {}
  flagger:NAMESPACE/NAME?gate=URL  the gates of Flagger's load tester, or of your own
  deployment:NAMESPACE/NAME?undo=REPO@sha256:…&container=NAME   annotation rollout.ai/traffic-percent
                            (a cluster is that of KUBECONFIG or of the pod; &context=NAME for another)

what it does:
  Each slice is watched until the canary is proved not to be twice as bad as the baseline (proceed) or
  worse than it (rollback); anything else, and any missing data, holds. Mode observe (the default) watches
  one slice at the share in force and moves nothing. Killed anywhere, it resumes or retreats when run again
  with the same --state. SIGINT and SIGTERM freeze the traffic where it is. Rolling back is automatic in
  the environments the policy lists (development, staging); elsewhere it needs --standing-approval, or it
  lowers the canary to the floor share, proposes, and waits for a person.
"""


def main() -> int:
    """Run the command line; the exit code."""
    command = Command(
        "monitor_rollout", "Judge a live rollout by its signals, slice by slice.", epilog=EPILOG
    )
    command.option("--deployment", help="name of the deployment (required)")
    command.option("--digest", help="sha256:… of what is rolled out (required)")
    command.option("--slices", metavar="LIST", help="the canary's percentages, such as 10,25,50,100")
    command.option("--slice-seconds", type=float, default=0.0, help="seconds a slice is meant to take")
    command.option("--look-seconds", type=float, default=0.0, help="seconds between two looks")
    command.option("--prometheus", metavar="URL", help="read the signals from this Prometheus")
    command.option(
        "--metrics-url",
        action="append",
        default=[],
        metavar="ARM=URL",
        help="read /metrics of canary=, baseline=",
    )
    command.option("--traffic", metavar="URL", help="what moves the traffic; see below")
    command.option("--state", metavar="FILE", help="where the run is kept so that it survives (mode enforce)")
    command.option("--audit", metavar="FILE", help="audit trail, JSON lines (default: beside --state)")
    command.option(
        "--standing-approval", metavar="FILE", help="a person's approval of the automatic rollback"
    )
    command.option(
        "--sweep",
        choices=("yes", "no", "look"),
        default="no",
        help="yes: watch nothing; retreat if the lease ran out because the monitor is gone. "
        "look: only say whether that is so",
    )
    command.option(
        "--deployment-status",
        choices=("yes", "no"),
        default="no",
        help="yes: keep the state in the statuses of a GitHub deployment too, where it outlives the runner",
    )
    command.option("--sha", metavar="COMMIT", help="with --deployment-status: the commit of the digest")
    command.option("--url", metavar="URL", help="with --deployment-status: the environment's address")
    command.option(
        "--serve",
        metavar="HOST:PORT",
        help="serve /metrics and /judge while watching; observing then lasts the whole slice",
    )
    command.option("--error-objective", type=float, default=0.0, help="share of requests that may fail")
    command.option("--latency-objective-ms", type=float, default=0.0, help="what counts as slow")
    return command.run(run)


def run(context: Context) -> Result:
    """Check everything, watch, and decide."""
    from signalbox.rollout import blocks, plan
    from signalbox.rollout.decide import decide

    settings = context.policy.settings
    sweeps = context.args.sweep != "no" and context.args.deployment_status == "yes"
    if sweeps and (found := _look_for_vanished(context)) is not None:
        return found
    inputs = _inputs(context)
    rules = inputs.rules(settings.rollout)
    plan.check_slices(rules.slices, "policy: rollout.slices")
    plan.check_rules(rules)
    inputs = _watch(context, inputs, rules)
    if settings.advisor.endpoint:
        from signalbox.rollout.advice import advised

        ref, environment = context.policy.ref, context.args.environment
        inputs = advised(inputs, settings, ref, context.stamp, environment, context.environ)
    decision = decide(inputs, settings, context.policy.ref, context.stamp)
    return Result(
        decision=decision,
        inputs=inputs,
        blocks=blocks.blocks(inputs, settings.rollout),
        exit=ASKS if inputs.ending in ("proposed", "frozen") else PERMITS,
        outputs={
            "ending": inputs.ending,
            "last-slice": f"{decision.outputs['last-slice']:g}",
            "audit": str(_audit(context)),
        },
    )


def _inputs(context: Context) -> Inputs:
    from signalbox.rollout import plan
    from signalbox.rollout.authority import read_approval
    from signalbox.rollout.model import Inputs

    args, policy = context.args, context.policy.settings.rollout
    for option in ("slice_seconds", "look_seconds", "error_objective", "latency_objective_ms"):
        plan.check_number(getattr(args, option), f"--{option.replace('_', '-')}")
    return Inputs(
        subject=context.subject(commit=args.sha, digest=plan.check_digest(args.digest)),
        deployment=plan.check_name(args.deployment),
        slices=plan.parse_slices(args.slices) if args.slices else policy.slices,
        slice_seconds=args.slice_seconds or policy.slice_seconds,
        look_seconds=args.look_seconds or policy.look_seconds,
        error_objective=args.error_objective or policy.error_objective,
        latency_objective_ms=args.latency_objective_ms or policy.latency_objective_ms,
        moves=context.policy.settings.mode == "enforce",
        approval=read_approval(Path(args.standing_approval)) if args.standing_approval else None,
    )


def _audit(context: Context) -> Path:
    args = context.args
    if args.audit or args.state:
        return Path(args.audit or f"{args.state}.audit.jsonl")
    # Beside nothing of the caller's, where there is such a place.
    folder = Path(context.environ.get("RUNNER_TEMP") or ".")
    return folder / f"{args.deployment.replace('/', '-')}.rollout.audit.jsonl"


def _watch(context: Context, inputs: Inputs, rules: Rollout) -> Inputs:
    from signalbox.rollout import plan
    from signalbox.rollout.clock import RealClock
    from signalbox.rollout.engine import Engine
    from signalbox.rollout.looks import Looker
    from signalbox.rollout.monitor import Monitor
    from signalbox.rollout.observe import Source
    from signalbox.rollout.progress import Journal, announcer
    from signalbox.rollout.serve import Board, serving
    from signalbox.rollout.state import Audit, held_traffic
    from signalbox.rollout.sweep import Blind
    from signalbox.rollout.traffic import open_traffic
    from signalbox.rollout.watching import watch_only
    from signalbox.signals.http import new_session

    args = context.args
    if inputs.moves and not (args.traffic and args.state):
        raise InputError("mode enforce needs --traffic and --state", where="monitor_rollout.py")
    stop = threading.Event()
    clock = RealClock(stop)
    sweeping = args.sweep == "yes"
    if sweeping and not inputs.moves:
        raise InputError("a sweeper moves traffic: it needs mode enforce", where="--sweep")
    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, lambda *_: stop.set()))

        def session() -> object:
            return stack.enter_context(new_session(context.environ.get("SIGNALBOX_SIGNALS_TOKEN", "")))

        # A sweeper must retreat also when nothing can be measured any more.
        source: Source = Blind()
        if not sweeping:
            source = plan.open_source(
                prometheus=args.prometheus,
                metrics_urls=args.metrics_url,
                deployment=inputs.deployment,
                rules=rules,
                new_session=session,
                now=clock.now,
            )
        engine = None
        if args.traffic:
            traffic = open_traffic(
                args.traffic,
                new_session=lambda: stack.enter_context(new_session()),
                environ=context.environ,
                folder=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="signalbox-"))),
                wait=clock.pause,
            )
            engine = Engine(traffic, source, clock)
        board = None
        if args.serve:
            fresh = 3 * rules.look_seconds + rules.stale_seconds
            board = Board(inputs.deployment, now=clock.now, fresh_seconds=fresh)
            where = stack.enter_context(serving(args.serve, board))
            context.say(f"serving /metrics and /judge at {where}")
        audit = stack.enter_context(Audit(_audit(context)))
        told = context.workflow if args.format == "github" else None
        journal = Journal(audit, clock, context.say, board, announcer(told))
        policy = context.policy.settings.rollout
        if not inputs.moves or engine is None:
            parts: dict[str, Any] = {"source": source, "engine": engine, "journal": journal, "clock": clock}
            return watch_only(inputs, policy, new_id=_new_id, stays=board is not None, **parts)
        stack.enter_context(held_traffic(args.traffic, Path(tempfile.gettempdir())))
        file = stack.enter_context(_state(context, inputs, clock, stack))
        if sweeping:
            from signalbox.rollout.sweep import sweep

            return sweep(inputs, policy, engine=engine, state_file=file, journal=journal, clock=clock)
        return Monitor(
            inputs,
            policy,
            engine=engine,
            looker=Looker(rules, source=source, engine=engine, clock=clock, journal=journal),
            state_file=file,
            journal=journal,
            clock=clock,
            new_id=_new_id,
        ).run()


def _state(context: Context, inputs: Inputs, clock: RealClock, stack: ExitStack) -> StateFile:
    """The state file, and beside it the statuses of a GitHub deployment where that is asked for."""
    from signalbox.rollout.state import StateFile

    args = context.args
    if args.deployment_status != "yes":
        return StateFile(Path(args.state))
    from signalbox.github import GitHub, Retry
    from signalbox.rollout.deployments import open_state

    file = open_state(
        stack.enter_context(GitHub.from_environ(context.environ)),
        stack.enter_context(GitHub.from_environ(context.environ, timeout=3, retry=Retry(attempts=1))),
        Path(args.state),
        inputs,
        sha=args.sha,
        url=args.url,
        environ=context.environ,
        clock=clock,
        say=context.say,
        takes_over=args.sweep == "yes",
    )
    stack.callback(file.leave)
    return file


def _look_for_vanished(context: Context) -> Result | None:
    """Say which rollout's monitor is gone; None when there is one and it is to be swept now."""
    from signalbox.github import GitHub
    from signalbox.rollout import plan
    from signalbox.rollout.deployments import vanished

    args = context.args
    with GitHub.from_environ(context.environ) as client:
        # The sweeper takes whatever is under way; who looks may ask about one digest.
        digest = args.digest if args.sweep == "look" else ""
        found = vanished(client, plan.check_name(args.deployment), args.environment, context.stamp.at, digest)
    if args.sweep == "yes" and found.due:
        context.say(found.text)
        args.digest, args.slices = args.digest or found.digest, args.slices or found.slices
        return None
    outputs = {"due": str(found.due).lower(), "digest": found.digest, "run-id": found.run}
    outputs["worse"] = str(found.worse).lower()
    return Result(text=found.text, outputs=outputs)


def _new_id() -> str:
    return str(uuid.uuid4())


if __name__ == "__main__":
    sys.exit(main())
