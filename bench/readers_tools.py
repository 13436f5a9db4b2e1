"""The tools that bench/readers.py runs, installed once by their own package managers into .cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent / ".cache" / "bench" / "readers"
PYTHON = (
    *("pytest==9.2.0", "pytest-xdist==3.8.0", "pytest-benchmark==5.3.1", "coverage==7.17.3", "mypy==2.4.1"),
    *("unittest-xml-reporting", "nose2==0.16.0", "behave==1.3.3", "robotframework==7.5", "ruff==0.17.5"),
    *("bandit[sarif]==1.9.4", "zizmor==1.32.0", "semgrep==1.182.0", "cyclonedx-bom==7.5.0"),
    *("pip-audit==2.10.1", "junitparser==5.0.3", "sarif-tools==3.0.5"),
)
NODE = (
    *("jest@30.5.2", "jest-junit@17.0.0", "vitest@4.1.12", "mocha@11.8.0", "mocha-junit-reporter@2.2.1"),
    *("eslint@10.15.0", "@microsoft/eslint-formatter-sarif@3.1.0", "c8@12.0.0"),
)
GO = ("gotest.tools/gotestsum@v1.13.0", "github.com/jstemmer/go-junit-report/v2@v2.1.0")
# What reaches a tool: where its package manager and its own look-ups find their servers.
KEPT = ("LANG", "GO", "SSL", "HTTP", "http", "NO_PROXY", "no_proxy", "PIP_", "REQUESTS_", "npm_")
RUST = ("hyperfine@1.20.0",)
_SECONDS = 900


class Missing(Exception):
    """A tool that this machine cannot have; its reports are left out and named."""


def run(*command: object, cwd: Path, check: bool = False, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a tool as a job does: its own home, no colours, none of our settings."""
    path = os.pathsep.join([str(HOME / "py/bin"), str(HOME / "js/node_modules/.bin"), str(HOME / "go/bin")])
    kept = {key: value for key, value in os.environ.items() if key.startswith(KEPT)}
    env = kept | {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "HOME": str(cwd), "NO_COLOR": "1"}
    env |= {"GOCACHE": str(HOME / "go/cache"), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"} | environ
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if check and done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {(done.stdout + done.stderr)[-400:]}")
    return done


def python(name: str) -> Path:
    """A program of the Python environment."""
    return ready("py", _python) / "bin" / name


def node(name: str) -> Path:
    """A program of the node packages."""
    needs("npm")
    return ready("js", _node) / "node_modules" / ".bin" / name


def go(name: str) -> Path:
    """A program built from a Go module, or ``go`` itself."""
    found = needs("go")
    return Path(found) if name == "go" else ready("go", _go) / "bin" / name


def rust(name: str) -> Path:
    """A program from PATH, or else built from its crate."""
    if shutil.which(name):
        return Path(str(shutil.which(name)))
    needs("cargo")
    return ready("rust", _rust) / "bin" / name


def needs(program: str) -> str:
    """Where a program is; raises Missing."""
    found = shutil.which(program)
    if found is None:
        raise Missing(f"{program} is not installed")
    return found


def ready(name: str, install: Callable[[Path], None]) -> Path:
    """Its folder below ``HOME``, after ``install(folder)`` has filled it once."""
    place = HOME / name
    if (place / "failed").exists():
        raise Missing((place / "failed").read_text())
    if not (place / "ready").exists():
        print(f"installing {name} into {place}", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        try:
            install(place)
        except (OSError, subprocess.SubprocessError) as error:
            (place / "failed").write_text(f"{name}: {error}"[:300])
            raise Missing(f"{name}: {error}"[:300]) from None
        (place / "ready").touch()
    return place


def call(*command: object, **more: str) -> None:
    """Run an installer; raises what subprocess raises."""
    parts = [str(part) for part in command]
    subprocess.run(parts, check=True, timeout=_SECONDS, capture_output=True, env={**os.environ, **more})


def _python(place: Path) -> None:
    call(sys.executable, "-m", "venv", place)
    call(place / "bin/python", "-m", "pip", "install", "-q", *PYTHON)


def _node(place: Path) -> None:
    (place / "package.json").write_text('{"name": "readers", "version": "1.0.0", "private": true}')
    call("npm", "install", "--prefix", place, "--no-fund", "--no-audit", "--silent", *NODE)


def _go(place: Path) -> None:
    for module in GO:
        call("go", "install", module, GOBIN=str(place / "bin"))


def _rust(place: Path) -> None:
    for crate in RUST:
        call("cargo", "install", "--quiet", "--locked", "--root", place, crate)
