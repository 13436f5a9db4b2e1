"""``selection:``: how tests are chosen and when choosing stops and everything runs."""

from __future__ import annotations

from typing import Literal

from signalbox.config.base import AtLeastOne, Globs, Positive, Section, Share


class Selection(Section, frozen=True, kw_only=True):
    """Limits of test selection. Globs match paths from the repository's root; ``**`` spans folders."""

    audit_rate: Share = 0.05
    """Share of runs in which the whole suite runs anyway, so that misses are measured."""
    index_max_age_days: Positive = 14.0
    """An older impact index runs everything."""
    index_max_commits: AtLeastOne = 200
    """So does one that lies further back in the history than this."""
    without_index: Literal["imports", "suites"] = "imports"
    """What chooses where there is no index yet: what test files import (Python), or whole suites by path."""
    flaky_rate_limit: Share = 0.2
    """When a larger share of the tests needs reruns, everything runs: outcomes say little."""
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
    """A change of any of these runs everything."""
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
    """Security-sensitive: a change of any runs everything and is of high risk."""
    max_changed_files: AtLeastOne = 2000
    """A change of more files than this runs everything: judging it would cost more than it saves."""
    trusted_programs: tuple[str, ...] = (
        "uname",
        "true",
        "false",
        "echo",
        "sleep",
        "hostname",
        "locale",
        "ldconfig",
        "lsb_release",
        "tty",
        "stty",
        "id",
        "whoami",
        "getconf",
        "nproc",
        "tput",
        "sysctl",
    )
    """Programs that read nothing of the project. Tests that start any other program which cannot be
    followed are always selected."""
    trusted_extensions: Globs = (
        "_cffi_backend",
        "_yaml*",
        "yaml.*",
        "markupsafe.*",
        "msgspec.*",
        "numpy.*",
        "regex.*",
        "hypothesis.*",
        "greenlet.*",
        "wrapt.*",
        "multidict.*",
        "yarl.*",
        "frozenlist.*",
        "propcache.*",
        "aiohttp.*",
        "cryptography.*",
        "coverage.*",
        "pydantic_core.*",
        "orjson.*",
        "ujson.*",
        "simplejson.*",
        "charset_normalizer.*",
        "*__mypyc",
        "zope.interface.*",
        "_brotli",
        "lazy_object_proxy.*",
        "sqlalchemy.*",
        "psutil.*",
        "google._upb.*",
        "rpds.*",
        "httptools.*",
        "uvloop.*",
        "websockets.*",
        "_pydevd*",
        "setproctitle*",
    )
    """Extension modules that open no file by themselves. When any other is loaded, a changed file that is
    not code runs everything, because C code reads files unseen."""
    ignored_variables: tuple[str, ...] = (
        "PATH",
        "HOME",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "USER",
        "LOGNAME",
        "HOSTNAME",
        "TERM",
        "COLUMNS",
        "LINES",
        "TMPDIR",
        "TEMP",
        "TMP",
        "_",
        "CI",
        "COLORTERM",
        "FORCE_COLOR",
        "NO_COLOR",
        "PY_COLORS",
        "EXECNET_*",
        "GITHUB_*",
        "RUNNER_*",
        "ACTIONS_*",
        "SIGNALBOX_*",
        "PYTEST_*",
        "PYTHON*",
        "VIRTUAL_ENV*",
        "XDG_*",
        "HYPOTHESIS_*",
        "COV_*",
        "COVERAGE_*",
        "BUILDKITE*",
        "CIRCLECI*",
        "CIRRUS_*",
        "CODEBUILD_*",
        "GITLAB_CI*",
        "HEROKU_*",
        "TEAMCITY_*",
        "TF_BUILD*",
        "JENKINS_*",
        "BUILD_NUMBER",
        "BUILD_ID",
        "BUILD_URL",
    )
    """Environment variables that differ from run to run and mean nothing to a test."""
    docs_paths: Globs = ("**/*.md", "**/*.rst", "docs/**", "LICENSE*", "**/*.txt.license", ".gitignore")
    """A change of nothing but these runs the unit suite as a baseline."""
    test_paths: Globs = (
        "tests/**",
        "**/test_*.py",
        "**/*_test.py",
        "**/*_test.go",
        "**/*.test.*",
        "**/*.spec.*",
    )
    """Where tests lie; new and changed test files always run."""
