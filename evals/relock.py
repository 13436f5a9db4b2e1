"""Writes evals/package-lock.json anew from evals/package.json: one lock for Linux and macOS, x64 and arm64.

usage: relock.py            after a change of a version in package.json
       relock.py --check    exit 1 when it names another version than package.json, or too much

promptfoo's optional packages (a gigabyte of cloud clients) are left out. What stays optional is the one
native library that it cannot start without, in a build for each platform: npm installs the one that fits.
No address of a registry is written: each machine takes its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from signalbox.evals.runner import find_node, find_npm

HERE = Path(__file__).resolve().parent
LOCK = HERE / "package-lock.json"
NATIVE = re.compile(r"node_modules/@libsql/(?:linux-(?:x64|arm64)-(?:gnu|musl)|darwin-(?:x64|arm64))")
NPM = "install --package-lock-only --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved"
Lock = dict[str, Any]


def resolve() -> Lock:
    """Everything that npm would install, on any platform; versions that are locked stay."""
    node = find_node()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "package.json").write_bytes((HERE / "package.json").read_bytes())
        if LOCK.is_file():
            known: Lock = json.loads(LOCK.read_bytes())
            # npm takes a lock's word for what a package needs; this one is asked again, with all its builds.
            known["packages"].pop("node_modules/libsql", None)
            Path(folder, "package-lock.json").write_text(json.dumps(known), "utf-8")
        path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        command = [find_npm(node), *NPM.split()]
        subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, check=True, timeout=600)
        found: Lock = json.loads(Path(folder, "package-lock.json").read_bytes())
    return found


def pruned(lock: Lock) -> Lock:
    """The lock without optional packages but the native library's builds, and no name of what is gone."""
    packages = {
        place: {key: value for key, value in one.items() if key != "resolved"}
        for place, one in lock["packages"].items()
        if (not one.get("optional") and not one.get("devOptional")) or NATIVE.fullmatch(place)
    }
    names = {place.rpartition("node_modules/")[2] for place in packages}
    for one in packages.values():
        kept = {name: wanted for name, wanted in one.pop("optionalDependencies", {}).items() if name in names}
        if kept:
            one["optionalDependencies"] = kept
    return {**lock, "packages": packages}


def faults(lock: Lock, wanted: Lock) -> list[str]:
    """What keeps a lock from being the one that ``pruned`` leaves, and from being about this package.json."""
    found = [] if lock == pruned(lock) else ["it holds more than is needed"]
    if lock["packages"][""].get("dependencies") != wanted["dependencies"]:
        found.append("package.json asks for other versions")
    natives = {place for place in lock["packages"] if NATIVE.fullmatch(place)}
    if len(natives) != 6:
        found.append(f"it has {len(natives)} builds of the native library, not 6")
    bare = [place for place, one in lock["packages"].items() if place and not one.get("integrity")]
    return found + [f"{place} has no integrity" for place in bare]


def main() -> int:
    """Write, or check."""
    wanted = json.loads((HERE / "package.json").read_bytes())
    if "--check" in sys.argv[1:]:
        for fault in faults(json.loads(LOCK.read_bytes()), wanted):
            print(f"evals/package-lock.json: {fault}: run python evals/relock.py")
        return 1 if faults(json.loads(LOCK.read_bytes()), wanted) else 0
    made = pruned(resolve())
    for fault in faults(made, wanted):
        print(f"error: {fault}", file=sys.stderr)
    if faults(made, wanted):
        return 1
    LOCK.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
