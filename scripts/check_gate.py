"""Decide a gate, PASS, NOT_VERIFIED or FAIL, from evidence, conditions and people (docs/environments.md)."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalbox.cli import Command, Context, Result

if TYPE_CHECKING:
    from signalbox.classify import Waiver
    from signalbox.decision import Decision, Evidence, Subject
    from signalbox.gates.model import Approval, Change, Inputs
    from signalbox.gates.people_from import Pull
    from signalbox.github import GitHub

EXAMPLES = """
examples:
  check_gate.py --gate gate-3 --evidence reports --base origin/main --head HEAD --risk low
  check_gate.py --gate gate-5 --evidence reports --digest sha256:… --approvals approvals.json --nonce 4711
  check_gate.py --gate gate-6 … --standing-approval approval.json      for monitor_rollout.py
  check_gate.py --gate gate-5 … --explain          every line, why it is asked and who can answer it
  check_gate.py --gate gate-5 --role qa-lead --approve ada --key ~/.ssh/id_ed25519 --digest sha256:… \\
      --nonce 4711 --approvals approvals.json      adds a signed approval to that file
  check_gate.py --lint                             what in the policy can hardly be meant
  check_gate.py --lower-trust --ledger git:        level 0 for the agents whose work escaped into production
  check_gate.py --add-trailers MESSAGE --usage assisted --agents developer-agent --prompts docs/prompts/7.md

