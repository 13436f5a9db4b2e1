"""Run the plugin's own tests on every Python and pytest that can be had here, and name those that cannot.

    python tests/pythons.py [--pythons 3.9,3.13] [--pytests 7,8,9]

A Python is found by name (python3.9), by pyenv or by uv. Each pair gets an environment below .cache/pythons.
A pair that is not there is printed as skipped with its reason; the exit code is 1 when a test fails, and 2
when nothing could be run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / ".cache" / "pythons"
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
PYTESTS = ("7", "8", "9")


def interpreter(version: str) -> Path | None:
    """A Python of that version that starts, or None."""
    found = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found += [str(place / "bin/python") for place in sorted(pyenv.glob(f"{version}.*"))]
    if shutil.which("uv"):
        done = subprocess.run(["uv", "python", "find", version], capture_output=True, text=True, check=False)
        found.append(done.stdout.strip())
    wanted = f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    for name in filter(None, found):
        if subprocess.run([name, "-c", wanted], capture_output=True, check=False).returncode == 0:
            return Path(name)
    return None


def prepared(python: Path, version: str, pytest: str) -> Path | str:
    """The interpreter of an environment with that pytest, or why there is none."""
    place = STORE / f"{version}-pytest{pytest}"
    inside = place / "bin" / "python"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([python, "-m", "venv", place], check=True, capture_output=True)
        wanted = [f"pytest=={pytest}.*", "pytest-cov", "pytest-xdist", "pytest-rerunfailures"]
        done = subprocess.run(
            [inside, "-m", "pip", "install", "-q", *wanted], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return (lines or ["it cannot be installed"])[-1]
        (place / "ready").touch()
    return inside


def main() -> int:
    """Run every pair."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pythons", default=",".join(PYTHONS))
    parser.add_argument("--pytests", default=",".join(PYTESTS))
    args = parser.parse_args()
    ran = failed = 0
    for version in args.pythons.split(","):
        python = interpreter(version)
        for pytest in args.pytests.split(","):
            name = f"Python {version}, pytest {pytest}"
            inside = prepared(python, version, pytest) if python else "there is no such Python here"
            if isinstance(inside, str):
                print(f"skipped  {name}: {inside}", flush=True)
                continue
            environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "PYTHON"))}
            command = [inside, ROOT / "tests/plugin_on_this_python.py"]
            done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
            ran, failed = ran + 1, failed + (done.returncode != 0)
            print(f"{'failed ' if done.returncode else 'passed '}  {name}: {_last(done)}", flush=True)
            if done.returncode:
                print(done.stdout[-2000:] + done.stderr[-2000:], file=sys.stderr)
    return 2 if not ran else 1 if failed else 0


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


if __name__ == "__main__":
    sys.exit(main())
