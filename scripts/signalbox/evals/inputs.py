"""Everything a verdict on evals is decided from. Nothing else may reach ``decide``."""

from __future__ import annotations

import msgspec

from signalbox.decision import Advice, Evidence, Subject
from signalbox.evals.model import Spent
from signalbox.stats.rogan_gladen import Counts


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case: the candidate's draws and the baseline's stored ones, ``1`` passed and ``0`` failed.

    Draw i of the one is paired with draw i of the other. An empty baseline is a case that it does not know.
    """

    id: str
    role: str = ""
    layer: str = ""
    critical: bool = False
    judged: bool = False
    candidate: str = ""
    baseline: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The judge on outputs whose verdict is known.

    ``good``: known-good ones passed; ``bad``: known-bad ones failed; ``to_pass`` and ``to_fail``: stored
    outputs of the baseline whose verdict flipped, ``kept``: those whose verdict stayed.
    """

    name: str = ""
    good: Counts = Counts(0, 0)
    bad: Counts = Counts(0, 0)
    to_pass: int = 0
    to_fail: int = 0
    kept: int = 0


class Inputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``decide`` takes.

    ``evidence``: the sessions, the baseline, the running digest, JUnit suites; anything in it that is not
    verified leaves the verdict at NOT_VERIFIED. ``key`` names digest, suite, baseline and policy; the verdict
    recorded under it may be taken again, and then ``reused`` is that decision's id and nothing was spent.
    """

    subject: Subject
    evidence: tuple[Evidence, ...] = ()
    cases: tuple[Case, ...] = ()
    judge: Judged = Judged()
    skipped: dict[str, str] = {}
    suite: str = ""
    target: str = ""
    spent: Spent = Spent()
    key: str = ""
    reused: str = ""
    advice: tuple[Advice, ...] = ()