Evidence is every file below --evidence: Signalbox's own records and decisions, and tools' reports that the
policy's checks name. Results of jobs come by --needs, check runs and statuses of --sha by --ask-github.
What is missing, stale, skipped or about something else is not_verified, and never a pass.
"""


def run(context: Context) -> Result:
    """Gather, decide, show, tell."""
    args = context.args
    if args.lint or args.add_trailers or args.approve or args.lower_trust:
        from signalbox.gates import tasks

        return tasks.other(context)
    from signalbox.gates.show import blocks

    if args.gate == "readiness":
        from signalbox.gates import readiness, tasks

        asked = tasks.readiness_inputs(context)
        said = readiness.decide(asked, context.policy.settings, context.policy.ref, context.stamp)
        return Result(decision=said, inputs=asked, outputs={"ready-for": " ".join(said.outputs["ready_for"])})
    from signalbox.gates.decide import decide

    inputs = _inputs(context)
    decision = decide(inputs, context.policy.settings, context.policy.ref, context.stamp)
    _leave(context, decision)
    told = _tell(context, decision) if args.publish or args.protection_rule else ""
    out = decision.outputs
    return Result(
        decision=decision,
        inputs=inputs,
        blocks=blocks(decision, explain=args.explain, run=_run_url(context.environ)),
        outputs={
            "gate": args.gate,
            "tier": str(out.get("tier", "")),
            "hand-over": args.hand_over,
            "standing-approval": args.standing_approval if out.get("standing_approval") else "",
            "told": told,
        },
    )


def _inputs(context: Context) -> Inputs:
    from signalbox.gates.model import Inputs
    from signalbox.gates.people_from import holders, pull_of, unanswered
    from signalbox.gates.tasks import commit, digest

    args = context.args
    if args.entering or args.gate == "evidence":
        from signalbox.gates import tasks

        return tasks.entering(context) if args.entering else tasks.claims_inputs(context)
    subject = context.subject(commit=commit(args.sha), digest=digest(args.digest))
    with ExitStack() as stack:
        asks = args.ask_github or args.pull or args.run_id
        client = stack.enter_context(_client(context)) if asks else None
        pull = pull_of(client, context.repo, args.pull, subject.commit)
        args.pull = pull.number
        change, evidence = _change(context, subject, client)
        evidence += _evidence(context, subject, client)
        approvals, missing = _approvals(context, client, subject, pull)
        held, unresolved = holders(context.policy.settings.environments, client)
    return Inputs(
        subject=subject,
        gate=args.gate,
        applicable=args.not_applicable,
        evidence=tuple(evidence),
        change=_rated(context, change, evidence),
        approvals=approvals,
        holders=held,
        unresolved=unresolved | missing,
        nonce=args.nonce or args.run_id,
        adapter=args.adapter,
        deployment=args.deployment,
        standing_hours=args.hours,
        notes=(*pull.note, *unanswered(missing)),
    )


def _client(context: Context) -> GitHub:
    from signalbox.github import GitHub

    return GitHub.from_environ(context.environ)


def _change(context: Context, subject: Subject, client: GitHub | None) -> tuple[Change, list[Evidence]]:
    from signalbox.gates import changes
    from signalbox.gates.model import Change
    from signalbox.gates.people_from import logins

    args, e = context.args, context.policy.settings.environments
    if not args.base:
        return Change(classification=e.classification, flags=e.feature_flags), []
    change, metadata = changes.read(
        context.repo,
        e,
        base=args.base,
        head=args.head or subject.commit or "HEAD",
        policy_commit=context.policy.ref.commit,
        subject=subject,
        now=context.stamp.at,
        pusher=args.pusher,
        logins=logins(client, args.pull),
    )
    import msgspec

    return change, [msgspec.structs.replace(metadata, origin="protected")]


def _rated(context: Context, change: Change, evidence: list[Evidence]) -> Change:
    """With risk, the worst finding, and what is declared or detected of its class."""
    import msgspec

    from signalbox.gates import changes
    from signalbox.gates.gather import severity_of

    args = context.args
    found = ""
    if args.base and change.paths:
        from signalbox.classify import DataClass, data_class

        text = changes.added_text(context.repo, args.base, args.head or args.sha or "HEAD")
        detected = data_class(text, waivers=_false_positives(context), today=context.stamp.at[:10])
        # Nothing found says nothing: a change may well be public.
        found = detected.name.capitalize() if detected > DataClass.INTERNAL else ""
    change = changes.at_least(change, args.classification, found)
    return msgspec.structs.replace(
        change, risk=args.risk or None, severity=args.severity or severity_of(evidence)
    )


def _false_positives(context: Context) -> list[Waiver]:
    from signalbox.classify import Waiver

    rows = context.policy.settings.environments.false_positives
    return [
        Waiver(fingerprint=row.fingerprint, reason=row.reason, expires=row.expires, detector=row.detector)
        for row in rows
    ]


def _evidence(context: Context, subject: Subject, client: GitHub | None) -> list[Evidence]:
    from signalbox.gates import gather, tasks
    from signalbox.gates.people_from import runs

    args, checks = context.args, context.policy.settings.environments.checks
    origin, found = tasks.origin(context), []
    if args.evidence:
        from signalbox.evidence import Provenance, read

        root = Path(args.evidence)
        known = Provenance(tier="installed-command")
        found += gather.folder(
            root,
            checks,
            subject,
            origin,
            lambda path, name: read(path, provenance=known, root=root, name=name),
        )
    if args.needs:
        jobs = gather.jobs_of_needs(args.needs, context.stamp.at)
        found += gather.of_runs(jobs, checks, subject, trusted=origin == "protected")
    if args.ask_github:
        found += gather.of_runs(runs(client, subject.commit), checks, subject)
    from signalbox.gates import live

    e = context.policy.settings.environments
    if args.incidents:
        found.append(live.incidents(Path(args.incidents), subject, context.stamp.at))
    if args.prometheus:
        found.append(_monitoring(context, subject))
    if "feedback" in [auto.check for auto in (e.gates[args.gate].auto if args.gate in e.gates else ())]:
        found += _feedback(context, subject)
    return found


def _monitoring(context: Context, subject: Subject) -> Evidence:
    import time

    from signalbox.gates import live
    from signalbox.signals import Prometheus
    from signalbox.signals.http import check_url, new_session

    query = context.args.monitoring_query.replace("{digest}", subject.digest)
    session = new_session()
    try:
        url = check_url(context.args.prometheus, "--prometheus")
        sample = Prometheus(url, session=session, now=time.time).scalar(query)
    finally:
        session.close()
    return live.monitoring(sample, query, subject, context.stamp.at)


def _feedback(context: Context, subject: Subject) -> list[Evidence]:
    from signalbox.gates import live
    from signalbox.ledger import open_ledger

    url = context.args.ledger or context.policy.settings.ledger.url
    if not url:
        return []
    ledger = open_ledger(url, repo=context.repo)
    rows = ledger.outcomes().entries if ledger.exists() else ()
    return [live.feedback([row.data for row in rows if row.trusted], subject, context.stamp.at)]


def _approvals(
    context: Context, client: GitHub | None, subject: Subject, pull: Pull
) -> tuple[tuple[Approval, ...], dict[str, str]]:
    from signalbox.gates import people_from, signing

    args, e = context.args, context.policy.settings.environments
    found: list[Approval] = []
    if args.approvals:
        allowed = signing.signers(context.repo, e, context.policy.ref.commit)
        found += signing.read_approvals(Path(args.approvals), e, allowed)
    more, missing = people_from.asked(client, e, pull, args.run_id, args.gate, subject, context.stamp.at)
    return (*found, *more), missing


def _leave(context: Context, decision: Decision) -> None:
    """The hand-over and the standing approval, as files for whoever acts next."""
    from signalbox.decision import canonical
    from signalbox.files import write_atomic

    args, out = context.args, decision.outputs
    if args.hand_over:
        write_atomic(Path(args.hand_over), canonical(out.get("hand_over", [])))
    if args.standing_approval and out.get("standing_approval"):
        write_atomic(Path(args.standing_approval), canonical(out["standing_approval"]))


def _tell(context: Context, decision: Decision) -> str:
    from signalbox.gates.tell import tell

    args = context.args
    with _client(context) as client:
        return tell(
            client,
            decision,
            pull=args.pull if args.publish else "",
            status=args.publish,
            run=args.run_id if args.protection_rule else "",
            environment=args.protection_rule,
            url=_run_url(context.environ),
        )


def _run_url(environ: Any) -> str:
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (environ.get(name, "") for name in names)
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""


def main() -> int:
    """Entry point."""
    from signalbox.gates.options import add_options

    command = Command("check_gate", __doc__ or "", epilog=EXAMPLES)
    add_options(command)
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
