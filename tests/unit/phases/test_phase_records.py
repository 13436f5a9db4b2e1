"""Records of the phases: each required field is required, and what cannot be meant is refused."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from signalbox.decision import sha256_hex
from signalbox.errors import InputError
from signalbox.phases import KINDS, PHASES
from signalbox.phases.records import LearningReview
from signalbox.phases.rules import rates, read
from signalbox.phases.trust import judge
from unit.phases.samples import BASE, CRITERION, ITEM, SAMPLES

SCHEMAS = Path(__file__).parents[3] / "docs" / "schema"
FIELDS = [
    (phase, f.encode_name)
    for phase, kind in KINDS.items()
    for f in msgspec.structs.fields(kind)
    if f.required
]


def data(phase, **change):
    return json.dumps(SAMPLES[phase] | change).encode()


def refused(phase, **change):
    with pytest.raises(InputError) as error:
        read(phase, data(phase, **change), "record.json")
    return str(error.value)


@pytest.mark.parametrize("phase", PHASES)
def test_a_good_record_is_read_and_fits_its_published_schema(phase):
    assert read(phase, data(phase), "record.json").work_item == "ABC-1"
    jsonschema.validate(SAMPLES[phase], json.loads((SCHEMAS / f"phase-{phase}.schema.json").read_text()))


@pytest.mark.parametrize(("phase", "field"), FIELDS)
def test_a_record_without_a_required_field_is_refused_and_names_it(phase, field):
    less = {key: value for key, value in SAMPLES[phase].items() if key != field}
    with pytest.raises(InputError, match=field):
        read(phase, json.dumps(less).encode(), "record.json")
    schema = json.loads((SCHEMAS / f"phase-{phase}.schema.json").read_text())
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(less))


def test_a_record_of_a_newer_writer_is_read():
    assert read("execute", data("execute", something_new=1, schema_version=2), "f").schema_version == 2


NEEDED = {"needed": True, "type": "test", "recurrence_key": "k", "gap": "g", "prevention": "p"}


@pytest.mark.parametrize(
    ("phase", "change", "says"),
    [
        ("learning-review", {"golden_case": {"vars": {}}}, "named by its recurrence_key"),
        ("execute", {"at": "yesterday"}, "yesterday"),
        ("idea-to-backlog", {"triage": "park"}, "backlog gate passes"),
        ("idea-to-backlog", {"requirements": ["X1"]}, "requirements"),
        ("pull-work", {"readiness": "vague"}, "back to shaping"),
        ("pull-work", {"readiness": "needs-probe"}, "probe_notes"),
        ("pull-work", {"readiness": "blocked"}, "no blocker"),
        ("design-probe", {"drift": "contract_drift"}, "alignment"),
        ("design-probe", {"target_sha": "b" * 40}, "drift says none"),
        ("design-probe", {"drift": "conflict_drift"}, "alignment"),
        ("plan-work", {"requirement_trace": {"R1": []}}, "R1 leads to no"),
        ("plan-work", {"task_trace": {}}, "AC1 leads to no task"),
        ("plan-work", {"expected_evidence": {}}, "what evidence AC1"),
        ("plan-work", {"task_trace": {"AC1": ["t"], "AC2": ["t"]}}, "AC2 comes from no"),
        ("review-work", {"security_called_for": True}, "security review"),
        (
            "review-work",
            {"reviews": [{"reviewer": "b", "aspect": "security", "verdict": "approve"}]},
            "quality",
        ),
        (
            "review-work",
            {"findings": [SAMPLES["review-work"]["findings"][0] | {"resolution": "open"}]},
            "every reviewer approves",
        ),
        ("verify-work", {"criteria": [CRITERION | {"evidence": ["nothing"]}]}, "manifest does not hold"),
        ("verify-work", {"criteria": [CRITERION | {"evidence": []}]}, "without evidence"),
        ("verify-work", {"criteria": [CRITERION | {"claims_tier": "live-acceptance"}]}, "lower tier"),
        ("verify-work", {"criteria": [CRITERION | {"result": "FAIL"}]}, "a criterion is FAIL"),
        ("verify-work", {"manifest": [ITEM | {"sha256": "short"}]}, "sha256"),
        ("goal-fit", {"observed": "A cart shows its total"}, "word for word"),
        (
            "release-readiness",
            {"acceptance_docs": {"state": "promoted", "reference": "none"}},
            "none is named",
        ),
        (
            "learning-review",
            {"correction": NEEDED | {"recurrence_key": ""}, "verdict": "open"},
            "recurrence_key",
        ),
        ("learning-review", {"correction": NEEDED | {"type": ""}, "verdict": "open"}, "type"),
        ("learning-review", {"correction": NEEDED | {"gap": ""}, "verdict": "open"}, "gap"),
        (
            "learning-review",
            {"correction": NEEDED | {"prevention": ""}, "verdict": "open"},
            "what prevents it",
        ),
        ("learning-review", {"correction": NEEDED}, "clean run needs no correction"),
        ("learning-review", {"open_routes": ["x"]}, "no open route"),
        ("learning-review", {"verdict": "corrected"}, "no correction was needed"),
    ],
)
def test_what_cannot_be_meant_is_refused(phase, change, says):
    assert says in refused(phase, **change)


def review(**change):
    return msgspec.convert(SAMPLES["learning-review"] | change, LearningReview)


def test_rates_follow_from_the_records_and_nothing_is_no_rate():
    empty = rates([], "2026-03-02T12:00:00Z")
    assert (empty.correction_rate, empty.resolved_rate) == (None, None)
    found = rates(
        [
            review(),
            review(correction=NEEDED, verdict="open", at="2026-01-01T00:00:00Z"),
            review(correction=NEEDED | {"resolved": True}, verdict="corrected"),
            review(correction=NEEDED | {"recurrence_key": "j"}, verdict="open"),
        ],
        "2026-03-02T12:00:00Z",
    )
    assert (found.reviews, found.clean, found.corrections, found.resolved) == (4, 1, 3, 1)
    assert (found.recurring, found.stale) == (("k",), ("k",))
    assert found.correction_rate == pytest.approx(3 / 4)


ARTIFACT = b"the artifact"
REPORT = {
    "claim": "built by us",
    "provider": "notary",
    "authority": "acme",
    "verdict": "trusted",
    "artifact": "app.whl",
    "artifact_sha256": sha256_hex(ARTIFACT),
    "expires": "2026-04-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("change", "artifact", "result"),
    [
        ({}, ARTIFACT, "accepted"),
        ({"verdict": "untrusted"}, ARTIFACT, "rejected"),
        ({"expires": "2026-01-01T00:00:00Z"}, ARTIFACT, "stale"),
        ({"authority": ""}, ARTIFACT, "missing-authority"),
        ({}, b"another", "integrity-mismatch"),
        ({"provider": "stranger"}, ARTIFACT, "provider-absent"),
        ({}, None, "artifact-absent"),
    ],
)
def test_a_claim_of_trust_is_one_of_seven_things(change, artifact, result):
    found = judge(json.dumps(REPORT | change).encode(), artifact, {"notary": "acme"}, BASE["at"])
    assert found.result == result


def test_no_report_no_provider_and_no_sense():
    assert judge(None, ARTIFACT, {"notary": "acme"}, BASE["at"]).result == "provider-absent"
    assert judge(b"{}", ARTIFACT, {"notary": "acme"}, BASE["at"]).result == "rejected"
    assert judge(b"{}", ARTIFACT, {}, BASE["at"]) is None
