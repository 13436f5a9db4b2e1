"""The caller's suites against dev, judged by the JUnit they leave and never by their exit code alone."""

from __future__ import annotations

from pathlib import Path

import msgspec

from signalbox.decision import Evidence, Gap, not_verified

KIND = "tests"


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """One suite as it ran: ``code`` is its exit code, None when time was up or it could not be started."""

    name: str
    code: int | None
    report: Path
    why: str = ""


def e2e_command(folder: Path) -> str:
    """How Playwright is run there: its own runner where there is a package.json, pytest elsewhere."""
    if (folder / "package.json").is_file():
        return 'cd "$E2E_DIR" && npm ci && npx playwright test --reporter=junit'
    return 'python -m pytest "$E2E_DIR" --junitxml="$JUNIT"'


def suite_evidence(suite: Suite, report: Evidence | None) -> Evidence:
    """What a suite shows. ``report``: its JUnit as read, None where it left none."""
    if suite.code is None:
        return not_verified(KIND, "suite-ended", f"{suite.name}: {suite.why}", source=suite.name)
    if report is None:
        text = f"{suite.name} ended with {suite.code} and left no JUnit report at $JUNIT, so no test ran"
        return not_verified(KIND, "zero-tests", text, source=suite.name)
    if report.status == "pass" and suite.code:
        gap = Gap("exit-code", f"{suite.name} ended with {suite.code} although its report is green")
        return msgspec.structs.replace(report, status="not_verified", gaps=(*report.gaps, gap))
    return report
