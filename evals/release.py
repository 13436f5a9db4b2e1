"""Whether the evals may be released: every criterion of release.yaml is met, or carries its written reason.

usage: run_evals.py --release --evals-decision FILE --e2e-decision FILE
       release.py --route CLASS                     what a failure of this class changes, and where it goes

Exit 0: all met. 1: one is not met. 3: one is not known, because nothing was given that shows it.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from signalbox.config.environments import shipped
from signalbox.contracts import check, read_clauses, read_folder
from signalbox.contracts.records import record_faults
from signalbox.errors import InputError
from signalbox.files import read_limited
from signalbox.phases import rules

HERE = Path(__file__).resolve().parent
VERDICTS = ("PASS", "NOT_VERIFIED", "FAIL")
MET, NOT_MET, UNKNOWN = "met", "not met", "not known"
HOOKS = {"missing-pickup-probe", "review-before-verification", "verification-failed", "goal-fit-stop"}
Line = tuple[str, str]


@cache
def static() -> Line:
    """Every clause holds."""
    contracts, texts = read_folder(HERE / "contracts")
    faults = check(
        contracts, texts, read_clauses((HERE / "static/clauses.yaml").read_bytes(), "clauses.yaml")
    )
    return (
        (NOT_MET, f"{faults[0].where}: {faults[0].text}") if faults else (MET, f"{len(contracts)} documents")
    )


def decision(data: bytes, where: str) -> dict[str, Any]:
    """A decision of the evals as ``--out`` left it; ``InputError`` for anything else."""
    try:
        found: dict[str, Any] = json.loads(data)
        fit = found["kind"] == "evals" and isinstance(found["subject"], dict) and found["verdict"] in VERDICTS
    except (ValueError, KeyError, TypeError, RecursionError):
        fit = False
    if not fit:
        raise InputError("this is no decision about evals", where=where, fix="Give what --out wrote.")
    return found


def about(decisions: list[dict[str, Any]], digest: str) -> str:
    """What keeps decisions from being about the one candidate; empty if nothing does."""
    digests = {str(one["subject"].get("digest", "")) for one in decisions} | ({digest} if digest else set())
    if "" in digests:
        return "a decision names no digest, so it is about no candidate"
    return "" if len(digests) <= 1 else f"the decisions are about {len(digests)} candidates"


def behavioural(
    tests: list[dict[str, Any]], decisions: list[dict[str, Any]], blocked: dict[str, str], odd: str
) -> Line:
    """A PASS of each runtime about these cases; a blocked one needs a reason and an id that exists."""
    ids = {test["metadata"]["id"] for test in tests}
    wrong = sorted(name for name, reason in blocked.items() if name not in ids or not str(reason).strip())
    if wrong:
        return NOT_MET, f"{wrong[0]} is blocked without a reason, or is no case"
    ran = [one for one in decisions if one.get("outputs", {}).get("roles")]
    if not ran:
        return UNKNOWN, "no decision of run_evals.py was given (--evals-decision)"
    if odd:
        return UNKNOWN, odd
    verdicts = {str(one.get("models", {}).get("target") or "a runtime"): one["verdict"] for one in ran}
    for wanted, state in (("FAIL", NOT_MET), ("NOT_VERIFIED", UNKNOWN)):
        found = sorted(name for name, verdict in verdicts.items() if verdict == wanted)
        if found:
            return state, f"{found[0]} is {wanted}"
    left_out = sorted({layer for one in ran for layer in one["outputs"].get("skipped", {})})
    if left_out:
        return UNKNOWN, f"{', '.join(left_out)} did not run"
    # A pass in one runtime proves nothing of another: each is named.
    return MET, f"passed by {', '.join(sorted(verdicts))}; {len(blocked)} cases blocked with a reason"


@cache
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
    shown = []
    for runtime in found["runtimes"]:
        reached = [case["tier"][runtime] for case in cases.values()]
        lowest = min((one["reached"] for one in reached), key=found["tiers"].index)
        marked = " (documented-runtime-gap)" if any(one["gap"] for one in reached) else ""
        shown.append(f"{runtime}: {lowest}{marked}")
    return MET, f"{len(cases)} cases; {', '.join(shown)}; tiers {' < '.join(found['tiers'])}"


@cache
def artifacts() -> Line:
    """Every phase has a recorded record, and it is whole."""
    contracts, _ = read_folder(HERE / "contracts")
    phases = {name: one.fields for name, one in contracts.items() if one.front is not None}
    for name, fields in phases.items():
        path = HERE / f"fixtures/records/{name}.json"
        if not path.is_file():
            return NOT_MET, f"{name} has no recorded record"
        try:
            rules.read(name, path.read_bytes(), path.name)
        except InputError as error:
            return NOT_MET, f"{name}: {error}"
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


def end_to_end(decisions: list[dict[str, Any]], odd: str) -> Line:
    """The candidate's suites."""
    if not decisions:
        return UNKNOWN, "no decision of run_e2e.py was given (--e2e-decision)"
    if odd:
        return UNKNOWN, odd
    verdicts = [str(one["verdict"]) for one in decisions]
    worst = next(verdict for verdict in ("FAIL", "NOT_VERIFIED", "PASS") if verdict in verdicts)
    return {"PASS": MET, "FAIL": NOT_MET}.get(worst, UNKNOWN), f"the suites' verdict is {worst}"


@cache
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


def check_all(
    evals: list[dict[str, Any]], suites: list[dict[str, Any]], *, digest: str = ""
) -> tuple[str, int]:
    """A line for each criterion as a Markdown table, and the exit code."""
    settings = yaml.safe_load((HERE / "release.yaml").read_text("utf-8"))
    tests = yaml.safe_load((HERE / "promptfooconfig.yaml").read_text("utf-8"))["tests"]
    odd = about([*evals, *suites], digest)
    lines = {
        "static-contracts": static(),
        "behavioural": behavioural(tests, evals, settings["blocked"], odd),
        "hook-influence": hooks(),
        "artifact-quality": artifacts(),
        "adversarial": adversarial(tests),
        "end-to-end": end_to_end(suites, odd),
        "docs": documents(),
    }
    table = ["| criterion | state | why |", "|---|---|---|"]
    for name in settings["criteria"]:
        state, why = lines.get(name, (UNKNOWN, "nothing checks this"))
        table.append(f"| {name} | {state} | {why.replace('|', '/')} |")
    states = {lines.get(name, (UNKNOWN, ""))[0] for name in settings["criteria"]}
    return "\n".join(table), 1 if NOT_MET in states else 3 if UNKNOWN in states else 0


def from_files(evals: list[str], suites: list[str], digest: str) -> tuple[str, int]:
    """The same from files that ``run_evals.py`` and ``run_e2e.py`` left by ``--out``."""
    read = [
        [decision(read_limited(Path(name), 64 << 20, "decision"), name) for name in names]
        for names in (evals, suites)
    ]
    return check_all(read[0], read[1], digest=digest)


def main() -> int:
    """Print where a class of failure goes, or what a release lacks without any decision."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--route", default="", metavar="CLASS")
    args = parser.parse_args()
    if args.route:
        routes = yaml.safe_load((HERE / "release.yaml").read_text("utf-8"))["routes"]
        route = routes.get(args.route)
        if route is None:
            print(f"error: no such class; there are {', '.join(routes)}", file=sys.stderr)
            return 2
        print(f"change: {route['change']}\nto: {route['to']}")
        return 0
    table, code = check_all([], [])
    print(table)
    return code


if __name__ == "__main__":
    sys.exit(main())
