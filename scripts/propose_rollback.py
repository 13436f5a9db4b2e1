"""Propose a rollback: an incident record with who decides, by when, and a drafted runbook. See --help."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import ASKS, DENIES, PERMITS, Command, Context, Result
from signalbox.errors import InputError

if TYPE_CHECKING:
    from signalbox.gates.rollback import Incident

EPILOG = """\
examples:
  propose_rollback.py --deployment web --digest sha256:… --environment production --severity high \\
      --reason 'error rate 4% against 0.5%' --record incident.json
  propose_rollback.py --decision rollout-decision.json --severity critical --record incident.json
  propose_rollback.py --escalate --record incident.json          past its deadline it goes to everybody
  propose_rollback.py --record incident.json --approval ada.json --standing-approval approval.json
  propose_rollback.py --drill --mode enforce --environment staging --deployment web --digest sha256:… \\
      --traffic proxy:http://127.0.0.1:8080 --evidence evidence/drill.json

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
    flag = {"action": "store_true", "default": False}
    command.option("--escalate", help="look at --record again: past its deadline it is escalated", **flag)
    command.option(
        "--approval", metavar="FILE", help="a person's signed yes to --record (authorize_agent.py)"
    )
    command.option("--standing-approval", metavar="FILE", help="with --approval: for monitor_rollout.py")
    command.option("--drill", help="prove the procedure on --traffic, outside production", **flag)
    command.option("--traffic", metavar="URL", help="with --drill: as monitor_rollout.py takes it")
    command.option("--evidence", metavar="FILE", help="with --drill: write what gate 6 asks for there")
    return command.run(run)


def run(context: Context) -> Result:
    """Write the record and say what it says."""
    import msgspec

    from signalbox.decision import canonical
    from signalbox.files import write_atomic
    from signalbox.gates.rollback import by_policy
    from signalbox.rollout import plan
    from signalbox.rollout.incident import propose

    args = context.args
    if args.drill:
        return _drill(context)
    if args.escalate or args.approval:
        return _follow(context)
    found = _decision(args.decision) if args.decision else {}
    reason = (args.reason or found.get("reason", "")).strip()
    if not args.severity:
        raise InputError("no severity was given", where="--severity", fix="critical, high, medium or low.")
    if not reason or len(reason) > LONGEST_REASON:
        raise InputError(f"a reason of 1 to {LONGEST_REASON} characters is needed", where="--reason")
    draft = propose(
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
    incident = by_policy(msgspec.to_builtins(draft), context.policy.settings.environments)
    data = canonical(incident)
    if args.record:
        write_atomic(Path(args.record), data)
    where = incident.environment or "an unnamed environment"
    by = incident.decide_by or incident.fix_by
    lines = [
        f"{incident.status}: roll back {incident.deployment} in {where}",
        f"  severity {incident.severity}: {incident.action}",
        f"  decides: {incident.decides}" + (f", by {by}" if by else ""),
        f"  why: {incident.reason}",
        f"  goes to: {', '.join(incident.routed_to)}",
        *(f"  {number}. {step}" for number, step in enumerate(incident.runbook, 1)),
    ]
    return Result(
        text=data.decode().rstrip() if args.format == "json" else "\n".join(lines),
        summary=_summary(incident),
        outputs={
            "incident-id": incident.id,
            "status": incident.status,
            "decide-by": incident.decide_by,
            "record": args.record,
        },
        exit=ASKS if incident.needs_person else PERMITS,
    )


def _summary(incident: Incident) -> str:
    """What the person who decides reads: who, by when, why, and the runbook to approve."""
    from signalbox.render.escape import markdown_text as plain

    where = plain(incident.environment or "an unnamed environment")
    by = incident.decide_by or incident.fix_by
    sign = "🟡" if incident.needs_person else "⚪"
    parts = [
        f"### {sign} Rollback {plain(incident.status)}: {plain(incident.deployment)} in {where}",
        f"**Why:** {plain(incident.reason)}",
        f"**Decides:** {plain(incident.decides)}" + (f", by {plain(by)}" if by else ""),
        f"Severity {incident.severity}: {plain(incident.action)}. "
        f"The work goes to {plain(', '.join(incident.routed_to))}.",
        "\n".join(f"{number}. {plain(step)}" for number, step in enumerate(incident.runbook, 1)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _follow(context: Context) -> Result:
    """The incident of --record again: approved by a person, or past its deadline."""
    import msgspec

    from signalbox.decision import canonical
    from signalbox.files import read_limited, write_atomic
    from signalbox.gates import rollback, signing
    from signalbox.gates.authorize import HumanApproval

    args, e, now = context.args, context.policy.settings.environments, context.stamp.at
    try:
        incident = msgspec.json.decode(
            read_limited(Path(args.record), 1 << 20, "incident record"), type=rollback.Incident
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("this is no incident record", where=args.record, why=str(error)) from None
    incident = rollback.escalate(incident, now)
    text = f"{incident.status}: {incident.deployment} in {incident.environment}, decides: {incident.decides}"
    if args.approval:
        allowed = signing.signers(context.repo, e, context.policy.ref.commit)
        approval = signing.read_one(Path(args.approval), HumanApproval, e, allowed)
        if why := rollback.refusal(incident, approval, e, now):
            return Result(text=f"the approval does not count: {why}", exit=ASKS)
        incident, standing = rollback.approved(incident, approval, now)
        if args.standing_approval:
            write_atomic(Path(args.standing_approval), canonical(standing))
        text = f"approved by {approval.by}: {incident.executes} takes the traffic away"
    write_atomic(Path(args.record), canonical(incident))
    asks = incident.status in ("proposed", "escalated")
    return Result(text=text, outputs={"status": incident.status}, exit=ASKS if asks else PERMITS)


def _drill(context: Context) -> Result:
    """Take a canary's traffic away and give it back, outside production."""
    import time

    from signalbox.decision import canonical
    from signalbox.files import write_atomic
    from signalbox.gates import rollback
    from signalbox.rollout import plan
    from signalbox.rollout.traffic import move, open_traffic
    from signalbox.signals.http import new_session

    args, places = context.args, list(context.policy.settings.environments.places)
    if args.environment not in places[:-1]:
        where = "--environment"
        raise InputError(
            "a drill is for a place before production", where=where, fix=f"{', '.join(places[:-1])}."
        )
    if context.policy.settings.mode != "enforce":
        return Result(text="only observed: in mode enforce the drill would move this deployment's traffic")
    traffic = open_traffic(args.traffic, new_session=new_session)
    evidence = rollback.drill(
        traffic,
        lambda percent: move(traffic, percent, tries=3, wait=time.sleep),
        adapter=args.traffic.partition(":")[0],
        deployment=plan.check_name(args.deployment),
        subject=context.subject(digest=plan.check_digest(args.digest)),
        now=context.stamp.at,
        clock=time.monotonic,
    )
    if args.evidence:
        write_atomic(Path(args.evidence), canonical(evidence))
    said = [*evidence.facts["steps"], *(gap.text for gap in evidence.gaps)]
    code = {"pass": PERMITS, "fail": DENIES}.get(evidence.status, ASKS)
    return Result(text="\n".join([f"drill: {evidence.status}", *said]), exit=code)


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
