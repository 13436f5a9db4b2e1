"""pytest-signalbox: per test, the code it executed and everything it read.

It does nothing unless the environment names a folder to write to (``PYTEST_SIGNALBOX_DIR``); the command
``index_tests.py`` sets it, runs the suite and reads the recordings.

PYTEST_DONT_REWRITE: in a child process this is imported before pytest is, which pytest would warn of, and a
suite that makes errors of warnings would fail because of us.
"""

from __future__ import annotations

from . import session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"

# At import, and not in a hook: with `-p` this comes before any conftest and most plugins.
session.start()

_owner: Any = None


def pytest_configure(config: Any) -> None:
    """Attach to the outermost session only; sessions run inside a test belong to that test."""
    global _owner
    if session.active is not None and _owner is None:
        from .hooks import Hooks

        _owner = config
        config.pluginmanager.register(Hooks(session.active, config), "pytest_signalbox-recording")


def pytest_unconfigure(config: Any) -> None:
    """End the recording with the session that began it."""
    if session.active is not None and config is _owner:
        session.finish("finished")
