"""``selection:``: how tests are chosen and when choosing stops and everything runs."""

from __future__ import annotations

from signalbox.config.base import AtLeastOne, Globs, Positive, Section, Share


class Selection(Section, frozen=True, kw_only=True):
    """Limits of test selection. Globs match paths from the repository's root; ``**`` spans folders."""

    audit_rate: Share = 0.05
    """Share of runs in which the whole suite runs anyway, so that misses are measured."""
    index_max_age_days: Positive = 14.0
    index_max_commits: AtLeastOne = 200
    flaky_rate_limit: Share = 0.2
    full_paths: Globs = (
        ".github/**",
        "**/Dockerfile*",
        "**/*.tf",
        "Makefile",
        "**/CMakeLists.txt",
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "tox.ini",
        "noxfile.py",
        "pytest.ini",
        "**/conftest.py",
        "**/requirements*.txt",
        "**/*.lock",
        "**/*-lock.*",
        "**/go.sum",
        "**/go.mod",
        "**/package.json",
        "**/pom.xml",
        "**/build.gradle*",
        "**/Cargo.toml",
    )
    sensitive_paths: Globs = (
        "**/auth/**",
        "**/auth*.py",
        "**/security/**",
        "**/crypto/**",
        "**/payment*/**",
        "**/payment*.py",
        "**/permissions/**",
        "**/migrations/**",
        "**/secrets*/**",
    )
    docs_paths: Globs = ("**/*.md", "**/*.rst", "docs/**", "LICENSE*", "**/*.txt.license", ".gitignore")
    test_paths: Globs = (
        "tests/**",
        "**/test_*.py",
        "**/*_test.py",
        "**/*_test.go",
        "**/*.test.*",
        "**/*.spec.*",
    )
