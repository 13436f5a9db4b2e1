"""Propose a rollback: an incident record with who decides, by when, and a drafted runbook. See --help."""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.cli import ASKS, PERMITS, Command, Context, Result
from signalbox.errors import InputError

EPILOG = """\
examples:
  propose_rollback.py --deployment web --digest sha256:… --environment production --severity high \\
      --reason 'error rate 4% against 0.5%' --record incident.json
  propose_rollback.py --decision rollout-decision.json --severity critical --record incident.json

It moves nothing. Exit code 3 says that a person must decide by the time the record names; 0 that nobody need
(staging and development route the change back by themselves; severity low is only logged).
"""
LONGEST_REASON = 2000


def main() -> int:
    """Run the command line; the exit code."""
    command = Command("propose_rollback", "Propose a rollback and write the incident record.", epilog=EPILOG)
    command.option("--deployment", help="name of the deployment (or from --decision)")
    command.option("--digest", help="sha256:… of what should go (or from --decision)")
    command.option("--severity", choices=("critical", "high", "medium", "low"), help="required")
    command.option(
        "--cause",
        default="unknown",
        choices=("unknown", "defect", "vulnerability", "test-gap"),
        help="who gets the work besides the developer",
    )
    command.option("--reason", help="one sentence (or from --decision)")
    command.option(
        "--decision", metavar="FILE", help="a rollout decision, as monitor_rollout.py --out wrote it"
    )
    command.option("--record", metavar="FILE", help="write the incident record there, JSON")
    return command.run(run)


def run(context: Context) -> Result:
    """Write the record and say what it says."""
    from signalbox.decision import canonical
    from signalbox.files import write_atomic
    from signalbox.rollout import plan
    from signalbox.rollout.incident import propose

    args = context.args
    found = _decision(args.decision) if args.decision else {}
    reason = (args.reason or found.get("reason", "")).strip()
    if not args.severity:
        raise InputError("no severity was given", where="--severity", fix="critical, high, medium or low.")
    if not reason or len(reason) > LONGEST_REASON:
        raise InputError(f"a reason of 1 to {LONGEST_REASON} characters is needed", where="--reason")
    incident = propose(
        id=context.stamp.id,
        now=context.stamp.at,
        producer=context.stamp.producer,
        deployment=plan.check_name(args.deployment or found.get("deployment", "")),
        digest=plan.check_digest(args.digest or found.get("digest", "")),
        environment=args.environment or found.get("environment", ""),
        severity=args.severity,
        cause=args.cause,
        reason=reason,
        decision=found.get("id", ""),
        decision_sha256=found.get("sha256", ""),
    )
    data = canonical(incident)
    if args.record:
        write_atomic(Path(args.record), data)
    where = incident.environment or "an unnamed environment"
    lines = [
        f"{incident.status}: roll back {incident.deployment} in {where}",
        f"  severity {incident.severity}: {incident.action}",
        f"  decides: {incident.decides}" + (f", by {incident.decide_by}" if incident.decide_by else ""),
        f"  why: {incident.reason}",
        f"  goes to: {', '.join(incident.routed_to)}",
        *(f"  {number}. {step}" for number, step in enumerate(incident.runbook, 1)),
    ]
    return Result(
        text=data.decode().rstrip() if args.format == "json" else "\n".join(lines),
        outputs={
            "incident-id": incident.id,
            "status": incident.status,
            "decide-by": incident.decide_by,
            "record": args.record,
        },
        exit=ASKS if incident.needs_person else PERMITS,
    )


def _decision(name: str) -> dict[str, str]:
    import msgspec

    from signalbox.decision import Decision, sha256_hex
    from signalbox.files import read_limited

    data = read_limited(Path(name), 64 * 1024 * 1024, "decision")
    try:
        decision = msgspec.json.decode(data, type=Decision)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError("this is not a decision", where=name, why=str(error)) from None
    if decision.kind != "rollout" or decision.verdict != "rollback":
        raise InputError(
            f"this decision is {decision.kind}: {decision.verdict}, not a rollout to roll back", where=name
        )
    return {
        "id": decision.id,
        "sha256": sha256_hex(data),
        "deployment": str(decision.outputs.get("deployment", "")),
        "digest": decision.subject.digest,
        "environment": decision.subject.environment,
        "reason": decision.reasons[0].text if decision.reasons else "",
    }


if __name__ == "__main__":
    sys.exit(main())
