"""The programs and the resource definitions of the cluster lane, built once and kept in .cache/cluster.

    python tests/cluster/parts.py        get everything, say how long each took; exit 1 with the reason

Programs found in KUBEBUILDER_ASSETS or on PATH are used; the others are built from Go modules. Resource
definitions come out of the projects' own modules. Nothing of it is committed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "cluster"
BUILD_SECONDS = 1500
KUBERNETES = "v1.34.4"
ETCD = "v3.6.4"
ARGO = ("github.com/argoproj/argo-rollouts", "v1.8.3")
# The newest that the module proxy carries.
FLAGGER = ("github.com/fluxcd/flagger", "v1.36.1")


class Unavailable(Exception):
    """A part cannot be had here; the message says why."""


@dataclass(frozen=True)
class Program:
    """A Go program: its module, the package in it, and whether the module's own replacements matter."""

    name: str
    module: str
    version: str
    package: str
    whole: bool = False


PROGRAMS = (
    Program("etcd", "go.etcd.io/etcd/server/v3", ETCD, ""),
    Program("kube-apiserver", "k8s.io/kubernetes", KUBERNETES, "/cmd/kube-apiserver"),
    Program("rollouts-controller", *ARGO, "/cmd/rollouts-controller", whole=True),
    Program("flagger", *FLAGGER, "/cmd/flagger", whole=True),
    Program("loadtester", *FLAGGER, "/cmd/loadtester", whole=True),
)
CRDS = {
    "argo": (*ARGO, "manifests/crds/*-crd.yaml"),
    "flagger": (*FLAGGER, "artifacts/flagger/crd.yaml"),
    "gateway": ("sigs.k8s.io/gateway-api", "v1.4.0", "config/crd/standard/*_httproutes.yaml"),
    "keda": ("github.com/kedacore/keda/v2", "v2.17.2", "config/crd/bases/keda.sh_scaledobjects.yaml"),
    "istio": ("istio.io/api", "v1.27.3", "kubernetes/customresourcedefinitions.gen.yaml"),
}


def program(name: str) -> Path:
    """The program's path, built if need be; ``Unavailable`` says why it cannot be had."""
    wanted = next(one for one in PROGRAMS if one.name == name)
    assets = Path(os.environ.get("KUBEBUILDER_ASSETS", "/nonexistent")) / name
    for place in (str(assets) if assets.is_file() else "", shutil.which(name) or ""):
        if place:
            return Path(place)
    built = CACHE / f"{name}-{wanted.version}"
    if not built.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _build(wanted, Path(folder))
            (Path(folder) / "built").replace(built)
    return built


def definitions(name: str) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions of one project, as objects."""
    module, version, pattern = CRDS[name]
    folder = _module(module, version)
    found = []
    for path in sorted(folder.glob(pattern)):
        documents = yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)
        found += [one for one in documents if one and one.get("kind") == "CustomResourceDefinition"]
    if not found:
        raise Unavailable(f"{module}@{version} holds no definitions under {pattern}")
    return found


def _build(wanted: Program, folder: Path) -> None:
    where = folder / "module"
    if wanted.whole:
        # A module's replacements count only where it is the main module: so it is copied to be that.
        shutil.copytree(_module(wanted.module, wanted.version), where, copy_function=shutil.copyfile)
        for one in (where, *(path for path in where.rglob("*") if path.is_dir())):
            one.chmod(0o755)
        package = f".{wanted.package}"
    else:
        where.mkdir()
        (where / "go.mod").write_text(_go_mod(wanted))
        (where / "go.sum").touch()
        package = wanted.module + wanted.package
        # Named somewhere, or the module is not looked into.
        lines = ["//go:build parts", "package parts", f'import _ "{package}"', ""]
        (where / "parts.go").write_text("\n".join(lines))
    # Without it the API server calls itself v0.0.0-master, and Flagger refuses to work with it.
    version = f"-X k8s.io/component-base/version.gitVersion={KUBERNETES}"
    _go(["build", "-mod=mod", f"-ldflags=-s -w {version}", "-o", str(folder / "built"), package], where)


def _go_mod(wanted: Program) -> str:
    lines = ["module signalbox.test/parts", "", "go 1.24.0", "", f"require {wanted.module} {wanted.version}"]
    own = (_module(wanted.module, wanted.version) / "go.mod").read_text()
    # Kubernetes' staging folders are modules of their own, published under v0 with the same numbers.
    for name in re.findall(r"^\s+(\S+) => \./staging/", own, re.MULTILINE):
        lines.append(f"replace {name} => {name} v0{wanted.version.removeprefix('v1')}")
    return "\n".join(lines) + "\n"


def _module(module: str, version: str) -> Path:
    return Path(json.loads(_go(["mod", "download", "-json", f"{module}@{version}"], CACHE))["Dir"])


def _go(arguments: list[str], where: Path) -> str:
    go = shutil.which("go")
    if go is None:
        raise Unavailable("go is not installed, and kube-apiserver and etcd are not on PATH")
    where.mkdir(parents=True, exist_ok=True)
    options = {"CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(
            [go, *arguments],
            cwd=where,
            env=os.environ | options,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"go {arguments[0]} {arguments[-1]} took over {BUILD_SECONDS} s") from None
    if done.returncode:
        last = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()][-1:]
        raise Unavailable(f"go {arguments[0]} {arguments[-1]}: {last[0][:200] if last else 'failed'}")
    return done.stdout


def main() -> int:
    """Get everything; what cannot be had is named on the last line."""
    missing = []
    for name in [one.name for one in PROGRAMS]:
        began = time.monotonic()
        try:
            print(f"{program(name)}  {time.monotonic() - began:.0f} s", flush=True)
        except Unavailable as error:
            missing.append((name, str(error)))
            print(f"{name} cannot be had: {error}", flush=True)
    for name in CRDS:
        try:
            print(f"{name}: {len(definitions(name))} definitions", flush=True)
        except Unavailable as error:
            missing.append((name, str(error)))
    # Without these two there is no cluster; without another only its own tests are skipped, by name.
    needed = [why for name, why in missing if name in ("etcd", "kube-apiserver")]
    if needed:
        print(needed[0])
    return 1 if needed else 0


if __name__ == "__main__":
    sys.exit(main())
