"""Supply chain: exploit likelihood, malicious packages, licences and dependencies against policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from signalbox.config.scoring import Scoring
from signalbox.decision import Evidence, Reason
from signalbox.promotion.dependencies import behaviours, uncovered
from signalbox.promotion.licences import sort_out

BLOCK, REVIEW = "block", "manual-review"
_OSI = "osi-approved"


def narrow(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The same evidence with feeds cut down to what concerns this artifact, so that a bundle stays small."""
    named, packages = set(), set()
    for item in evidence:
        for finding in item.facts.get("findings", ()):
            named |= {finding["id"], *finding.get("aliases", ())}
        packages |= {
            f"{row[0]}/{row[1]}" for row in item.facts.get("component_list", ()) if item.kind == "sbom"
        }
    result = []
    for item in evidence:
        facts = dict(item.facts)
        if "epss" in facts:
            facts["epss"] = {name: value for name, value in facts["epss"].items() if name in named}
        if "malicious" in facts:
            facts["malicious"] = {key: rows for key, rows in facts["malicious"].items() if key in packages}
        result.append(msgspec.structs.replace(item, facts=facts) if facts != item.facts else item)
    return result


def malicious_components(evidence: Sequence[Evidence]) -> list[str]:
    """Components of the bill that a feed lists, with the record's id. A stale feed's entries count too."""
    listed: dict[str, list[dict[str, Any]]] = {}
    for item in evidence:
        for key, rows in item.facts.get("malicious", {}).items():
            listed.setdefault(key, []).extend(rows)
    found = []
    for item in evidence:
        for kind, name, version in item.facts.get("component_list", ()) if item.kind == "sbom" else ():
            for row in listed.get(f"{kind}/{name}", ()):
                # A component without a version could be any, a record without versions means all.
                if not version or not row["versions"] or version in row["versions"]:
                    found.append(f"{row['id']} {name}@{version}")
    return sorted(set(found))


def likelihoods(evidence: Sequence[Evidence], findings: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Exploit likelihood of every open finding that the feed knows."""
    scores = {name: value for item in evidence for name, value in item.facts.get("epss", {}).items()}
    found = {}
    for finding in findings:
        known = [scores[n] for n in (finding["id"], *finding.get("aliases", ())) if n in scores]
        if known and not finding.get("suppressed"):
            found[f"{finding['id']} at {finding.get('where', '?')}"] = max(known)
    return found


def reasons(
    evidence: Sequence[Evidence],
    baseline: Sequence[Evidence],
    signals: dict[str, Any],
    new_dependencies: Sequence[str],
    scoring: Scoring,
    *,
    now: str,
) -> list[Reason]:
    """Every veto and doubt of policy about the supply chain."""
    found = [*_likely(signals["exploit_likelihood"], scoring), *_licences(evidence, scoring)]
    for one in behaviours(evidence, baseline, scoring.dependencies, now=now):
        found.append(Reason(code=f"dependency-{one.code}", text=one.text, effect=one.effect))
    missing = uncovered(evidence, new_dependencies)
    if missing:
        shown = ", ".join(missing[:3])
        text = f"the supplied metadata says nothing of {len(missing)} new dependencies: {shown}"
        found.append(Reason(code="dependency-unknown", text=text, effect=REVIEW))
    return found


def _likely(scores: dict[str, float], scoring: Scoring) -> list[Reason]:
    worst = sorted(scores.items(), key=lambda item: -item[1])[:3]
    if not worst:
        return []
    shown = ", ".join(f"{name} ({100 * value:.1f}%)" for name, value in worst)
    if scoring.epss_block is not None and worst[0][1] >= scoring.epss_block:
        text = f"exploited within 30 days with at least {100 * scoring.epss_block:g}% (EPSS): {shown}"
        return [Reason(code="likely-exploited", text=text, effect=BLOCK)]
    if worst[0][1] >= scoring.epss_review:
        text = f"exploited within 30 days with at least {100 * scoring.epss_review:g}% (EPSS): {shown}"
        return [Reason(code="likely-exploited", text=text, effect=REVIEW)]
    return []


def _licences(evidence: Sequence[Evidence], scoring: Scoring) -> list[Reason]:
    rules = scoring.licences
    if not rules.allow and not rules.deny:
        return []
    bills = [item for item in evidence if item.kind == "sbom"]
    if not bills:
        text = "policy has a say about licences, and there is no bill of materials (CycloneDX or SPDX)"
        return [Reason(code="licences-unknown", text=text, effect=REVIEW)]
    approved = [name for item in evidence for name in item.facts.get("osi_approved", ())]
    allow = [*rules.allow, *(approved if _OSI in rules.allow else ())]
    licences: dict[str, int] = {}
    examples: dict[str, list[str]] = {}
    for item in bills:
        for name, count in item.facts.get("licences", {}).items():
            licences[name] = licences.get(name, 0) + count
            examples.setdefault(name, []).extend(item.facts.get("licence_examples", {}).get(name, ()))
    denied, other = sort_out(licences, allow, rules.deny)

    def shown(names: list[str]) -> str:
        return "; ".join(
            f"{name[:60]} ({licences[name]}: {', '.join(examples[name][:2])})" for name in names[:3]
        )

    found = []
    if denied:
        text = f"licences that policy denies: {shown(denied)}"
        found.append(Reason(code="licence-denied", text=text, effect=BLOCK))
    if other and rules.other != "ignore":
        text = f"licences that policy does not name: {shown(other)}"
        found.append(Reason(code="licence-unlisted", text=text, effect=rules.other))
    return found
