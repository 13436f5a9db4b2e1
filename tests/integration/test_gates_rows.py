"""Every row of the environment tables by the command line: it holds, it breaks, it dies with its line."""

import json
import sys
from pathlib import Path

import msgspec
import pytest

BENCH = str(Path(__file__).parents[2] / "bench")
sys.path.insert(0, BENCH)
try:
    import gates_faults
    import gates_phases
    import gates_rows
    import gates_world
finally:
    sys.path.remove(BENCH)

ROWS = gates_rows.every()


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return gates_world.World(tmp_path_factory.mktemp("gates"))


@pytest.mark.parametrize("row", [*ROWS, *gates_phases.every()], ids=lambda row: f"{row.table}: {row.name}")
def test_the_row_holds_breaks_and_dies_with_its_line(here, row):
    assert row.judge(here) == ""


def test_no_field_that_a_record_requires_is_left_out():
    """Also the ones that the specification's table does not name have a row or stand in every record."""
    from signalbox.phases import KINDS

    told = {(row.phase, row.field.partition(".")[0]) for row in gates_phases.every()}
    every = {
        (phase, f.encode_name)
        for phase, kind in KINDS.items()
        for f in msgspec.structs.fields(kind)
        if f.required
    }
    beside = {"work_item", "at", "by", "observed", "security_called_for"}
    assert {one for one in every - told if one[1] not in beside} == set()


def test_no_row_of_the_shipped_tables_is_left_out():
    plain = gates_world.shipped()
    gates = plain["gates"].values()
    wanted = sum(len(plain[name]) for name in ("places", "contracts", "routes", "tiers", "data", "rollback"))
    wanted += sum(len(gate.get(kind, [])) for gate in gates for kind in ("auto", "human"))
    assert len(ROWS) == wanted


@pytest.mark.parametrize("gate", sorted(gates_faults.POLICY.environments.gates))
def test_no_fault_permits_anything(gate):
    assert gates_faults.verdict(gates_faults.passing(gate)) == "PASS"
    through = [f"{what}: {how}" for what, how, inputs in gates_faults.faults(gate)
               if gates_faults.verdict(inputs) == "PASS"]  # fmt: skip
    assert through == []


@pytest.mark.parametrize(
    ("risk", "severity", "nobody", "verdict"),
    [
        ("low", "none", ("qa-lead", "security-engineer", "compliance-officer"), "PASS"),
        ("low", "high", ("qa-lead", "compliance-officer"), "PASS"),
        ("low", "high", ("security-engineer",), "NOT_VERIFIED"),
        ("medium", "none", ("security-engineer", "compliance-officer"), "PASS"),
        ("medium", "none", ("qa-lead",), "NOT_VERIFIED"),
        ("high", "none", ("compliance-officer",), "NOT_VERIFIED"),
    ],
)
def test_who_is_asked_depends_on_the_tier_and_on_what_was_found(here, risk, severity, nobody, verdict):
    found = here.gate(gates_world.shipped(), "gate-5", risk=risk, severity=severity, nobody=nobody)
    assert found.verdict == verdict, found.output


def trusted(here, level):
    (here.repo / ".github" / "signalbox-trust.yml").write_text(
        f"agents:\n  developer-agent: {{level: {level}, security: sue, compliance: carl}}\n"
    )


def test_an_agent_of_trust_level_three_needs_no_qa_and_still_a_person_for_production(here):
    trusted(here, 3)
    try:
        found = here.gate(
            gates_world.shipped(), "gate-5", risk="medium", severity="none", nobody=("qa-lead",)
        )
        assert found.verdict == "PASS", found.output
        found = here.gate(
            gates_world.shipped(), "gate-6", risk="low", severity="none", nobody=("platform-engineer",)
        )
        assert found.verdict == "NOT_VERIFIED"
        trusted(here, 2)
        found = here.gate(
            gates_world.shipped(), "gate-5", risk="medium", severity="none", nobody=("qa-lead",)
        )
        assert found.verdict == "NOT_VERIFIED"
    finally:
        (here.repo / ".github" / "signalbox-trust.yml").unlink()


def test_two_approvals_by_one_person_under_two_roles_are_refused_with_the_line(here):
    plain = gates_world.shipped()
    plain["roles"]["qualified-reviewer"] = ["dora"]
    both = [
        here.approval("gate-3", role, "staging", by="dora") for role in ("developer", "qualified-reviewer")
    ]
    found = here.gate(plain, "gate-3", approvals=both)
    assert found.code == 2
    assert "approvals.json:3: dora approves the gate gate-3 under two roles" in found.output


def test_a_changed_or_unsigned_approval_counts_for_nothing(here):
    good = here.approval("gate-3", "developer", "staging")
    other = here.approval("gate-3", "qualified-reviewer", "staging")
    assert here.gate(gates_world.shipped(), "gate-3", approvals=[good, other]).verdict == "PASS"
    stolen = good | {"payload": good["payload"] | {"login": "quinn", "role": "qualified-reviewer"}}
    unsigned = {"payload": good["payload"]}
    for first in (stolen, unsigned, good | {"signer": "quinn"}):
        found = here.gate(
            gates_world.shipped(), "gate-3", approvals=[first, other] if first is not stolen else [first]
        )
        assert found.verdict == "NOT_VERIFIED", found.output


def test_gate_six_leaves_a_standing_approval_that_the_monitor_reads(here, tmp_path):
    from signalbox.rollout.authority import read_approval

    file = tmp_path / "standing.json"
    more = ("--standing-approval", str(file))
    assert (
        here.gate(gates_world.shipped(), "gate-6", nobody=("plan-reviewer",), more=more).verdict
        == "NOT_VERIFIED"
    )
    assert not file.exists()
    assert here.gate(gates_world.shipped(), "gate-6", more=more).verdict == "PASS"
    found = read_approval(file)
    assert (found.deployment, found.digest, found.environment) == ("web", gates_world.DIGEST, "production")
    assert (found.approved_by, found.role) == ("pete", "platform-engineer")
    assert found.approved_at < found.expires_at


def test_a_decision_replays_byte_for_byte(here, tmp_path):
    from signalbox.kinds import replay

    here.gate(gates_world.shipped(), "gate-5", without=("e2e",), more=("--bundles", str(tmp_path)))
    [bundle] = tmp_path.glob("gate-*.json")
    assert replay(bundle.read_bytes()).same


def test_explain_says_why_each_line_is_asked_and_who_can_answer(here):
    found = here.gate(gates_world.shipped(), "gate-5", nobody=("qa-lead",), more=("--explain",))
    assert "because tier >= 2 and not trust >= 3" in found.output
    assert "somebody of qa-lead" in found.output


def test_skipped_cancelled_neutral_and_missing_jobs_are_told_apart(here):
    for result, says in {"skipped": "it was skipped", "cancelled": "cancelled", "neutral": "neutral"}.items():
        needs = json.dumps({"unit-tests": {"result": result}})
        found = here.gate(gates_world.shipped(), "gate-3", without=("unit-tests",), more=("--needs", needs))
        assert (found.verdict, says in found.output) == ("NOT_VERIFIED", True)
    needs = '{"unit-tests": {"result": "success"}}'
    found = here.gate(gates_world.shipped(), "gate-3", without=("unit-tests",), more=("--needs", needs))
    assert found.verdict == "PASS", found.output
    found = here.gate(gates_world.shipped(), "gate-3", without=("unit-tests",))
    assert "there is no evidence of it" in found.output
    assert here.gate(gates_world.shipped(), "gate-3", more=("--needs", "[1]")).code == 2
