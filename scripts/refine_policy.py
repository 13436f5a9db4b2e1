"""Propose changes of policy that the recorded outcomes speak for, each as a pull request."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from signalbox.cli import ASKS, Command, Context, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signalbox.config import Settings
    from signalbox.feedback.history import Made
    from signalbox.feedback.proposals import Decide, Proposal

EXAMPLES = """
examples:
  refine_policy.py --ledger out/ledger                        what it would propose, and what is missing
  refine_policy.py --ledger git: --since 2026-01-01 --propose one pull request for each proposal

Nothing is ever changed by itself: a proposal is a pull request that says what it rests on and how to take it
back. It is made only if the lower bound of its gain on held-out decisions is above 0. A drift alarm proposes
a stricter value at once. Exit 3: there is a proposal, an alarm or a model to be trained again.
"""


def run(context: Context) -> Result:
    """Read the ledger, watch for drift, search for better values, propose them."""
    from datetime import timedelta

    from signalbox.decision import parse_time
    from signalbox.errors import InputError
    from signalbox.feedback import read_history
    from signalbox.feedback.drifting import watch
    from signalbox.feedback.proposals import propose
    from signalbox.feedback.refining import bodies, of_alarms, text
    from signalbox.feedback.retraining import models
    from signalbox.ledger import FolderLedger, open_ledger
    from signalbox.render.escape import code_block

    args, settings = context.args, context.policy.settings
    ledger = open_ledger(args.ledger or settings.ledger.url, repo=context.repo, branch=settings.ledger.branch)
    if isinstance(ledger, FolderLedger) and not ledger.exists():
        raise InputError("there is no ledger here yet", where=str(ledger), fix="Record a run first.")
    try:
        now = parse_time(args.now or context.stamp.at)
        since = parse_time(f"{args.since}T00:00:00Z" if len(args.since) == 10 else args.since)
    except ValueError as error:
        raise InputError("this is not a time", where="--since or --now", why=str(error)) from None
    reading = ledger.decisions()
    history = read_history(reading, ledger.outcomes())
    watched = watch(history, settings)
    settled = now - timedelta(days=settings.feedback.label_delay_days)
    kinds = ("promotion", "rollout", "test-plan")
    cases = {kind: [m for m in history.of(kind) if since <= m.at <= settled] for kind in kinds}
    raw = {entry.id: entry.raw for entry in reading.entries}
    found, missing = propose(cases, settings, again(raw))
    # An alarm's value goes before one that was searched for: both would edit the same line.
    alarms = of_alarms(watched, settings)
    taken = {proposal.name for proposal in alarms}
    proposals = (*alarms, *(p for p in found if p.name not in taken))
    links = _publish(context, proposals, bodies(proposals, settings)) if args.propose else {}
    trained = models(history, watched, settings)
    shown = text(proposals, missing, watched, links, trained)
    alarmed = any(item.alarmed for item in watched)
    return Result(
        text=shown,
        summary=code_block(shown, "text", 200_000) + "\n",
        outputs={
            "proposals": str(len(proposals)),
            "tripwire": str(alarmed).lower(),
            "retrain": " ".join(model.name.replace(" ", "-") for model in trained if model.due),
            "pull-requests": " ".join(links.values()),
        },
        exit=ASKS if proposals or alarmed or any(model.due for model in trained) else 0,
    )


def again(raw: Mapping[str, bytes]) -> Decide:
    """Makes a recorded decision again under other settings; remembers what it has made."""
    from importlib import import_module

    import msgspec

    from signalbox.decision import PolicyRef, Stamp, decode_bundle, digest_of
    from signalbox.kinds import ROOMS

    made: dict[tuple[str, str], str | None] = {}

    def decide(past: Made, settings: Settings) -> str | None:
        key = (past.id, digest_of(settings))
        if key not in made:
            try:
                bundle = decode_bundle(raw[past.id])
                room = import_module(ROOMS[bundle.decision.kind])
                inputs = msgspec.convert(bundle.inputs, room.Inputs)
                stamp = Stamp(id=past.id, at=bundle.decision.decided_at, producer=bundle.decision.producer)
                verdict = room.decide(inputs, settings, PolicyRef(sha256=key[1]), stamp).verdict
                made[key] = str(verdict)
            except Exception:
                # A bundle of another version, or one that was changed: it speaks for nothing.
                made[key] = None
        return made[key]

    return decide


def _publish(context: Context, proposals: Sequence[Proposal], bodies: Mapping[str, str]) -> dict[str, str]:
    """Name → address of its pull request; one branch a setting, brought up to date every time."""
    from signalbox.config import DEFAULT_FILE
    from signalbox.feedback.policy_edit import set_policy
    from signalbox.github import GitHub
    from signalbox.gitops import Edit
    from signalbox.gitops.pull import propose

    links = {}
    path = context.args.config or DEFAULT_FILE
    with GitHub.from_environ(context.environ, context.args.into) as client:
        for item in proposals:

            def edit(data: bytes, item: Proposal = item) -> Edit:
                after = set_policy(data, item.section, item.key, item.proposed, name=path)
                change = (f"{path} {item.name}", str(item.today), str(item.proposed))
                return Edit(before=data, after=after, changes=(change,) if after != data else ())

            done = propose(
                client,
                base=context.args.base,
                path=path,
                branch=f"signalbox/refine/{item.section}-{item.key}",
                edit=edit,
                title=f"Policy: {item.name} from {item.today} to {item.proposed}",
                body=bodies[item.name],
            )
            links[item.name] = done.url or "already merged"
    return links


def main() -> int:
    """Entry point."""
    command = Command("refine_policy", __doc__ or "", epilog=EXAMPLES)
    command.option("--since", default="2000-01-01", metavar="DATE", help="learn from decisions since then")
    command.option("--propose", action="store_true", default=False, help="open the pull requests")
    command.option("--into", metavar="OWNER/NAME", help="repository of the policy (default: this one)")
    command.option("--base", default="main", metavar="BRANCH", help="branch to propose to")
    command.option("--now", metavar="TIME", help="RFC 3339 time that counts as now")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
