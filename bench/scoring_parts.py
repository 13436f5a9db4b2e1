"""A long bench in parts: what was interrupted goes on where it stopped, and nothing stale is kept."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from results import Figure

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".cache" / "bench" / "scoring"
ROOMS = ROOT / "scripts" / "signalbox"


def part(name: str, sources: Sequence[Path], make: Callable[[], list[Figure]]) -> list[Figure]:
    """``make()``, or its figures from before if not one byte of ``sources`` (files, folders) has changed."""
    digest = hashlib.sha256()
    files = [sorted(source.rglob("*.py")) if source.is_dir() else [source] for source in sources]
    for path in (path for group in files for path in group):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    key, place = digest.hexdigest(), KEPT / f"{name}.json"
    if place.is_file():
        kept = json.loads(place.read_text(encoding="utf-8"))
        if kept["key"] == key:
            print(f"{name}: kept from {kept['made']}; delete {place.relative_to(ROOT)} to make it again",
                  file=sys.stderr)  # fmt: skip
            return [Figure(**figure) for figure in kept["figures"]]
    started = time.monotonic()
    figures = make()
    KEPT.mkdir(parents=True, exist_ok=True)
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    document = {"key": key, "made": made, "figures": [asdict(figure) for figure in figures]}
    place.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return figures
