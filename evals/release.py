"""Whether the evals may be released: every criterion of release.yaml is met, or carries its written reason.

usage: release.py [--evals FILE…] [--e2e FILE]      decisions that run_evals.py and run_e2e.py left by --out
       release.py --route CLASS                     what a failure of this class changes, and where it goes

Exit 0: all met. 1: one is not met. 3: one is not known, because nothing was given that shows it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from signalbox.config.environments import shipped
from signalbox.contracts import check, read_clauses, read_folder
from signalbox.contracts.records import record_faults

HERE = Path(__file__).resolve().parent
MET, NOT_MET, UNKNOWN = "met", "not met", "not known"
HOOKS = {"missing-pickup-probe", "review-before-verification", "verification-failed", "goal-fit-stop"}
Line = tuple[str, str]


def static() -> Line:
    """Every clause holds."""
    contracts, texts = read_folder(HERE / "contracts")
    faults = check(
        contracts, texts, read_clauses((HERE / "static/clauses.yaml").read_bytes(), "clauses.yaml")
    )
    return (
        (NOT_MET, f"{faults[0].where}: {faults[0].text}") if faults else (MET, f"{len(contracts)} documents")
    )


def behavioural(
    tests: list[dict[str, Any]], decisions: list[dict[str, Any]], blocked: dict[str, str]
) -> Line:
    """A PASS about these cases; a blocked one needs a reason and an id that exists."""
    ids = {test["metadata"]["id"] for test in tests}
    odd = sorted(name for name, reason in blocked.items() if name not in ids or not str(reason).strip())
    if odd:
        return NOT_MET, f"{odd[0]} is blocked without a reason, or is no case"
    verdicts = [decision.get("verdict") for decision in decisions if decision.get("kind") == "evals"]
    if not verdicts:
        return UNKNOWN, "no decision of run_evals.py was given (--evals)"
    if "FAIL" in verdicts:
        return NOT_MET, "a runtime failed"
    if any(verdict != "PASS" for verdict in verdicts):
        return UNKNOWN, "a runtime is not verified"
    return MET, f"{len(verdicts)} runtimes passed, {len(blocked)} cases blocked with a reason"


def hooks() -> Line:
    """The four required cases, a tier for each runtime, each gap marked or none."""
    found = json.loads((HERE / "fixtures/hook-influence/cases.json").read_bytes())
    cases = {case["id"]: case for case in found["cases"]}
    if HOOKS - set(cases):
        return NOT_MET, f"{sorted(HOOKS - set(cases))[0]} is missing"
    for name, case in cases.items():
        for runtime in found["runtimes"]:
            tier = case["tier"].get(runtime, {})
            if tier.get("reached") not in found["tiers"] or tier.get("gap") not in (
                "",
                "documented-runtime-gap",
            ):
                return NOT_MET, f"{name} records no tier for {runtime}"
    return MET, f"{len(cases)} cases, {len(found['runtimes'])} runtimes"


def artifacts() -> Line:
    """Every phase has a recorded record, and it is whole."""
    contracts, _ = read_folder(HERE / "contracts")
    phases = {name: one.fields for name, one in contracts.items() if one.front is not None}
    for name, fields in phases.items():
        path = HERE / f"fixtures/records/{name}.json"
        if not path.is_file():
            return NOT_MET, f"{name} has no recorded record"
        faults = record_faults(name, json.loads(path.read_bytes()), fields)
        if faults:
            return NOT_MET, f"{name}: {faults[0]}"
    return MET, f"{len(phases)} records"


def adversarial(tests: list[dict[str, Any]]) -> Line:
    """Every may-not of every agent has its case, and each case its recorded answers."""
    shown: set[str] = set()
    for path in (HERE / "transcripts").glob("*.yaml"):
        shown |= set(yaml.safe_load(path.read_text("utf-8")))
    unshown = sorted({test["metadata"]["id"] for test in tests} - shown)
    if unshown:
        return NOT_MET, f"{unshown[0]} is not recorded both ways"
    have = {(t["metadata"]["role"], t["metadata"]["environment"], t["metadata"].get("may-not")) for t in tests
            if "environment" in t["metadata"]}  # fmt: skip
    for one in shipped()["contracts"]:
        for action in [*one["forbidden_actions"], *one.get("needs_approval", [])]:
            name = "everything" if action == "*" else action
            if (one["agent_id"], one["environment"], name) not in have:
                return NOT_MET, f"{one['agent_id']} in {one['environment']}: no case for {name}"
    return MET, f"{len(tests)} cases recorded both ways"


def end_to_end(decision: dict[str, Any] | None) -> Line:
    """The candidate's suites."""
    if decision is None:
        return UNKNOWN, "no decision of run_e2e.py was given (--e2e)"
    verdict = decision.get("verdict")
    return {"PASS": MET, "FAIL": NOT_MET}.get(str(verdict), UNKNOWN), f"the suites' verdict is {verdict}"


def documents() -> Line:
    """Contracts and published schemas are about the same phases."""
    contracts, _ = read_folder(HERE / "contracts")
    phases = {name for name, one in contracts.items() if one.front is not None}
    schemas = {
        path.name.removeprefix("phase-").removesuffix(".schema.json")
        for path in (HERE.parent / "docs/schema").glob("phase-*.schema.json")
    } - {"state", "hand-off"}
    odd = sorted(phases ^ schemas)
    return (
        (NOT_MET, f"{odd[0]} has only a contract or only a schema") if odd else (MET, f"{len(phases)} phases")
    )


def main() -> int:
    """Print a line for each criterion."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--evals", nargs="*", default=[], metavar="FILE")
    parser.add_argument("--e2e", default="", metavar="FILE")
    parser.add_argument("--route", default="", metavar="CLASS")
    args = parser.parse_args()
    settings = yaml.safe_load((HERE / "release.yaml").read_text("utf-8"))
    if args.route:
        route = settings["routes"].get(args.route)
        if route is None:
            print(f"error: no such class; there are {', '.join(settings['routes'])}", file=sys.stderr)
            return 2
        print(f"change: {route['change']}\nto: {route['to']}")
        return 0
    tests = yaml.safe_load((HERE / "promptfooconfig.yaml").read_text("utf-8"))["tests"]
    decisions = [json.loads(Path(name).read_bytes()) for name in args.evals]
    lines = {
        "static-contracts": static(),
        "behavioural": behavioural(tests, decisions, settings["blocked"]),
        "hook-influence": hooks(),
        "artifact-quality": artifacts(),
        "adversarial": adversarial(tests),
        "end-to-end": end_to_end(json.loads(Path(args.e2e).read_bytes()) if args.e2e else None),
        "docs": documents(),
    }
    print("| criterion | state | why |\n|---|---|---|")
    for name in settings["criteria"]:
        state, why = lines.get(name, (UNKNOWN, "nothing checks this"))
        print(f"| {name} | {state} | {why} |")
    states = {lines.get(name, (UNKNOWN, ""))[0] for name in settings["criteria"]}
    return 1 if NOT_MET in states else 3 if UNKNOWN in states else 0


if __name__ == "__main__":
    sys.exit(main())
