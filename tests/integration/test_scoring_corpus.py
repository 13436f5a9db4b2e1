"""The corpus of broken evidence: nothing in it is promoted automatically, and nothing in it crashes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import scoring_corpus as corpus

from signalbox.config import Settings
from signalbox.config.scoring import ScoreModel, Scoring
from signalbox.decision import Decision, PolicyRef, Stamp, Subject, canonical, format_time, verify
from signalbox.evidence import Provenance, merge_shards, read_folder
from signalbox.promotion import Inputs, Past, decide

CASES = dict(corpus.cases())
# A policy and a past as permissive as they can be: only the evidence can stop a promotion.
SCORING = Scoring(
    required=corpus.REQUIRED, auto_promote_at=0.75, minimum_coverage=50, model=ScoreModel(intercept=30.0)
)
PAST = tuple(Past(label="clean", at=f"{i:03}") for i in range(100))


def scored(folder: Path) -> Decision:
    now = format_time(datetime.now(UTC))
    subject = Subject(commit=corpus.COMMIT, digest=corpus.DIGEST)
    given = read_folder(folder, provenance=Provenance(origin="protected"), max_age_hours=24)
    given = [verify(item, now=now, subject=subject) for item in given]
    assert "reader-crashed" not in [gap.code for item in given for gap in item.gaps]
    tests = merge_shards(given, commit=corpus.COMMIT)
    evidence = [item for item in given if item.kind != "tests"] + ([tests] if tests else [])
    inputs = Inputs(subject=subject, evidence=tuple(evidence), past=PAST, risk="low")
    stamp = Stamp(id="d-1", at=now, producer="test")
    return decide(inputs, Settings(mode="enforce", scoring=SCORING), PolicyRef(sha256="0" * 64), stamp)


def test_the_corpus_is_large_and_its_control_is_promoted(tmp_path: Path) -> None:
    assert len(CASES) >= 200
    corpus.good(tmp_path)
    assert scored(tmp_path).verdict == "auto-promote"


@pytest.mark.parametrize("build", CASES.values(), ids=CASES)
def test_it_is_not_promoted(build: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    build(folder)
    decision = scored(folder)
    assert decision.verdict in ("manual-review", "block")
    assert decision.reasons[0].effect == decision.verdict
    canonical(decision)
