"""Supply chain: what feeds, VEX, licences and dependencies' behaviour do to a promotion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config import Settings
from signalbox.config.scoring import DependencyRules, LicenceRules, Scoring
from signalbox.decision import Decision, Evidence, Origin, PolicyRef, Stamp, Subject, verify
from signalbox.evidence import Provenance, dated, read
from signalbox.promotion import Inputs, Past, decide
from signalbox.promotion.dependencies import look_alike
from signalbox.promotion.licences import ALLOWED, DENIED, OTHER, judge
from signalbox.promotion.supply import narrow

FIXTURES = Path(__file__).parents[2] / "fixtures" / "evidence" / "supply"
NOW = "2026-05-01T12:00:00Z"
SUBJECT = Subject(digest="sha256:" + "a" * 64)
TESTS = Evidence(kind="tests", status="pass", origin="protected", facts={"total": 9, "passed": 9})
PAST = tuple(Past(label="clean", at=f"{i:03}") for i in range(60))


def decided(*items: Evidence, scoring: dict[str, Any] | None = None, **more: Any) -> Decision:
    checked = tuple(verify(item, now=NOW, subject=SUBJECT) for item in narrow([TESTS, *items]))
    inputs = Inputs(subject=SUBJECT, evidence=checked, past=PAST, risk="low", **more)
    policy = Settings(mode="enforce", scoring=Scoring(auto_promote_at=0.75, **(scoring or {})))
    stamp = Stamp(id="d", at=NOW, producer="test")
    return decide(inputs, policy, PolicyRef(sha256="0" * 64), stamp)


def fixture(name: str, origin: Origin = "protected") -> Evidence:
    # SPDX's list tells no date of its own, and the file's is that of the checkout.
    at = NOW if name == "licences.json" else None
    return read(FIXTURES / name, provenance=Provenance(origin=origin, observed_at=at), name=name)


def codes(decision: Decision) -> set[str]:
    return {reason.code for reason in decision.reasons if reason.effect == decision.verdict}


def scan(name: str = "CVE-2026-0001", severity: str = "critical", package: str = "Jinja2") -> Evidence:
    row = {"key": name, "id": name, "severity": severity, "where": f"{package}@3.1.0"}
    finding = row | {"package": package, "version": "3.1.0"}
    status = "fail" if severity in ("critical", "high") else "pass"
    return Evidence(kind="vulnerabilities", status=status, origin="protected", facts={"findings": [finding]})  # type: ignore[arg-type]


def bill(*purls: str, licences: dict[str, int] | None = None, tmp: Path) -> Evidence:
    parts = [{"name": purl.rpartition("/")[2], "purl": purl} for purl in purls]
    document: dict[str, Any] = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": parts}
    for part, licence in zip(parts, licences or {}, strict=False):
        part["licenses"] = [{"expression": licence}]  # type: ignore[assignment]
    path = tmp / "bom.json"
    path.write_text(json.dumps(document))
    return read(path, provenance=Provenance(origin="protected", observed_at=NOW))


def test_good_evidence_is_promoted_so_that_the_rest_proves_something() -> None:
    assert decided().verdict == "auto-promote"
    assert decided(fixture("epss.csv"), fixture("licences.json")).verdict == "auto-promote"


def test_an_exploit_that_is_likely_asks_a_person_or_blocks_as_policy_says() -> None:
    low, feed = scan(severity="low"), fixture("epss.csv")
    asked = decided(low, feed)
    assert (asked.verdict, "likely-exploited" in codes(asked)) == ("manual-review", True)
    assert decided(low, feed, scoring={"epss_block": 0.9}).verdict == "block"
    unlikely = decided(scan("CVE-2026-0002", "low"), feed)
    assert (unlikely.verdict, unlikely.outputs["signals"]["exploit_likelihood_max"]) == (
        "auto-promote",
        0.00042,
    )
    unlisted = decided(scan("CVE-2026-0003", "low"), feed)
    assert unlisted.outputs["signals"]["exploit_likelihood_max"] is None


@pytest.mark.parametrize("name", ["epss.csv", "malicious.json", "dependencies.json"])
def test_a_stale_feed_is_unknown_and_its_entries_still_count(name: str) -> None:
    import msgspec

    old = dated(msgspec.structs.replace(fixture(name), observed_at="2026-04-01T00:00:00Z"), 168)
    decision = decided(old)
    assert "not-verified" in {reason.code for reason in decision.reasons}
    assert decision.verdict != "auto-promote"


def test_the_bundle_keeps_of_a_feed_only_what_concerns_the_artifact() -> None:
    feed, other = narrow([fixture("epss.csv"), scan()])
    assert feed.facts["epss"] == {"CVE-2026-0001": 0.91234}
    assert feed.facts["entries"] == 2
    assert other.facts["findings"]
    assert narrow([fixture("malicious.json")])[0].facts["malicious"] == {}


@pytest.mark.parametrize(
    ("purl", "verdict"),
    [
        ("pkg:npm/left-padd@1.0.0", "block"),
        ("pkg:npm/left-padd", "block"),
        ("pkg:npm/left-padd@1.0.1", "auto-promote"),
        ("pkg:pypi/Reqests.X@7", "block"),
        ("pkg:npm/reqests-x@7", "auto-promote"),
        ("pkg:pypi/left-padd@1.0.0", "auto-promote"),
    ],
)
def test_a_malicious_component_blocks(purl: str, verdict: str, tmp_path: Path) -> None:
    decision = decided(bill(purl, tmp=tmp_path), fixture("malicious.json"))
    assert decision.verdict == verdict
    assert (decision.reasons[0].code == "malicious-component") is (verdict == "block")


def test_signed_vex_turns_a_veto_into_a_question_and_only_for_its_digest_and_version() -> None:
    signed = fixture("openvex.json", "attested")
    assert decided(scan()).verdict == "block"
    asked = decided(scan(), signed)
    assert (asked.verdict, codes(asked)) == ("manual-review", {"suppressed-here"})
    assert decided(scan(severity="low"), signed).outputs["signals"]["vex_lifted"] == 1
    assert decided(scan("CVE-2026-0009"), signed).verdict == "block"
    assert decided(scan(package="markupsafe"), signed).verdict == "block"


def test_unsigned_vex_lifts_nothing_and_is_told() -> None:
    decision = decided(scan(), fixture("openvex.json", "protected"))
    assert decision.verdict == "block"
    assert "vex-untrusted" in {reason.code for reason in decision.reasons}
    allowed = decided(scan(), fixture("openvex.json", "protected"), scoring={"vex_origin": "protected"})
    assert allowed.verdict == "manual-review"


def claim(status: str, at: str = "1", **more: Any) -> dict[str, Any]:
    whole = {"ids": ["CVE-2026-0001"], "status": status, "why": "x", "at": at, "within": False}
    return whole | {"packages": [["pypi", "jinja2", ""]], "digests": []} | more


def vex(*claims: dict[str, Any]) -> Evidence:
    return Evidence(kind="vex", status="pass", origin="attested", facts={"vex": list(claims)})


@pytest.mark.parametrize(
    ("claims", "verdict"),
    [
        ([claim("not_affected")], "manual-review"),
        ([claim("fixed")], "manual-review"),
        ([claim("affected")], "block"),
        ([claim("under_investigation")], "block"),
        ([claim("not_affected", "1"), claim("affected", "2")], "block"),
        ([claim("affected", "1"), claim("not_affected", "2")], "manual-review"),
        ([claim("not_affected", "1"), claim("affected", "1")], "block"),
        ([claim("not_affected", packages=[["pypi", "jinja2", "3.0.0"]])], "block"),
        ([claim("not_affected", digests=["sha256:" + "c" * 64])], "block"),
        ([claim("not_affected", packages=[], digests=[SUBJECT.digest])], "manual-review"),
        ([claim("not_affected", packages=[])], "block"),
        ([claim("not_affected", within=True)], "block"),
    ],
)
def test_of_several_claims_the_youngest_counts_then_the_strictest(claims: list[Any], verdict: str) -> None:
    assert decided(scan(), vex(*claims)).verdict == verdict


def test_vex_lifts_no_known_exploited_component() -> None:
    listed = Evidence(kind="exploited-feed", status="pass", facts={"exploited": ["CVE-2026-0001"]})
    decision = decided(scan(severity="low"), vex(claim("not_affected")), listed)
    assert (decision.verdict, decision.reasons[0].code) == ("block", "known-exploited")


def test_findings_inside_a_bill_count_as_any_others() -> None:
    decision = decided(fixture("cyclonedx-with-findings.json"))
    assert (decision.verdict, decision.reasons[0].code) == ("block", "new-high")


ALLOW, DENY = ("MIT", "Apache-2.0", "BSD-*"), ("GPL-*", "AGPL-*")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("MIT", ALLOWED),
        ("mit", ALLOWED),
        ("BSD-3-Clause", ALLOWED),
        ("GPL-3.0-only", DENIED),
        ("MIT OR GPL-3.0-only", ALLOWED),
        ("MIT AND GPL-3.0-only", DENIED),
        ("MIT AND (GPL-2.0-only OR Apache-2.0)", ALLOWED),
        ("MIT AND Unheard-Of", OTHER),
        ("GPL-2.0-only WITH Classpath-exception-2.0", DENIED),
        ("GPL-2.0+", DENIED),
        ("MIT OR", OTHER),
        ("(MIT", OTHER),
        ("MIT)", OTHER),
        ("The MIT Licence, mostly", OTHER),
        ("", OTHER),
        ("NOASSERTION", OTHER),
        ("(" * 600 + "MIT", OTHER),
    ],
)
def test_an_expression_is_judged(expression: str, value: int) -> None:
    assert judge(expression, ALLOW, DENY) == value


def test_an_exception_can_be_allowed_by_name() -> None:
    allow = (*ALLOW, "GPL-2.0-only WITH Classpath-exception-2.0")
    assert judge("GPL-2.0-only WITH Classpath-exception-2.0", allow, ("AGPL-*",)) == ALLOWED


names = st.sampled_from(("MIT", "Apache-2.0", "GPL-3.0-only", "Odd-1.0"))
VALUE = {"MIT": ALLOWED, "Apache-2.0": ALLOWED, "GPL-3.0-only": DENIED, "Odd-1.0": OTHER}


@given(a=names, b=names, c=names)
def test_or_takes_the_better_and_and_the_worse(a: str, b: str, c: str) -> None:
    x, y, z = VALUE[a], VALUE[b], VALUE[c]
    assert judge(f"{a} OR {b} AND {c}", ALLOW, DENY) == min(x, max(y, z))
    assert judge(f"({a} OR {b}) AND {c}", ALLOW, DENY) == max(min(x, y), z)


@given(st.text(max_size=60))
def test_no_text_is_more_than_an_expression(text: str) -> None:
    assert judge(text, ALLOW, DENY) in (ALLOWED, OTHER, DENIED)


@pytest.mark.parametrize(
    ("licence", "rules", "verdict"),
    [
        ("GPL-3.0-only", LicenceRules(deny=DENY), "block"),
        ("MIT", LicenceRules(deny=DENY), "auto-promote"),
        ("Odd-1.0", LicenceRules(allow=ALLOW), "manual-review"),
        ("Odd-1.0", LicenceRules(allow=ALLOW, other="block"), "block"),
        ("Odd-1.0", LicenceRules(allow=ALLOW, other="ignore"), "auto-promote"),
        ("MIT", LicenceRules(allow=("osi-approved",)), "auto-promote"),
        ("JSON", LicenceRules(allow=("osi-approved",)), "manual-review"),
    ],
)
def test_licences_against_policy(licence: str, rules: LicenceRules, verdict: str, tmp_path: Path) -> None:
    found = bill("pkg:pypi/a@1", licences={licence: 1}, tmp=tmp_path)
    assert decided(found, fixture("licences.json"), scoring={"licences": rules}).verdict == verdict


def test_a_policy_about_licences_without_a_bill_asks() -> None:
    decision = decided(scoring={"licences": LicenceRules(deny=DENY)})
    assert (decision.verdict, codes(decision)) == ("manual-review", {"licences-unknown"})


def told(**more: Any) -> Evidence:
    before = {"install_scripts": [], "maintainers": ["ann"]}
    row = {"type": "pypi", "name": "reqests", "version": "2", "published_at": "2026-01-01T00:00:00Z"}
    row |= {"install_scripts": [], "maintainers": ["ann"], "previous": before} | more
    facts = {"dependencies": [row], "popular": ["requests"]}
    return Evidence(kind="dependency-behaviour", status="pass", origin="protected", facts=facts)


@pytest.mark.parametrize(
    ("more", "verdict", "code"),
    [
        ({}, "auto-promote", ""),
        ({"install_scripts": ["postinstall"]}, "manual-review", "dependency-install-script"),
        ({"maintainers": ["ann", "bob"]}, "manual-review", "dependency-new-maintainer"),
        ({"maintainers": []}, "auto-promote", ""),
        ({"published_at": "2026-04-29T12:00:01Z"}, "manual-review", "dependency-young-release"),
        ({"published_at": "2026-04-28T12:00:00Z"}, "auto-promote", ""),
        ({"published_at": "2026-06-01T00:00:00Z"}, "manual-review", "dependency-young-release"),
        ({"published_at": ""}, "manual-review", "dependency-young-release"),
        ({"previous": None}, "block", "dependency-look-alike"),
        ({"previous": None, "name": "requests"}, "auto-promote", ""),
    ],
)
def test_a_dependency_that_behaves_oddly(more: dict[str, Any], verdict: str, code: str) -> None:
    decision = decided(told(**more))
    assert decision.verdict == verdict
    assert not code or code in codes(decision)


def test_policy_says_what_each_behaviour_means() -> None:
    rules = DependencyRules(look_alike="ignore", minimum_age_days=0)
    assert decided(told(previous=None), scoring={"dependencies": rules}).verdict == "auto-promote"
    rules = DependencyRules(install_script="block")
    assert decided(told(install_scripts=["x"]), scoring={"dependencies": rules}).verdict == "block"


def test_a_new_dependency_that_the_metadata_leaves_out_is_asked_about(tmp_path: Path) -> None:
    old = bill("pkg:npm/a@1", tmp=tmp_path)
    new = bill("pkg:npm/a@1", "pkg:npm/b@1", tmp=tmp_path)
    decision = decided(new, told(), baseline=(old,))
    assert "dependency-unknown" in codes(decision)


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("reqests", "requests"),
        ("requsets", "requests"),
        ("requestss", "requests"),
        ("rnquests", "requests"),
        ("re-quests", "requests"),
        ("co1orama", "colorama"),
        ("requests", ""),
        ("Requests", ""),
        ("flask", ""),
        ("abc", ""),
        ("request5", "requests"),
    ],
)
def test_names_that_look_alike(name: str, like: str) -> None:
    assert look_alike(name, ["requests", "colorama", "abd"]) == like


@given(st.text("abcdefgh", min_size=6, max_size=12), st.integers(0, 11), st.sampled_from("xyz"))
def test_every_single_slip_is_seen(name: str, at: int, other: str) -> None:
    at %= len(name)
    for slip in (
        name[:at] + name[at + 1 :],
        name[:at] + other + name[at:],
        name[:at] + other + name[at + 1 :],
    ):
        assert slip == name or look_alike(slip, [name]) == name
