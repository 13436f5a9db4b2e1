"""pytest's boundaries: which context is current while what runs."""

from __future__ import annotations

import os
from typing import Any, Dict, Iterator, Optional

import pytest

from .recorder import Context, Recorder

_CONTEXT = "_pytest_signalbox_context"
_WORST = {"": 0, "passed": 1, "skipped": 2, "xfailed": 3, "xpassed": 4, "failed": 5, "error": 6}


class Result:
    """What has been reported of the test that runs."""

    __slots__ = ("outcome", "reruns", "seconds")

    def __init__(self) -> None:
        self.outcome = ""
        self.reruns = 0
        self.seconds = 0.0


class Hooks:
    """Registered with the one session that is recorded."""

    def __init__(self, recorder: Recorder, config: Any) -> None:
        self._recorder = recorder
        self._results: Dict[str, Result] = {}
        self._worker = hasattr(config, "workerinput")
        place = os.path.realpath(str(getattr(config, "rootpath", None) or config.rootdir))
        invocation = os.path.realpath(str(config.invocation_params.dir))
        recorder.writer.write(
            {
                "pytest": pytest.__version__,
                "rootdir": os.path.relpath(place, recorder.root).replace(os.sep, "/"),
                "invocation": os.path.relpath(invocation, recorder.root).replace(os.sep, "/"),
                "worker": self._worker,
            }
        )
        self._wrap_fixtures()

    # fixtures

    def _wrap_fixtures(self) -> None:
        """A fixture wider than one test belongs to every test that asks for it, made anew or not."""
        try:
            from _pytest.fixtures import FixtureDef

            execute, finish = FixtureDef.execute, FixtureDef.finish
        except (ImportError, AttributeError) as error:
            self._recorder.trouble("fixtures-not-seen", repr(error))
            return
        recorder = self._recorder

        def noting_execute(definition: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return execute(definition, *args, **kwargs)
            finally:
                context = getattr(definition, _CONTEXT, None)
                if context is not None and recorder.active:
                    recorder.current.uses.add(context.id)

        def noting_finish(definition: Any, *args: Any, **kwargs: Any) -> Any:
            context = getattr(definition, _CONTEXT, None)
            if context is None or not recorder.active:
                return finish(definition, *args, **kwargs)
            before = recorder.enter(context)
            try:
                return finish(definition, *args, **kwargs)
            finally:
                recorder.leave(before)

        FixtureDef.execute = noting_execute  # type: ignore[method-assign,assignment]
        FixtureDef.finish = noting_finish  # type: ignore[method-assign,assignment]

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """Set-up of a fixture: in a context of its own when it outlives the test."""
        if fixturedef.scope == "function":
            yield
            return
        context = self._recorder.context("fixture", str(fixturedef.argname))
        try:
            setattr(fixturedef, _CONTEXT, context)
        except AttributeError as error:
            self._recorder.trouble("fixtures-not-seen", repr(error))
        self._recorder.current.uses.add(context.id)
        before = self._recorder.enter(context)
        try:
            yield
        finally:
            self._recorder.leave(before)

    # collection

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector: Any) -> Iterator[None]:
        """Collection of a folder, file or class: belongs to every test below it."""
        recorder = self._recorder
        context = recorder.context("collect", collector.nodeid)
        context.uses.add(self._above(collector).id)
        setattr(collector, _CONTEXT, context)
        before = recorder.enter(context)
        try:
            yield
        finally:
            recorder.leave(before)

    def _above(self, node: Any) -> Context:
        parent = node.parent
        while parent is not None:
            context: Optional[Context] = getattr(parent, _CONTEXT, None)
            if context is not None:
                return context
            parent = parent.parent
        return self._recorder.root_context

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot be collected hides tests: say so."""
        if report.failed:
            self._recorder.trouble("collection-failed", report.nodeid or "session")

    # tests

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """One test, with its set-up and tear-down."""
        recorder = self._recorder
        context = recorder.context("test", item.nodeid)
        context.uses.add(self._above(item).id)
        self._results[item.nodeid] = result = Result()
        before = recorder.enter(context)
        try:
            yield
        finally:
            recorder.leave(before)
            if recorder.active:
                recorder.write_test(context, result.outcome or "error", result.seconds, result.reruns)
            self._results.pop(item.nodeid, None)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Outcome and duration, over set-up, call and tear-down."""
        result = self._results.get(report.nodeid)
        if result is None:
            return
        result.seconds += getattr(report, "duration", 0.0) or 0.0
        outcome = report.outcome
        if outcome == "passed" and result.outcome == "passed" and not hasattr(report, "wasxfail"):
            return
        if outcome == "rerun":
            result.reruns += 1
            return
        if outcome == "failed" and report.when != "call":
            outcome = "error"
        if hasattr(report, "wasxfail"):
            outcome = "xfailed" if outcome == "skipped" else "xpassed"
        if _WORST.get(outcome, 6) > _WORST[result.outcome]:
            result.outcome = outcome if outcome in _WORST else "error"
