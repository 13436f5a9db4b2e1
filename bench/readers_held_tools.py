"""The tools of the held-out reports, none of which any reader was written by: installed once into .cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from readers_tools import HOME, call, needs, ready
from readers_tools import run as run_tool

PYTHON = (
    *("green==4.0.2", "radish-bdd==0.18.4", "behave==1.2.6", "robotframework==6.1.1", "pytest==7.4.4"),
    *("python-subunit==1.4.6", "junitxml==0.7", "testtools==2.9.1", "meson==1.12.1", "flake8==7.5.0"),
    *("flake8-formatter-junit-xml==0.0.6", "typos==1.52.0"),
    *("slipcover==1.1.0", "gcovr==8.8", "avocado-framework==113.0"),
)
NODE = (
    *("@playwright/test@1.65.1", "bats@1.13.0", "deno@2.9.6", "bun@1.4.5", "jasmine@7.0.0"),
    *("jasmine-reporters@2.5.2", "nyc@18.0.0", "oxlint@1.94.0", "@stoplight/spectral-cli@6.16.3"),
    *("markdownlint-cli2@0.24.1", "markdownlint-cli2-formatter-junit@0.0.15"),
    *("markdownlint-cli2-formatter-sarif@0.0.4", "@biomejs/biome@2.6.8", "@cyclonedx/cyclonedx-npm@6.0.1"),
)
GO = (
    "github.com/securego/gosec/v2/cmd/gosec@v2.30.0",
    "honnef.co/go/tools/cmd/staticcheck@v0.8.2",
    "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
)


def run(*command: object, cwd: Path, check: bool = False, **environ: str) -> subprocess.CompletedProcess[str]:
    """As ``readers_tools.run``, with these tools first on PATH."""
    ours = [HOME / "held-py/bin", HOME / "held-js/node_modules/.bin", HOME / "held-go/bin"]
    path = os.pathsep.join([*map(str, ours), os.environ["PATH"]])
    return run_tool(*command, cwd=cwd, check=check, **({"PATH": path} | environ))


def python(name: str) -> Path:
    """A program of the Python environment."""
    return ready("held-py", _python) / "bin" / name


def node(name: str) -> Path:
    """A program of the node packages."""
    needs("npm")
    return ready("held-js", _node) / "node_modules" / ".bin" / name


def modules() -> Path:
    """Where the node packages lie."""
    return node("deno").parent.parent


def go(name: str) -> Path:
    """A program built from a Go module."""
    needs("go")
    return ready("held-go", _go) / "bin" / name


def _python(place: Path) -> None:
    call(sys.executable, "-m", "venv", place)
    call(place / "bin/python", "-m", "pip", "install", "-q", *PYTHON)


def _node(place: Path) -> None:
    (place / "package.json").write_text('{"name": "held-out", "version": "1.0.0", "private": true}')
    call("npm", "install", "--prefix", place, "--no-fund", "--no-audit", "--silent", *NODE)


def _go(place: Path) -> None:
    for module in GO:
        call("go", "install", module, GOBIN=str(place / "bin"))
