"""The demo's report: one page with the decisions, the rollouts as they were measured, and the records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from charts import rollout_charts
from delivery import Delivery
from journal import Step
from shop import Shop

from signalbox import promotion
from signalbox.files import write_atomic
from signalbox.render import Block, Chart, Code, Fold, Table, Text
from signalbox.render.html import Section, page

OUTPUT_LINES = 80
STANDS_IN = (
    ("the storefront's weighted proxy", "HAProxy, the Gateway API, Argo Rollouts, Flagger or Istio"),
    ("/metrics of both versions, read directly", "Prometheus"),
    ("shards that run one after the other", "a matrix of runners"),
    ("an approval that the demo writes into a file", "gate 6: a person with the platform engineer's role"),
    ("a folder", "the ledger's refs, pushed by the last job of a run"),
    ("slices of seconds, with much traffic", "slices of two minutes"),
)


def write_report(out: Path, shop: Shop, deliveries: Sequence[Delivery], seconds: float) -> Path:
    """Write `report.html` into the output folder and return its path. `seconds` is how long the demo took."""
    requests = sum(delivery.seen.requests for delivery in deliveries)
    lead = " ".join(f"{ended(delivery)}." for delivery in deliveries)
    lead += (
        f" Decided by rules that replay to the same bytes, on real processes and {requests:,} real requests, "
        f"in {seconds:.0f} seconds on one machine."
    )
    sections = [
        _overview(deliveries),
        *map(_delivery, deliveries),
        _records(out, shop, deliveries),
        _stand_ins(),
    ]
    path = out / "report.html"
    write_atomic(path, page("Two commits on the path to production", lead, sections).encode())
    return path


def ended(delivery: Delivery) -> str:
    """How a delivery ended, as a clause."""
    if delivery.verdict == "rollback":
        share = f"{delivery.audit.highest:g}% of the traffic"
        return f"“{delivery.subject}” was approved too, and rolled back by live signals at {share}"
    if delivery.reached == 100:
        return f"“{delivery.subject}” was reviewed, approved and reached all of the traffic"
    return f"“{delivery.subject}” ended at {delivery.reached:g}% of the traffic ({delivery.verdict})"


def _overview(deliveries: Sequence[Delivery]) -> Section:
    rows = (
        ("Commit", *(delivery.commit[:12] for delivery in deliveries)),
        ("Tests run", *(_tests(delivery) for delivery in deliveries)),
        ("Risk", *(str(delivery.decisions["test-plan"].outputs["risk_tier"]) for delivery in deliveries)),
        ("Promotion", *(delivery.decisions["promotion"].verdict for delivery in deliveries)),
        ("Approved by", *(str(delivery.approval["approved_by"]) for delivery in deliveries)),
        ("Rollout", *(delivery.verdict for delivery in deliveries)),
        ("Share of traffic, at most and at the end", *(_shares(delivery) for delivery in deliveries)),
        ("Found after", *(_found(delivery) for delivery in deliveries)),
        ("Requests that failed, of all", *(_failed(delivery) for delivery in deliveries)),
    )
    return Section("At a glance").add(Table(("", *(d.subject for d in deliveries)), rows))


def _tests(delivery: Delivery) -> str:
    return f"{delivery.tests_run} of {delivery.tests_known}, all passed"


def _shares(delivery: Delivery) -> str:
    return f"{delivery.audit.highest:g}%, {delivery.reached:g}%"


def _found(delivery: Delivery) -> str:
    after = delivery.audit.seconds_to_alarm()
    return "nothing to find" if after is None else f"{after:.0f} s with traffic"


def _failed(delivery: Delivery) -> str:
    arms = [delivery.seen.total(arm) for arm in ("canary", "baseline")]
    return f"{sum(arm.errors for arm in arms)} of {sum(arm.requests for arm in arms):,}"


def _delivery(delivery: Delivery) -> Section:
    decisions = delivery.decisions
    section = Section(delivery.subject)
    section.add(Text(delivery.story), Fold("The change", (Code(delivery.diff, "diff"),)))
    section.decide(decisions["test-plan"], *_selection(delivery))
    section.decide(decisions["concurrency"], _shards(delivery))
    section.decide(decisions["promotion"], _approval(delivery), Fold("The score", _score(delivery)))
    section.decide(decisions["rollout"], *_charts(delivery), _looks(delivery))
    return section.add(Fold("Every command, as it was typed", tuple(_commands(delivery.journal.steps))))


def _selection(delivery: Delivery) -> list[Block]:
    plan = delivery.decisions["test-plan"].outputs["test_plan"]
    suites = tuple((suite["name"], suite["how"], suite["why"]) for suite in plan["suites"])
    risk = delivery.decisions["test-plan"].outputs["risk"]["features"]
    moved = tuple((feature["name"], feature["value"], feature["points"]) for feature in risk[:3])
    left_out = f"{plan['skipped_tests']} of {plan['known_tests']} tests were left out"
    skipped = f"{left_out}: nothing that they execute or read is changed."
    return [
        Text("Everything ran." if plan["full_suite"] else skipped),
        Table(("Suite", "Runs", "Because"), suites),
        Fold("What moved the risk tier", (Table(("Feature", "Value", "Points"), moved),)),
    ]


def _score(delivery: Delivery) -> tuple[Text | Code | Table | Chart, ...]:
    """What the scorer shows; its own folds are opened, since a fold holds none."""
    shown = promotion.blocks(delivery.decisions["promotion"])
    return tuple(
        inner for block in shown for inner in (block.blocks if isinstance(block, Fold) else (block,))
    )


def _shards(delivery: Delivery) -> Table:
    rows = tuple((shard.name, shard.tests, round(shard.seconds, 1)) for shard in delivery.shards)
    return Table(("Shard", "Tests", "Seconds"), rows)


def _approval(delivery: Delivery) -> Block:
    given = delivery.approval
    return Text(
        f"Approved by {given['approved_by']} ({given['role']}) at {given['approved_at']}: deploying this "
        f"digest to {given['environment']}, and rolling it back if its signals say so, until "
        f"{given['expires_at']}."
    )


def _charts(delivery: Delivery) -> list[Chart]:
    rules = delivery.rules
    return rollout_charts(
        delivery.seen,
        delivery.audit,
        error_objective=rules.error_objective,
        latency_objective_ms=rules.latency_objective_ms,
    )


def _looks(delivery: Delivery) -> Fold:
    rows = []
    for event in delivery.audit.of("look"):
        look = event["look"]
        cells = [_counts(look["signals"].get(signal)) for signal in ("errors", "latency")]
        rows.append((look["at"][11:19], f"{look['percent']:g}%", *cells, round(10 ** event["log10_e"], 2)))
        rows[-1] = (*rows[-1], event["verdict"], event["reasons"][0])
    columns = (
        "Time",
        "Canary",
        "Errors: canary / baseline",
        "Slow: canary / baseline",
        "e-value",
        "Verdict",
        "Reason",
    )
    return Fold(f"The audit trail: {len(rows)} looks", (Table(columns, tuple(rows)),))


def _counts(pairs: list[list[int]] | None) -> str | None:
    if not pairs:
        return None
    canary, canary_events, baseline, baseline_events = pairs[0]
    return f"{canary_events} of {canary}" + (f" / {baseline_events} of {baseline}" if baseline else "")


def _commands(steps: Sequence[Step]) -> list[Code]:
    blocks = []
    for step in steps:
        output = step.output[:OUTPUT_LINES]
        cut = [f"… {len(step.output) - OUTPUT_LINES} more lines"] if len(step.output) > OUTPUT_LINES else []
        ending = f"[exit {step.exit}, {step.seconds:.1f} s]"
        blocks.append(Code("\n".join((f"$ {step.command}", *output, *cut, ending)), "console"))
    return blocks


def _records(out: Path, shop: Shop, deliveries: Sequence[Delivery]) -> Section:
    section = Section("Where the records lie")
    names = sorted(path.relative_to(out).as_posix() for path in shop.ledger.rglob("*.json"))
    rows = [
        (
            "ledger/",
            f"{len(names)} records: every decision and both outcomes, under names that check themselves",
        ),
        ("good/, bad/", "decisions, bundles, reports of the tests, approval, audit trail, what shoppers saw"),
        ("shop/", "the git repository with the three commits"),
        ("artifacts/, releases/", "what was built and what ran, with its logs"),
        ("transcript.txt", "all that was printed"),
    ]
    section.add(
        Text(f"All of it is below {shop.console.path(str(out))}."), Table(("Where", "What"), tuple(rows))
    )
    section.add(Text("One decision of each was made again, offline, from its bundle:"))
    replays = [delivery.replayed for delivery in deliveries if delivery.replayed]
    section.add(*_commands(replays))
    return section.add(Fold("The ledger", (Code("\n".join(names)),)))


def _stand_ins() -> Section:
    table = Table(("In this demo", "In production"), STANDS_IN)
    text = "Scripts, rules and records are those of production. These parts stand in for others:"
    return Section("What stood in for what").add(Text(text), table)
