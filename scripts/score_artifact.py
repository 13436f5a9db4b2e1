"""Decide whether one artifact digest may be promoted, from the reports that its pipeline left behind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import Command, Context, Result

if TYPE_CHECKING:
    from signalbox.decision import Decision, Evidence, Origin
    from signalbox.promotion import Inputs, Past, Waiver

EXAMPLES = """
examples:
  score_artifact.py --evidence reports --digest sha256:4f53… --sha "$(git rev-parse HEAD)"
  score_artifact.py --evidence reports --baseline main-reports --ledger out/ledger --out decision.json
  score_artifact.py --evidence shards --expected plan.json      a shard that is missing is named

Every file below --evidence is read: JUnit XML, coverage.py JSON, Cobertura, LCOV, SARIF, CycloneDX, SPDX,
OSV-Scanner, Grype, Trivy, pip-audit, ZAP, VEX (OpenVEX, CycloneDX), feeds (KEV, EPSS, OSV's MAL-*), SPDX's
licences.json, metadata of dependencies, benchmarks (bench_pairs.py, pytest-benchmark, hyperfine, Google
Benchmark, go test -bench) and the plain JSON {"total", "passed", "failed", "skipped", "coverage"}. What
cannot be trusted is not_verified, and never a pass. Until enough outcomes are recorded everything that is not
blocked is reviewed.
"""


def run(context: Context) -> Result:
    """Read, decide, show."""
    from signalbox.decision import verify
    from signalbox.evidence import Provenance, merge_shards, read_folder
    from signalbox.promotion import Inputs, blocks, decide
    from signalbox.promotion.arguments import artifact_name, commit_id, digest_of_call
    from signalbox.promotion.supply import narrow

    args, scoring = context.args, context.policy.settings.scoring
    subject = context.subject(commit=commit_id(args.sha), digest=digest_of_call(args.digest))
    known = Provenance(origin=_origin(context), tier="installed-command")
    given = read_folder(
        Path(args.evidence),
        provenance=known,
        max_age_hours=scoring.max_age_hours,
        feed_max_age_days=scoring.feed_max_age_days,
        vex_max_age_days=scoring.vex_max_age_days,
    )
    given += _vex(context)
    # Each report is checked before shards are merged, so that a stale or foreign shard is named.
    given = [verify(item, now=context.stamp.at, subject=subject) for item in given]
    tests = merge_shards(given, _expected(args.expected), commit=subject.commit)
    evidence = [item for item in given if item.kind != "tests"] + ([tests] if tests else [])
    if args.prometheus:
        evidence.append(_production(context))
    baseline = read_folder(Path(args.baseline)) if args.baseline else []
    inputs = Inputs(
        subject=subject,
        evidence=tuple(narrow(evidence)),
        baseline=tuple(baseline),
        past=_past(context, subject.digest),
        waivers=_waivers(context),
        risk=args.risk,
        artifact=artifact_name(args.artifact),
    )
    if context.policy.settings.advisor.endpoint:
        inputs = _advised(context, inputs)
    decision = decide(inputs, context.policy.settings, context.policy.ref, context.stamp)
    out = decision.outputs
    return Result(
        decision=decision,
        inputs=inputs,
        blocks=blocks(decision),
        outputs={
            "score": f"{out['score']:.6f}",
            "decision": decision.verdict,
            "promoted_tag": out["promoted_tag"],
            "signals": _json(out["signals"]),
            "recommendations": _json(out["recommendations"]),
            **_attested(context, decision, inputs),
        },
    )


def _attested(context: Context, decision: Decision, inputs: Inputs) -> dict[str, str]:
    """Statement and summary for the digest, written beside each other; nothing without a digest."""
    from signalbox.decision import make_bundle
    from signalbox.promotion.attestation import write_attestations

    if not context.args.attestation or not decision.subject.digest:
        return {}
    data = make_bundle(decision, inputs, context.policy.settings).encode()
    folder = Path(context.args.attestation)
    made, summary = write_attestations(data, folder)
    return {
        "subject-name": made.subject,
        "decision-predicate": str(folder / made.predicate_file),
        "decision-predicate-type": made.predicate_type,
        "summary-predicate": str(folder / summary.predicate_file),
        "summary-predicate-type": summary.predicate_type,
    }


def _advised(context: Context, inputs: Inputs) -> Inputs:
    """The same inputs with a model's advice, which can only tighten and never becomes part of the score."""
    import msgspec

    from signalbox.advisor import ask
    from signalbox.promotion import decide

    settings = context.policy.settings
    ruled = decide(inputs, settings, context.policy.ref, context.stamp)
    material = {
        "what the rules found": "\n".join(reason.text for reason in ruled.reasons),
        "signals": _json(ruled.outputs["signals"]),
    }
    answer = ask(
        "Would a careful release engineer let this artifact be promoted without looking? "
        "Name what in the evidence speaks against it.",
        material,
        "promotion",
        settings=settings.advisor,
        environment=context.args.environment,
        keep=settings.environments.keeps_prompts(context.args.environment),
        recorded=material,
        environ=context.environ,
    )
    return msgspec.structs.replace(inputs, advice=answer.advice, notes=answer.reasons, models=answer.models)


def _json(value: object) -> str:
    from signalbox.decision import canonical

    return canonical(value).decode().rstrip()


def _origin(context: Context) -> Origin:
    """A run on a protected ref that no pull request could have rewritten, or else the change's own word."""
    environ = context.environ
    protected = environ.get("GITHUB_REF_PROTECTED") == "true"
    own = environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request")
    return "protected" if protected and not own else "self-reported"


def _past(context: Context, digest: str) -> tuple[Past, ...]:
    from signalbox.ledger import open_ledger
    from signalbox.promotion import past_of

    url = context.args.ledger or context.policy.settings.ledger.url
    if not url:
        return ()
    ledger = open_ledger(url, repo=context.repo)
    if not ledger.exists():
        return ()
    # What a fork's run wrote may be read by people, but never teaches a score.
    return past_of(
        [entry.data for entry in ledger.decisions().entries if entry.trusted],
        [entry.data for entry in ledger.outcomes().entries if entry.trusted],
        without=digest,
    )


def _waivers(context: Context) -> tuple[Waiver, ...]:
    """Waivers beside their signatures."""
    from signalbox.promotion.waivers import read_waivers

    return read_waivers(Path(context.args.waivers), _signers(context)) if context.args.waivers else ()


def _vex(context: Context) -> list[Evidence]:
    """VEX documents beside the waivers; attested where security has signed them, else anybody's word."""
    import msgspec

    from signalbox.evidence import dated, read
    from signalbox.promotion.waivers import signed_statements

    if not context.args.waivers:
        return []
    folder, found = Path(context.args.waivers), []
    for path, signed in signed_statements(folder, _signers(context)):
        item = read(path, root=folder, name=path.name)
        origin: Origin = "attested" if signed and signed == item.sha256 else "self-reported"
        hours = 24 * context.policy.settings.scoring.vex_max_age_days
        found.append(dated(msgspec.structs.replace(item, origin=origin), hours))
    return found


def _signers(context: Context) -> bytes:
    """The allowed signers, from where the policy comes from."""
    import subprocess

    name, commit = context.policy.settings.scoring.waiver_signers, context.policy.ref.commit
    if commit:
        show = ["git", "-C", str(context.repo), "show", f"{commit}:{name}"]
        ran = subprocess.run(show, capture_output=True, check=False, timeout=60)
        return ran.stdout if ran.returncode == 0 else b""
    path = context.repo / name
    return path.read_bytes() if path.is_file() else b""


def _production(context: Context) -> Evidence:
    """Production's health as one number from Prometheus; anything else than a number is not_verified."""
    import time

    from signalbox.decision import Evidence, format_time, not_verified, parse_time
    from signalbox.signals import Prometheus
    from signalbox.signals.http import check_url, new_session

    scoring = context.policy.settings.scoring
    url = check_url(context.args.prometheus, "--prometheus")
    session = new_session()
    try:
        sample = Prometheus(url, session=session, now=time.time).scalar(scoring.health_query)
    finally:
        session.close()
    kind, at = "production-health", format_time(parse_time(context.stamp.at))
    if sample.state != "ok" or sample.value is None:
        text = f"production's health is not known ({sample.state}): {sample.detail}"
        return not_verified(kind, f"signal-{sample.state}", text, source=sample.source, observed_at=at)
    return Evidence(
        kind=kind,
        status="pass" if sample.value <= scoring.health_limit else "fail",
        source=sample.source,
        observed_at=at,
        tier="live-acceptance",
        facts={"value": sample.value, "limit": scoring.health_limit},
    )


def _expected(name: str) -> list[str]:
    if not name:
        return []
    import msgspec

    from signalbox.errors import InputError
    from signalbox.evidence import expected_shards
    from signalbox.files import read_limited

    try:
        document = msgspec.json.decode(read_limited(Path(name), 1 << 24, "plan of shards"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("the plan of shards is not JSON", where=name, why=str(error)) from None
    return expected_shards(document, where=name)


def main() -> int:
    """Entry point."""
    command = Command("score_artifact", __doc__ or "", epilog=EXAMPLES)
    command.option("--evidence", required=True, metavar="DIR", help="folder of this artifact's reports")
    command.option(
        "--baseline", metavar="DIR", help="the base branch's last good reports, to tell new from old"
    )
    command.option("--expected", metavar="FILE", help="JSON plan of the test shards that must be there")
    command.option(
        "--digest", metavar="SHA256", help="the artifact's digest, sha256:…; without it no auto-promotion"
    )
    command.option("--sha", metavar="COMMIT", help="the commit it was built from, 40 hex digits")
    command.option("--artifact", metavar="NAME", help="what the digest is called, host/name of an image")
    command.option(
        "--attestation",
        metavar="DIR",
        help="write the decision as an in-toto statement there, and a SLSA VSA",
    )
    command.option(
        "--waivers", metavar="DIR", help="signed waivers of vetoes and VEX, with *.json.sig beside"
    )
    command.option("--prometheus", metavar="URL", help="ask production's health there")
    command.option(
        "--risk", choices=("", "low", "medium", "high"), help="the change's risk tier, if assessed"
    )
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
