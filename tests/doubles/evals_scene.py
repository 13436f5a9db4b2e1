"""From a scene of promptfoo results to our verdict, by the same functions that ``run_evals.py`` calls."""

from __future__ import annotations

import json

from doubles.promptfoo_results import DIGEST, NOW, Scene
from signalbox.config import Settings
from signalbox.config.evals import Evals
from signalbox.decision import Decision, Evidence, Gap, PolicyRef, Stamp, Subject
from signalbox.evals import Material, Unreadable, decide, gather, read_results
from signalbox.evals.baseline import decode
from signalbox.evals.digests import Watch

STAMP = Stamp(id="00000000-0000-4000-8000-000000000000", at=NOW, producer="test")
POLICY = PolicyRef(sha256="0" * 64)


def verdict_of(scene: Scene) -> Decision:
    """Judge a scene."""
    settings = Evals(roles=scene.roles, layers=scene.layers)
    watch = Watch(DIGEST)
    for reading in scene.readings:
        watch.see(reading, "nothing answers there")
    running = Evidence(
        kind="evals-digest",
        status="not_verified" if watch.trouble else "pass",
        gaps=(watch.trouble,) if watch.trouble else (),
    )
    baseline, gaps = None, []
    if scene.baseline is not None or scene.raw_baseline is not None:
        try:
            baseline = decode(scene.raw_baseline or json.dumps(scene.baseline).encode())
        except Unreadable as error:
            gaps.append(Gap(error.code, error.text))
    material = Material(
        subject=Subject(digest=DIGEST),
        sessions=[read_results(data, source=f"r{n}.json") for n, data in enumerate(scene.documents())],
        baseline=baseline,
        baseline_gaps=gaps,
        declared_anchors=scene.anchors,
        extra=[running],
        skipped=scene.skipped,
        environ_exit_code=scene.exit_code,
    )
    inputs = gather(material, settings, now=NOW)
    return decide(inputs, Settings(evals=settings), POLICY, STAMP)
