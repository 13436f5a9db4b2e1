"""What the plan of the runners is made from: plain data, so that it can be made again from a bundle."""

from __future__ import annotations

import msgspec

from signalbox.decision import Evidence, Subject

from .learned import Learned


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be run on one runner as a whole. ``seconds`` is None when nobody has measured it;
    ``arguments`` are pytest's, or those of ``command``, which stands instead of pytest.

    Of a piece of pytest's: ``file`` is its file as an argument, ``whole`` says that all of the file is to
    run, whatever it holds by then. ``functions`` are node ids, mostly without parameters, where the piece is
    a part of the file; ``parts`` are the pieces that stand for this one where it is too long for a runner.
    """

    name: str
    seconds: float | None = None
    arguments: tuple[str, ...] = ()
    suite: str = ""
    command: str = ""
    file: str = ""
    whole: bool = False
    functions: tuple[str, ...] = ()
    parts: tuple[Work, ...] = ()


class ModuleWork(msgspec.Struct, frozen=True, kw_only=True):
    """One module to build."""

    name: str
    command: str
    minutes: float | None = None


class QueueFact(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that wait for runners now; ``jobs`` is None when nobody could say, and ``problem`` why."""

    jobs: int | None = None
    source: str = ""
    problem: str = ""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the plan was made from. ``rest`` are paths of which every test runs, known or not; ``full``
    says that every test of the project runs, so that a recording of all shards is one of the whole;
    ``collect_seconds`` is what pytest takes before its first test, None where nobody measured it;
    ``learned`` is what earlier runs taught."""

    subject: Subject
    work: tuple[Work, ...] = ()
    rest: tuple[str, ...] = ()
    full: bool = False
    collect_seconds: float | None = None
    modules: tuple[ModuleWork, ...] = ()
    queue: QueueFact = QueueFact()
    learned: Learned = Learned()
    max_runners: int | None = None
    plan: str = ""
    history: str = ""
    problems: tuple[tuple[str, str], ...] = ()
    evidence: tuple[Evidence, ...] = ()
