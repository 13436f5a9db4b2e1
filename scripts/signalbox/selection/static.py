"""The weaker index of a Python project that has no recorded one: what its test files import. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from signalbox.arguments import below
from signalbox.config import Settings
from signalbox.config.globs import first_match

from .imports import import_graph
from .plan import TEST_MODULES
from .weaker import Weak, WeakTest

_CONFIG = re.compile(r"(?!\.github/).*\.(?:toml|cfg|ini|ya?ml|json)")
# Where pytest takes for tests what its name does not say, a list of test files would be too short.
_COLLECTS = re.compile(rb"python_files|doctest|pytest_collect_file|pytest_pycollect_makemodule")
MOST_FILES, MOST_BYTES, MOST_CONFIG = 6000, 48_000_000, 200_000


def wanted(files: Mapping[str, str]) -> list[str]:
    """The files whose content `weak_of_imports` reads: Python, and what may configure it."""
    python = sorted(path for path in files if path.endswith(".py"))
    config = sorted((p for p in files if _CONFIG.fullmatch(p)), key=lambda p: (p.count("/"), p))[:200]
    return [*python, *config]


def weak_of_imports(
    files: Mapping[str, str],
    contents: Mapping[str, bytes],
    settings: Settings,
    *,
    commit: str,
    recorded_at: str,
) -> Weak | str:
    """What the sources of a commit say; or in a sentence why they cannot be asked.

    ``files``: path → blob id of all its files; ``contents``: path → content of the `wanted` ones.
    """
    sources = {path: content for path, content in contents.items() if path.endswith(".py")}
    config = {p: c for p, c in contents.items() if p not in sources and len(c) <= MOST_CONFIG}
    if len(sources) > MOST_FILES or sum(map(len, sources.values())) > MOST_BYTES:
        return "the project is too large to follow its imports"
    if any(path.endswith(".py") and path not in sources for path in files):
        return "not all of the project's sources are here, so its imports cannot be followed"
    asked = {p: c for p, c in sources.items() if p.rpartition("/")[2] == "conftest.py"}
    for path, content in {**config, **asked}.items():
        if _COLLECTS.search(content):
            return f"{path} changes what pytest takes for a test, which imports do not say"
    roots = sorted({p for suite in settings.suites.values() if not suite.command for p in suite.tests})
    modules = [path for path in sources if first_match(path, TEST_MODULES)]
    inside = [path for path in modules if below(path, roots)]
    tests = inside or modules
    if not tests:
        return "no file is named as pytest names its tests"
    graph = import_graph(sources, config, files)
    return Weak(
        evidence="imports",
        commit=commit,
        recorded_at=recorded_at,
        files=files,
        tests=[WeakTest(id=path, file=path) for path in sorted(tests)],
        uses=graph.uses,
        unknown=graph.unknown,
        everywhere=graph.everywhere,
    )
