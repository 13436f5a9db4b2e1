"""Other people's gates, in an environment of their own below .cache/bench: statgate and evalproof.

They are shown what we are shown: per simulated session the draws of both arms, per sabotaged scene the two
promptfoo files.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent / ".cache" / "bench" / "evals-peers"
NEEDS = ("statgate==0.1.1", "evalproof==0.2.1")

_PROGRAM = """
import json, sys, tempfile, pathlib
from statgate import GateSettings, evaluate_gate
from statgate.adapters import load_records
from statgate.records import EvalRecord
from evalproof.compare import compare_runs
from evalproof.config import GateConfig
from evalproof.gate import decide
from evalproof.models import Case, CaseResult, Run, RunInfo, Score, SystemOutput

asked = json.load(sys.stdin)
margin = asked["margin"]
settings = GateSettings(metric="pass_rate", margin=margin, resamples=1000, permutations=200, seed=1)

def statgate(base, cand):
    try:
        verdict = str(evaluate_gate(base, cand, settings).verdict)
        return {"SHIP": "pass", "BLOCK": "fail"}.get(verdict, "undecided")
    except Exception:
        return "error"

def records(draws):
    return [EvalRecord(case_id=f"c{i}", passed=bit == "1", run_index=j)
            for i, row in enumerate(draws) for j, bit in enumerate(row)]

def run(pairs):
    results = [CaseResult(case_id=name, output=SystemOutput(output="", error=error),
                          scores={"pass": Score(value=float(ok), passed=ok)} if ok is not None else {})
               for name, ok, error in pairs]
    info = RunInfo(suite="s", system="s", dataset_path="d", dataset_hash="h", started_at="", finished_at="",
                   wall_time_s=0, evalproof_version="", seed=0)
    return Run(info=info, results=results)

def evalproof(base, cand):
    try:
        compared = compare_runs(run(base), run(cand), n_boot=200)
        status = decide(compared, GateConfig(metric="pass", max_drop=margin)).status
        return "fail" if status == "fail" else "pass"
    except Exception:
        return "error"

def flat(draws):
    return [(f"c{i}-{j}", bit == "1", None) for i, row in enumerate(draws) for j, bit in enumerate(row)]

def rows(text):
    document = json.loads(text)
    return [(f"t{row['testIdx']}", row["success"], row["error"] if row["failureReason"] == 2 else None)
            for row in document["results"]["results"]]

out = {"statgate": [], "evalproof": []}
for base, cand in asked.get("sessions", []):
    out["statgate"].append(statgate(records(base), records(cand)))
    out["evalproof"].append(evalproof(flat(base), flat(cand)))
for base, cand in asked.get("scenes", []):
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in (("b.json", base), ("c.json", cand)):
            paths.append(pathlib.Path(folder) / name)
            paths[-1].write_text(text)
        try:
            found = [load_records(path, "promptfoo") for path in paths]
            out["statgate"].append(statgate(*found))
        except Exception:
            out["statgate"].append("error")
    try:
        out["evalproof"].append(evalproof(rows(base), rows(cand)))
    except Exception:
        out["evalproof"].append("error")
json.dump(out, sys.stdout)
"""


def environment() -> Path | None:
    """The peers' interpreter, made on first use; None (and a word why) where that is not possible."""
    python = HOME / "bin" / "python"
    if (HOME / ".done").exists():
        return python
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(HOME)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *NEEDS],
    )
    for command in commands:
        made = subprocess.run(command, capture_output=True, check=False)
        if made.returncode:
            said = made.stderr.decode(errors="replace").strip()[-300:]
            print(f"statgate and evalproof are left out: {said}", file=sys.stderr)
            return None
    (HOME / ".done").touch()
    return python


def judge(margin: float, **asked: list[Any]) -> dict[str, list[str]]:
    """Peer → its verdict (pass, fail, undecided, error) on each session or scene; empty without peers."""
    python = environment()
    if python is None:
        return {}
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", _PROGRAM],
        input=json.dumps({"margin": margin, **asked}),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found
