"""``suites:``: what can be run, for how long, and which change calls for it."""

from __future__ import annotations

from signalbox.config.base import Globs, Positive, Section


class Suite(Section, frozen=True, kw_only=True):
    """One suite. ``paths`` are the globs of changed files that call for it; ``**`` is any change.

    ``tests`` are pytest paths; where they are given, tests of this suite are selected one by one.
    ``command`` runs the suite in any language; it may use ``$SIGNALBOX_TESTS`` (a file of node ids).
    """

    minutes: Positive
    """How long all of it takes, until durations are recorded."""
    paths: Globs = ("**",)
    """Changed files that call for it; ``**`` is any change."""
    tests: Globs = ()
    """Its pytest paths; where given, its tests are selected one by one."""
    command: str = ""
    """Runs it in any language; ``$SIGNALBOX_TESTS`` names a file of node ids."""


def shipped_suites() -> dict[str, Suite]:
    """The suites of a repository that declares none."""
    return {
        "unit": Suite(minutes=2, paths=("**",), tests=("tests/unit", "tests")),
        "integration": Suite(
            minutes=10,
            paths=("**/api/**", "**/service*/**", "**/client*/**", "**/*.proto", "**/server*"),
            tests=("tests/integration",),
        ),
        "contract": Suite(
            minutes=5,
            paths=("**/openapi*", "**/*.proto", "**/schema*/**", "**/*.graphql", "**/contract*/**"),
            tests=("tests/contract",),
        ),
        "e2e": Suite(
            minutes=20,
            paths=("**/ui/**", "**/web/**", "**/frontend/**", "**/*.tsx", "**/*.html", "**/checkout*"),
            tests=("tests/e2e",),
        ),
        "performance": Suite(
            minutes=15,
            paths=("**/algorithm*/**", "**/db/**", "**/models/**", "**/*.sql", "**/cache*"),
            tests=("tests/performance",),
        ),
        "security": Suite(
            minutes=5,
            paths=("**/requirements*.txt", "**/package*.json", "**/auth*", "**/auth*/**", "**/crypto*"),
            tests=("tests/security",),
        ),
        # Called for by the widening rules (infrastructure, build system, cross-cutting), never by a path.
        "full": Suite(minutes=60, paths=(), tests=("tests",)),
    }
