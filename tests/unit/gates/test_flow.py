"""May this branch, or these data, be in that environment: the shipped tables, each way round."""

import itertools

import pytest

from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp, Subject
from signalbox.gates.flow import Attestation, faults, flow_decision
from signalbox.gates.model import Flow, Inputs

E = Settings().environments
PLACES = list(E.places)
CLASSES = ("Public", "Internal", "Confidential", "Restricted")


def codes(**flow):
    return [code for code, _, _ in faults(Flow(**flow), E)]


def decided(**flow):
    made = Flow(**flow)
    inputs = Inputs(subject=Subject(), gate="entering", flow=made)
    stamp = Stamp(id="0", at="2026-03-02T12:00:00Z", producer="test")
    return flow_decision(inputs, made, Settings(), PolicyRef(sha256="0" * 64), stamp)


@pytest.mark.parametrize(
    ("to", "ref", "wanted"),
    [
        ("development", "feature/x", []),
        ("development", "refs/heads/feature/x", []),
        ("development", "main", ["branch"]),
        ("development", "refs/heads/main", ["branch"]),
        ("staging", "release/1.2", []),
        ("staging", "feature/x", ["branch"]),
        ("production", "refs/tags/v1.2.3", []),
        ("production", "main", ["branch"]),
        ("nowhere", "main", ["unknown-place"]),
    ],
)
def test_a_branch_stands_where_policy_lets_it(to, ref, wanted):
    assert codes(to=to, ref=ref) == wanted
    assert decided(to=to, ref=ref).verdict == ("FAIL" if wanted else "PASS")


@pytest.mark.parametrize(("to", "given"), list(itertools.product(PLACES, CLASSES)))
def test_a_place_holds_data_up_to_its_class_and_no_further(to, given):
    most = E.places[to].classification_max
    fits = CLASSES.index(given) <= CLASSES.index(most)
    assert codes(to=to, classification=given) == ([] if fits else ["classification"])


def test_a_class_that_there_is_not_is_refused():
    assert codes(to="production", classification="Secret") == ["unknown-class"]


@pytest.mark.parametrize("kind", sorted(E.data))
def test_each_kind_may_be_where_its_row_says_as_what_it_says(kind):
    for to, value in E.data[kind].items():
        assert codes(to=to, kind=kind, value=value) == []
        assert codes(to=to, kind=kind, value="something-else") == ["other-value"]
        assert codes(to=to, kind=kind) == ["no-value"]
        assert decided(to=to, kind=kind).verdict == "NOT_VERIFIED"


def test_what_policy_says_nothing_of_is_refused():
    assert codes(to="staging", kind="no-such-kind", value="x") == ["unknown-data"]
    kind = min(E.data)
    to = next(iter(E.data[kind]))
    assert codes(to=to, kind=kind, value=E.data[kind][to], origin="nowhere") == ["unknown-place"]


def test_nothing_asked_is_nothing_allowed():
    said = decided(to="staging")
    assert (said.verdict, said.reasons[0].code) == ("NOT_VERIFIED", "nothing-asked")


def attested(**change):
    given = {"by": "ada", "kind": "test-data", "origin": "production", "to": "staging"}
    given |= {"expires": "2026-03-03T00:00:00Z", "verified": True}
    return Attestation(**(given | change))


ASKED = ("test-data", "production", "staging", "2026-03-02T12:00:00Z")


def test_an_attestation_holds_for_exactly_what_it_says_until_it_expires():
    assert attested().holds(*ASKED)
    assert attested(expires=ASKED[3]).holds(*ASKED)


@pytest.mark.parametrize(
    "change",
    [
        {"verified": False},
        {"kind": "secrets"},
        {"origin": "staging"},
        {"to": "development"},
        {"expires": "2026-03-02T11:59:59Z"},
        {"expires": "tomorrow"},
        {"expires": ""},
    ],
)
def test_an_attestation_of_anything_else_holds_for_nothing(change):
    assert not attested(**change).holds(*ASKED)


def test_data_move_backward_only_with_an_attestation_and_never_everywhere():
    backward = {"kind": "test-data", "origin": "production", "to": "staging", "value": "anonymised"}
    assert "backward" in codes(**backward)
    assert "backward" not in codes(**backward, attested="ada")
    # What is not test data, or is not production's, no word of a person's lets go back.
    assert "backward" in codes(**backward | {"kind": "secrets", "value": "staging-vault"}, attested="ada")
    assert "backward" in codes(**backward | {"origin": "staging", "to": "development"}, attested="ada")
    forward = backward | {"origin": "development", "to": "staging", "value": E.data["test-data"]["staging"]}
    assert "backward" not in codes(**forward)


def test_synthetic_test_data_may_be_further_on_and_nothing_else_may_be_less_than_its_row():
    assert codes(to="staging", kind="test-data", value="synthetic") == []
    assert codes(to="production", kind="test-data", value="synthetic") == []
    assert codes(to="production", kind="test-data", value="anonymised") == ["other-value"]
    assert codes(to="development", kind="test-data", value="anonymised") == ["other-value"]
    assert codes(to="staging", kind="secrets", value="dev-vault") == ["other-value"]
