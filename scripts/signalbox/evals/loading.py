"""What run_evals.py is given by name: config, baseline, anchors, and the layers that were skipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from signalbox.decision import Gap
from signalbox.errors import InputError
from signalbox.evals.baseline import Baseline, decode
from signalbox.evals.model import Unreadable
from signalbox.evals.rejudge import decode_anchors
from signalbox.files import read_limited


def config_file(name: str) -> Path:
    """The path of a promptfoo config that is there."""
    path = Path(name)
    if not path.is_file():
        raise InputError("there is no promptfoo config here", where=name, fix="Check --promptfoo.")
    return path


def load_baseline(name: str) -> tuple[Baseline | None, list[Gap]]:
    """The stored baseline, or the gap of one that cannot be used; a file that is missing is a wrong call."""
    if not name:
        return None, []
    try:
        return decode(read_limited(Path(name), 1 << 27, "baseline")), []
    except Unreadable as error:
        return None, [Gap(error.code, error.text)]


def load_anchors(name: str) -> list[dict[str, Any]]:
    """The anchors of a file; none without one."""
    if not name:
        return []
    return decode_anchors(read_limited(Path(name), 1 << 24, "anchors file"), where=name)


def skipped_layers(lines: Sequence[str]) -> dict[str, str]:
    """``LAYER=REASON`` lines as a mapping; a skip without a reason is refused."""
    skipped = {}
    for line in lines or ():
        layer, equals, why = line.partition("=")
        if not equals or not layer.strip() or not why.strip():
            raise InputError("a skip is named as LAYER=REASON", where="--skip", why=line[:80])
        skipped[layer.strip()] = why.strip()
    return skipped
