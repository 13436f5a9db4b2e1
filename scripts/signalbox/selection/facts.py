"""What a test plan is decided from: plain data, so that the same decision can be made again from a bundle."""

from __future__ import annotations

import msgspec

from signalbox.decision import Advice, Evidence, Reason, Subject

from .escapes import Audits
from .impact import Touched
from .risk_model import RiskModel


class FileFact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One changed file. ``status`` is git's word (added, modified, deleted, renamed, submodule, …)."""

    path: str
    status: str
    lines_added: int = 0
    lines_deleted: int = 0
    binary: bool = False


class ChangeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The change under judgement. ``troubles`` are (code, sentence): what is not known about it."""

    base: str
    head: str
    files: tuple[FileFact, ...]
    troubles: tuple[tuple[str, str], ...] = ()
    commits_seen: int = 0
    prior_changes: int = 0
    authors: int = 0
    author_commits: int = 0
    recent_fixes: int = 0


class IndexFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The index, and how the head differs from it (paths). Times are seconds and RFC 3339.

    ``rootdir`` and ``invocation`` are pytest's, from the repository's root. ``evidence`` is what it was made
    from: ``recorded`` is a run with the plugin; ``imports``, ``coverage`` and ``graph`` are weaker.
    ``behind`` counts the commits from the indexed one to the head, None where git does not know it.
    """

    sha256: str
    commit: str
    recorded_at: str
    python: str
    tests: int
    seconds: float
    troubles: tuple[tuple[str, str], ...] = ()
    extensions: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    flaky: int = 0
    rootdir: str = "."
    invocation: str = "."
    evidence: str = "recorded"
    behind: int | None = None
    collect_seconds: float | None = None


class TestFact(msgspec.Struct, frozen=True, array_like=True):
    """One test that something touches: id, file, seconds when recorded."""

    __test__ = False

    id: str
    file: str
    seconds: float


class SuiteFact(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of a suite: its test paths that exist in the head, and what the index knows below."""

    paths: tuple[str, ...] = ()
    tests: int = 0
    seconds: float = 0.0


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the plan was decided from.

    ``touched`` refers to ``tests`` by position. ``audit_draw`` in [0, 1) was drawn from a named seed.
    ``force`` says who asked for everything, if anybody did. ``advice`` is a model's on the plan,
    ``risk_advice`` on the tier; ``additions`` are suites it named, ``notes`` what it could not say.
    ``audits`` is what the ledger knows of audited plans; ``draws`` says that this run may be one.
    ``risk_model`` was learned from the repository's own history; without one the shipped model judges.
    ``full_paths`` hold every test. Of the known test files of the head, all tests of ``whole_files`` are
    touched, ``gone_test_files`` are gone, and of ``new_test_files`` the index knows no test.
    """

    subject: Subject
    change: ChangeFacts
    audit_draw: float
    audit_seed: str
    suites: dict[str, SuiteFact] = {}
    index: IndexFacts | None = None
    index_problem: str = ""
    touched: tuple[Touched, ...] = ()
    tests: tuple[TestFact, ...] = ()
    python: str = ""
    force: str = ""
    evidence: tuple[Evidence, ...] = ()
    advice: tuple[Advice, ...] = ()
    risk_advice: tuple[Advice, ...] = ()
    risk_model: RiskModel | None = None
    additions: tuple[str, ...] = ()
    notes: tuple[Reason, ...] = ()
    models: dict[str, str] = {}
    audits: Audits = Audits()
    draws: bool = True
    full_paths: tuple[str, ...] = ()
    whole_files: tuple[str, ...] = ()
    gone_test_files: tuple[str, ...] = ()
    new_test_files: tuple[str, ...] = ()

    def touched_tests(self) -> tuple[int, ...]:
        """Positions of all tests that anything touches, in order."""
        return tuple(sorted({test for touched in self.touched for test in touched.tests}))
