"""The corpus of broken evidence through ``score_artifact.py`` itself: options, policy, ledger, exit code."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import scoring_corpus as corpus
from results import Figure
from scoring_parts import ROOT

# As permissive as a policy can be: two clean outcomes carry any threshold, every origin will do.
POLICY = """\
mode: enforce
scoring:
  required: [tests, coverage, static-analysis]
  risk-budget: 0.34
  auto-promote-at: calibrated
  auto-origin: self-reported
  minimum-coverage: 50
  model: {intercept: 30}
"""


class Line:
    """``score_artifact.py`` called in this process with a command line, as often as wanted."""

    def __init__(self, place: Path) -> None:
        spec = importlib.util.spec_from_file_location("score_artifact", ROOT / "scripts/score_artifact.py")
        if spec is None or spec.loader is None:
            raise SystemExit("scripts/score_artifact.py is not there")
        self._module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._module)
        self._place = place
        (place / "policy.yml").write_text(POLICY)

    def __call__(self, folder: Path, digest: str = corpus.DIGEST) -> tuple[int, str]:
        """Exit code and verdict; the verdict is empty where none was printed."""
        given = ["--evidence", str(folder), "--repo", str(self._place), "--config", "policy.yml"]
        given += ["--digest", digest, "--sha", corpus.COMMIT, "--risk", "low", "--format", "json"]
        given += ["--ledger", str(self._place / "ledger")]
        told, before = io.StringIO(), sys.argv
        sys.argv = ["score_artifact.py", *given]
        try:
            with contextlib.redirect_stdout(told), contextlib.redirect_stderr(io.StringIO()):
                code = int(self._module.main())
        finally:
            sys.argv = before
        try:
            return code, str(json.loads(told.getvalue())["verdict"])
        except ValueError:
            return code, ""

    def learn(self, folder: Path, digest: str) -> None:
        """Score ``folder`` as ``digest`` and record that all went well."""
        self(folder, digest)
        outcome = self._place / "outcome.json"
        outcome.write_text(json.dumps({"subject": {"digest": digest}, "label": "clean", "source": "manual"}))
        script = [sys.executable, str(ROOT / "scripts/record_telemetry.py"), "--outcome", str(outcome)]
        subprocess.run([*script, "--ledger", str(self._place / "ledger")], check=True, capture_output=True)


def through_the_command_line() -> list[Figure]:
    """Promoted, and ended otherwise than with a verdict, over every case of the corpus."""
    promoted = odd = 0
    names = [name for name in os.environ if name.startswith(("SIGNALBOX_", "GITHUB_"))]
    kept = {name: os.environ.pop(name) for name in names}
    try:
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            line = Line(place)
            good = place / "good"
            good.mkdir()
            corpus.good(good)
            for number in range(2):
                line.learn(good, "sha256:" + f"{number}" * 64)
            if line(good) != (0, "auto-promote"):
                raise SystemExit(f"the control is not promoted: {line(good)}")
            cases = list(corpus.cases())
            for number, (what, build) in enumerate(cases):
                folder = place / str(number) / "evidence"
                folder.mkdir(parents=True)
                build(folder)
                code, verdict = line(folder)
                promoted += code == 0 or verdict == "auto-promote"
                if (code, verdict) not in ((1, "block"), (3, "manual-review")):
                    odd += 1
                    print(f"ended oddly: {what}: {code} {verdict!r}", file=sys.stderr)
    finally:
        os.environ.update(kept)
    n = len(cases)
    return [
        Figure("broken evidence promoted by the command line", promoted, "cases", {}, n, goal="<= 0"),
        Figure("broken evidence that ends without a verdict", odd, "cases", {}, n, goal="<= 0"),
    ]
