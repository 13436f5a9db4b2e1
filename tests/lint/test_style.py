"""Style and types of everything written here."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def tracked(*patterns: str) -> list[str]:
    """Files that git knows or would add: what lies in a checkout and is not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return sorted({name for name in names if name and (ROOT / name).is_file()})


def test_ruff_finds_nothing():
    run(str(BIN / "ruff"), "check", "--no-cache", ".")


def test_everything_is_formatted():
    run(str(BIN / "ruff"), "format", "--check", "--no-cache", ".")


def test_mypy_strict_finds_nothing():
    run(str(BIN / "mypy"), "--strict")


def test_shellcheck_finds_nothing():
    scripts = [*tracked("*.sh"), ".ci/run"]
    assert "actions/run.sh" in scripts
    run("shellcheck", "--external-sources", *scripts)
