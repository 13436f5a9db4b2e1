"""The rows of the environment tables, as questions to the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gates_world import COUNTS, DIGEST, Row, World, shipped

Plain = dict[str, Any]


def every() -> list[Row]:
    """All rows, table by table."""
    return [*places(), *contracts(), *autos(), *humans(), *routes(), *tiers(), *data(), *rollback()]


def places() -> Iterator[Row]:
    questions = {
        "development": ("feature/x", "main"),
        "staging": ("release/2", "feature/x"),
        "production": ("refs/tags/v1.2.0", "main"),
    }
    for name, (good, bad) in questions.items():

        def ask(here: World, plain: Plain, ref: str, place: str = name) -> str:
            here.policy(plain)
            return here.ask("check_gate", "--entering", place, "--ref", ref).verdict

        yield Row(
            "places", name, lambda plain, n=name: plain["places"].pop(n),
            lambda here, plain, ask=ask, ref=good: ask(here, plain, ref),
            lambda here, plain, ask=ask, ref=bad: ask(here, plain, ref), "PASS", "FAIL",
        )  # fmt: skip


def contracts() -> Iterator[Row]:
    for index, line in enumerate(shipped()["contracts"]):
        forbidden = [*line["forbidden_actions"], *line.get("needs_approval", [])][0]
        action = (line["actions"] or ["write-code"])[0]

        def ask(here: World, plain: Plain, action: str, line: Plain = line) -> tuple[str, str]:
            here.policy(plain)
            where = ("--agent", line["agent_id"], "--environment", line["environment"])
            found = here.ask("authorize_agent", *where, "--action", action)
            code = found.decision["reasons"][0]["code"] if found.decision else ""
            return found.verdict, code

        no = "needs-approval" if forbidden in line.get("needs_approval", []) else "forbidden"
        yield Row(
            "contracts", f"{line['agent_id']} in {line['environment']}",
            lambda plain, i=index: plain["contracts"].pop(i),
            lambda here, plain, ask=ask, a=action: ask(here, plain, a),
            lambda here, plain, ask=ask, a=forbidden: ask(here, plain, a),
            ("allow", "contract") if line["actions"] else ("deny", "forbidden"), ("deny", no),
        )  # fmt: skip


def autos() -> Iterator[Row]:
    for gate, about in shipped()["gates"].items():
        for index, line in enumerate(about.get("auto", [])):
            check = line["check"]
            broken: dict[str, Any] = {"without": (check,)}
            if check == "ai-metadata":
                # Read from git, not from a record: without a base there is no change to read it of.
                broken = {"more": ("--base", "HEAD")}
            want = "NOT_VERIFIED"
            yield Row(
                f"{gate}, evidence", check, lambda plain, g=gate, i=index: plain["gates"][g]["auto"].pop(i),
                lambda here, plain, g=gate: here.passing(plain, g).verdict,
                lambda here, plain, g=gate, b=broken: here.gate(plain, g, **b).verdict, "PASS", want,
            )  # fmt: skip


def humans() -> Iterator[Row]:
    for gate, about in shipped()["gates"].items():
        for index, line in enumerate(about.get("human", [])):
            yield Row(
                f"{gate}, people", line["id"],
                lambda plain, g=gate, i=index: plain["gates"][g]["human"].pop(i),
                lambda here, plain, g=gate: here.passing(plain, g).verdict,
                lambda here, plain, g=gate, role=line["role"]: here.gate(plain, g, nobody=(role,)).verdict,
                "PASS", "NOT_VERIFIED",
            )  # fmt: skip


def routes() -> Iterator[Row]:
    failing: dict[str, tuple[str, str, dict[str, Any]]] = {
        "gate-3-any": ("gate-3", "unit-tests", {"status": "fail"}),
        "fix-code": ("gate-5", "integration", {"status": "fail"}),
        "fix-test": ("gate-5", "integration", {"status": "fail", "facts": {"cause": "test"}}),
        "remediate": ("gate-5", "sast", {"status": "fail", "facts": {"by_severity": COUNTS | {"high": 1}}}),
        "re-scan": ("gate-5", "dast", {"status": "fail", "facts": {"by_severity": COUNTS | {"critical": 2}}}),
        "name-requirement": ("gate-5", "licence-scan", {"status": "fail"}),
        "supply-evidence": ("gate-5", "licence-scan", {"status": "fail"}),
        "gate-6-any": ("gate-6", "monitoring", {"status": "fail"}),
        "gate-7-any": ("gate-7", "health", {"status": "fail"}),
    }
    for index, line in enumerate(shipped()["routes"]):
        gate, check, change = failing[line["id"]]

        def ask(
            here: World, plain: Plain, change: dict[str, Any], gate: str = gate, check: str = check
        ) -> Any:
            found = here.gate(plain, gate, change={check: change}).decision
            handed = [one for one in found.get("outputs", {}).get("hand_over", []) if one["check"] == check]
            return [(one["to"], one["task"], one.get("then", [])) for one in handed]

        wanted = (
            "licence-scan",
            [("compliance-agent", "name-the-requirement", ["compliance-agent:supply-evidence"])],
        )
        by_id = {
            "gate-3-any": [("developer-agent", "fix-code", [])],
            "fix-code": [("developer-agent", "fix-code", [])],
            "fix-test": [("qa-agent", "fix-test", [])],
            "remediate": [("developer-agent", "remediate", ["security-agent:re-scan"])],
            "re-scan": [("developer-agent", "remediate", ["security-agent:re-scan"])],
            "name-requirement": wanted[1],
            "supply-evidence": wanted[1],
            "gate-6-any": [("platform-agent", "answer-feedback", [])],
            "gate-7-any": [("ops-agent", "look-into-it", [])],
        }
        yield Row(
            "routes", line["id"], lambda plain, i=index: plain["routes"].pop(i),
            lambda here, plain, ask=ask, c=change: ask(here, plain, c),
            lambda here, plain, ask=ask: ask(here, plain, {}), by_id[line["id"]], [],
        )  # fmt: skip


def tiers() -> Iterator[Row]:
    cases = [
        (("low", "Internal"), ("medium", "Internal"), 1, 2),
        (("medium", "Internal"), ("low", "Internal"), 2, 1),
        (("high", "Internal"), ("low", "Internal"), 3, 1),
        (("low", "Confidential"), ("low", "Internal"), 3, 1),
        (("low", "Restricted"), ("low", "Confidential"), 4, 3),
    ]
    for index, (good, bad, wanted, refused) in enumerate(cases):

        def ask(here: World, plain: Plain, given: tuple[str, str]) -> int:
            more = ("--classification", given[1])
            return int(here.gate(plain, "gate-3", risk=given[0], more=more).decision["outputs"]["tier"])

        if index == 0:
            # Tier 1 is also what is left when no line holds: so its line is changed, not taken out.
            def remove(plain: Plain) -> None:
                plain["tiers"][0]["tier"] = 2
        else:

            def remove(plain: Plain, i: int = index) -> None:
                plain["tiers"].pop(i)

        yield Row(
            "tiers", shipped()["tiers"][index]["when"], remove,
            lambda here, plain, ask=ask, g=good: ask(here, plain, g),
            lambda here, plain, ask=ask, b=bad: ask(here, plain, b), wanted, refused,
        )  # fmt: skip


def data() -> Iterator[Row]:
    cases = {
        "source": ("production", "tagged-releases", "feature-branches"),
        "test-data": ("staging", "anonymised", "real"),
        "secrets": ("development", "dev-vault", "production-vault"),
        "prompts": ("production", "references", "full"),
        "run-records": ("staging", "ledger", "local"),
        "monitoring": ("staging", "full-simulated", "basic"),
    }
    for kind, (place, good, bad) in cases.items():

        def ask(here: World, plain: Plain, value: str, kind: str = kind, place: str = place) -> str:
            here.policy(plain)
            return here.ask("check_gate", "--entering", place, "--data", kind, "--value", value).verdict

        yield Row(
            "data", kind, lambda plain, k=kind: plain["data"].pop(k),
            lambda here, plain, ask=ask, v=good: ask(here, plain, v),
            lambda here, plain, ask=ask, v=bad: ask(here, plain, v), "PASS", "FAIL",
        )  # fmt: skip


def rollback() -> Iterator[Row]:
    """Each line by whom it asks and within which time; an escalated one is past its deadline."""
    wanted = {
        ("critical", "production"): (3, "human", 15),
        ("high", "production"): (3, "platform-engineer", 60),
        ("medium", "production"): (3, "platform-engineer", 240),
        ("low", "production"): (0, "nobody", 0),
        ("any", "staging"): (0, "nobody", 0),
    }
    for index, line in enumerate(shipped()["rollback"]):
        key = (line["severity"], line["where"])
        severity = "high" if key[0] == "any" else key[0]
        # "Broken" is the same question of another severity: it must be answered by another line.
        other = ("critical", "production") if key[0] in ("low", "any") else ("low", "production")
        yield Row(
            "rollback", " in ".join(key), lambda plain, i=index: plain["rollback"].pop(i),
            lambda here, plain, s=severity, w=key[1]: proposed(here, plain, s, w),
            lambda here, plain, o=other: proposed(here, plain, *o), wanted[key], wanted[other],
        )  # fmt: skip


def proposed(here: World, plain: Plain, severity: str, where: str) -> tuple[int, str, int]:
    """Exit code, who approves, and minutes until the deadline (0: by the calendar, or none)."""
    here.policy(plain)
    out = here.repo / ".git" / "incident.json"
    out.unlink(missing_ok=True)
    found = here.ask(
        "propose_rollback", "--deployment", "web", "--digest", DIGEST, "--environment", where,
        "--severity", severity, "--reason", "errors", "--record", str(out),
    )  # fmt: skip
    record = json.loads(out.read_text()) if out.exists() else {}
    minutes = 0
    if record.get("decide_by") and isinstance(record.get("within_minutes"), int):
        minutes = record["within_minutes"]
    return found.code, record.get("approves", ""), minutes
