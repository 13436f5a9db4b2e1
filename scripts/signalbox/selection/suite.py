"""Run a pytest suite with the plugin beside it, and read what it recorded."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from signalbox.errors import InputError

from .recording import Recording, read_recordings


def record_suite(
    command: Sequence[str], *, cwd: Path, root: Path, environ: Mapping[str, str], plugin: Path, probes: Path
) -> tuple[int, Recording, float | None]:
    """The command's exit code, its recording, and the seconds it took beside its tests.

    The command runs in ``cwd`` with ``plugin`` on its path; ``probes`` keeps rewritten code between runs.
    Those seconds are pytest's start and collection, None where tests ran side by side. `InputError` when the
    command cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="signalbox-") as folder:
        given = dict(environ)
        path = [
            str(plugin),
            *filter(None, [given.get("PYTHONPATH")]),
            str(plugin / "pytest_signalbox" / "boot"),
        ]
        given["PYTHONPATH"] = os.pathsep.join(path)
        given["PYTEST_ADDOPTS"] = f"-p pytest_signalbox {given.get('PYTEST_ADDOPTS', '')}".strip()
        given |= {
            "PYTEST_SIGNALBOX_DIR": folder,
            "PYTEST_SIGNALBOX_ROOT": str(root),
            "PYTEST_SIGNALBOX_CACHE": str(probes),
        }
        began = time.monotonic()
        try:
            code = subprocess.run(list(command), cwd=cwd, env=given, check=False).returncode
        except OSError as error:
            raise InputError("the command cannot be started", where=command[0], why=str(error)) from None
        took = time.monotonic() - began
        recording = read_recordings(Path(folder))
    beside = took - sum(test.seconds for test in recording.tests.values())
    return code, recording, beside if beside >= 0 else None


def plugin_folder(scripts: Path) -> Path:
    """Where the plugin lies: beside the scripts, in the same checkout."""
    place = scripts.resolve().parent / "plugin" / "src"
    if not (place / "pytest_signalbox" / "__init__.py").is_file():
        raise InputError(
            "the pytest plugin is not where it belongs", where=str(place), fix="Use a whole checkout."
        )
    return place
