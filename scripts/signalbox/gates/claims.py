"""The evidence gate: every acceptance criterion against proof that can fail. It changes nothing. Pure."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from signalbox.config import Settings
from signalbox.config.environments import EvidenceTier
from signalbox.config.globs import first_match
from signalbox.decision import (
    Decision,
    Evidence,
    Origin,
    PolicyRef,
    Reason,
    Stamp,
    Subject,
    strictest,
    verify,
)
from signalbox.gates.integrity import Sign

TIERS: tuple[str, ...] = get_args(EvidenceTier)
RISKY = ("runtime", "schema", "package", "hook", "security")
CLASSES: dict[str, tuple[str, ...]] = {
    "docs": ("docs/**", "**/*.md", "**/*.rst", "**/*.txt", "LICENSE*"),
    "schema": ("**/schema/**", "**/*.schema.json", "**/migrations/**", "**/*.proto", "**/*.sql"),
    "package": (
        "**/pyproject.toml",
        "**/package.json",
        "**/*lock*",
        "**/requirements*",
        "**/go.mod",
        "Dockerfile",
    ),
    "hook": ("**/hooks/**", ".github/**", "**/.pre-commit*"),
    "security": ("**/auth/**", "**/security/**", "**/*secret*", "**/*crypt*"),
}
"""What kind of change a path makes; whatever no line knows is runtime."""


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """An acceptance criterion (``AC1``), what it is traced from (``R1``), and where its proof is."""

    id: str
    requirements: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    tier: EvidenceTier = "adapter"
    skip_reason: str = ""


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of claim must be there. Who is trusted for it stands in policy, not here."""

    kind: str
    optional: bool = False


class Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the evidence gate is asked. ``trusted`` comes from policy: kind of claim → producers that count.

    ``ci`` holds the CI's own evidence; ``skip_reason`` says why none was run. ``signs`` are those of weakened
    tests, ``explained`` the paths for which somebody said why. ``reruns`` counts unexplained ones.
    """

    criteria: tuple[Criterion, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    ci: tuple[Evidence, ...] = ()
    paths: tuple[str, ...] | None = None
    skip_reason: str = ""
    signs: tuple[Sign, ...] = ()
    explained: tuple[str, ...] = ()
    reruns: int = 0
    expects: tuple[Expectation, ...] = ()
    trusted: dict[str, tuple[str, ...]] = {}
    gap: Literal["", "documented-runtime-gap"] = ""


def classes_of(paths: tuple[str, ...] | None) -> set[str]:
    """The kinds of change that ``paths`` make; a change of unknown paths is taken for a runtime change."""
    if not paths:
        return {"runtime"}
    return {
        next((name for name, globs in CLASSES.items() if first_match(path, globs)), "runtime")
        for path in paths
    }


def claims_decision(
    claims: Claims, subject: Subject, settings: Settings, policy: PolicyRef, stamp: Stamp
) -> Decision:
    """PASS, NOT_VERIFIED or FAIL with the criteria map, the manifest, the CI summary and the next step."""
    proof = {item.source: verify(item, now=stamp.at, subject=subject) for item in claims.evidence}
    rows = [_criterion(one, proof, claims) for one in claims.criteria]
    reasons = [Reason(code=f"criterion:{id}", text=text, effect=_effect(state)) for id, state, text in rows]
    if not rows:
        text = "no acceptance criterion was given, so nothing can be mapped to proof"
        reasons.append(Reason(code="no-criteria", text=text, effect="NOT_VERIFIED"))
    summary, found = _ci(claims, subject, proof, rows, stamp.at)
    reasons += [*found, *_integrity(claims), *_expected(claims, proof)]
    verdict = strictest("gate", [reason.effect or "PASS" for reason in reasons])
    reasons.sort(key=lambda one: {"FAIL": 0, "NOT_VERIFIED": 1}.get(one.effect, 2))
    step = reasons[0].text if verdict != "PASS" else "Publish the change."
    return Decision(
        kind="gate",
        id=stamp.id,
        subject=subject,
        verdict=verdict,
        mode=settings.mode,
        reasons=tuple(reasons) or (Reason(code="proved", text="every criterion is proved"),),
        next_action=step if verdict == "PASS" else f"Back to verify-work: {step}",
        evidence=(*proof.values(), *claims.ci),
        policy=policy,
        outputs={
            "gate": "evidence",
            "criteria": {id: state for id, state, _ in rows},
            "manifest": [
                {"ref": item.source, "sha256": item.sha256, "producer": item.producer, "tier": item.tier}
                for item in proof.values()
            ],
            "ci": summary,
            "integrity": [msgspec.to_builtins(one) for one in claims.signs],
            "classes": sorted(classes_of(claims.paths)),
            "confidence": _confidence(verdict, claims),
            "gap": claims.gap,
        },
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def _effect(state: str) -> str:
    return "" if state == "PASS" else state


def _criterion(one: Criterion, proof: dict[str, Evidence], claims: Claims) -> tuple[str, str, str]:
    if not one.requirements:
        return one.id, "NOT_VERIFIED", f"{one.id} is traced from no requirement"
    items = [proof[ref] for ref in one.evidence if ref in proof]
    missing = [ref for ref in one.evidence if ref not in proof]
    if any(item.status == "fail" for item in items):
        return one.id, "FAIL", f"{one.id}: its proof failed"
    if missing:
        return one.id, "NOT_VERIFIED", f"{one.id}: {missing[0]} is not there"
    if not items:
        if one.skip_reason and classes_of(claims.paths) == {"docs"}:
            return one.id, "PASS", f"{one.id}: left out, because {one.skip_reason}"
        return one.id, "NOT_VERIFIED", f"{one.id}: no proof is named"
    if any(item.status != "pass" for item in items):
        gaps = [gap.text for item in items for gap in item.gaps]
        return one.id, "NOT_VERIFIED", f"{one.id}: {gaps[0] if gaps else 'its proof could not be verified'}"
    best = max(items, key=lambda item: TIERS.index(item.tier))
    if TIERS.index(best.tier) < TIERS.index(one.tier):
        return one.id, "NOT_VERIFIED", f"{one.id} claims {one.tier}, and its proof is {best.tier}"
    return one.id, "PASS", f"{one.id}: proved"


def _ci(
    claims: Claims, subject: Subject, proof: dict[str, Evidence], rows: list[tuple[str, str, str]], now: str
) -> tuple[str, list[Reason]]:
    ci = [verify(item, now=now, subject=subject) for item in claims.ci]
    failed = [item.kind for item in ci if item.status == "fail"]
    unclear = [item.kind for item in ci if item.status == "not_verified"]
    if failed:
        text = f"CI failed: {', '.join(failed[:3])}"
        return text, [Reason(code="ci-failed", text=text, effect="FAIL")]
    if ci and not unclear:
        return f"{len(ci)} checks of CI passed", []
    what = f"CI said nothing clear of {', '.join(unclear[:3])}" if unclear else "no check of CI ran"
    if classes_of(claims.paths) == {"docs"} and claims.skip_reason:
        text = f"{what}; documents only, and skipped because {claims.skip_reason}"
        return text, [Reason(code="ci-skipped", text=text)]
    # The change's own word is no equivalent of CI, however real the run was that it reports.
    equal = [
        item
        for item in proof.values()
        if item.status == "pass"
        and item.origin in ("protected", "attested")
        and TIERS.index(item.tier) >= TIERS.index("installed-command")
    ]
    if equal and rows and all(state == "PASS" for _, state, _ in rows):
        text = f"{what}; {len(equal)} pieces of protected evidence stand for it"
        return text, [Reason(code="ci-equivalent", text=text)]
    risky = ", ".join(sorted(classes_of(claims.paths)))
    text = f"{what}, and the change touches {risky}"
    return text, [Reason(code="ci-missing", text=text, effect="NOT_VERIFIED")]


def _integrity(claims: Claims) -> list[Reason]:
    found = []
    for sign in claims.signs:
        told = sign.path in claims.explained
        text = (
            f"{sign.text}{' (explained)' if told else ': tests may have been weakened, and nobody says why'}"
        )
        found.append(Reason(code=sign.code, text=text, effect="" if told else "NOT_VERIFIED"))
    if claims.reruns:
        text = f"it passed only after {claims.reruns} reruns that nobody explained"
        risky = bool(classes_of(claims.paths) & set(RISKY))
        found.append(Reason(code="reruns", text=text, effect="NOT_VERIFIED" if risky else ""))
    return found


def _expected(claims: Claims, proof: dict[str, Evidence]) -> list[Reason]:
    found = []
    for one in claims.expects:
        items = [item for item in proof.values() if item.kind == one.kind]
        who = claims.trusted.get(one.kind, ())
        good = [item for item in items if item.status == "pass" and item.producer in who]
        if good:
            continue
        if not items and one.optional:
            continue
        why = (
            "nobody made it"
            if not items
            else f"no producer that policy trusts made it ({', '.join(who) or 'none'})"
        )
        if any(item.status == "fail" and item.producer in who for item in items):
            found.append(Reason(code=f"expects:{one.kind}", text=f"{one.kind} failed", effect="FAIL"))
        else:
            text = f"{one.kind} is expected, and {why}"
            found.append(Reason(code=f"expects:{one.kind}", text=text, effect="NOT_VERIFIED"))
    return found


def _confidence(verdict: str, claims: Claims) -> str:
    if verdict != "PASS":
        return "none"
    return "low" if claims.reruns or claims.signs or not claims.ci else "high"


def as_claims(plain: Any, origin: Origin) -> Claims:
    """Claims from plain values; raises ``msgspec.ValidationError``.

    Who is trusted, what was changed, and whose word the proof is, are not the file's to say.
    """
    claims = msgspec.convert(plain, Claims)
    proof = tuple(msgspec.structs.replace(item, origin=origin) for item in claims.evidence)
    ci = tuple(msgspec.structs.replace(item, origin=origin) for item in claims.ci)
    return msgspec.structs.replace(claims, evidence=proof, ci=ci, trusted={}, paths=None, signs=())
