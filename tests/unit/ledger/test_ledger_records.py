import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.records import bundle, outcome
from signalbox.decision import canonical
from signalbox.errors import InputError
from signalbox.ledger import Damage, Entry, decision_name, guard, outcome_name, read_outcomes
from signalbox.ledger.reading import collect, read_entry
from signalbox.ledger.records import decode_outcome, parse_object

TOKEN = "ghp_" + "Ab1" * 12


def entry(data: bytes, *, trusted: bool = True) -> Entry:
    found = read_entry(decision_name(data, trusted=trusted), data)
    assert isinstance(found, Entry)
    return found


@pytest.mark.parametrize("kind", ["rollout", "test-plan", "promotion"])
def test_a_name_holds_kind_date_and_id_and_is_read_back(kind):
    data = bundle(kind, id="1f-2")
    name = decision_name(data)
    assert name.startswith(f"decisions/2026/03/04/{kind}-1f-2.")
    found = read_entry(name, data)
    assert isinstance(found, Entry)
    assert (found.id, found.kind, found.trusted, found.newer, found.raw) == ("1f-2", kind, True, False, data)
    assert decision_name(data, trusted=False) == "untrusted/" + name


@given(st.binary(max_size=200))
def test_bytes_that_are_no_bundle_are_refused_with_a_reason(data):
    with pytest.raises(InputError) as caught:
        decision_name(data)
    assert caught.value.what


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "../../etc/passwd"},
        {"id": ""},
        {"kind": "Rollout/../x"},
        {"kind": "weather"},
        {"verdict": "ship-it"},
        {"decided_at": "yesterday"},
        {"decided_at": "2026-03-04T05:06:07"},
    ],
)
def test_hostile_or_foreign_fields_never_become_a_name(changed):
    with pytest.raises(InputError):
        decision_name(bundle(**changed))


def test_a_newer_schema_is_kept_as_it_is():
    plain = parse_object(bundle(), where="x")
    plain["schema_version"] = 7
    plain["decision"]["verdict"] = "levitate"
    plain["decision"]["field_of_the_future"] = [1]
    del plain["inputs"]
    data = canonical(plain)
    found = entry(data)
    assert found.newer
    assert found.raw == data


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=1))
def test_any_changed_byte_is_seen(position, byte):
    data = bundle(id="one")
    position %= len(data)
    changed = data[:position] + byte + data[position + 1 :]
    found = read_entry(decision_name(data), changed)
    assert (changed == data) == isinstance(found, Entry)


def test_a_truncated_file_is_corrupt():
    data = bundle()
    found = read_entry(decision_name(data), data[: len(data) // 2])
    assert isinstance(found, Damage)
    assert found.code == "corrupt"


@pytest.mark.parametrize(
    "name", ["decisions/x.json", "README.md", "decisions/2026/03/04/../../../rollout-a.json"]
)
def test_foreign_names_are_named(name):
    found = read_entry(name, b"{}")
    assert isinstance(found, Damage)
    assert (found.code, found.name) == ("foreign", name)


def test_a_record_under_another_records_name_does_not_count():
    data = bundle(id="mine")
    stolen = decision_name(data).replace("-mine.", "-yours.")
    found = read_entry(stolen, data)
    assert isinstance(found, Damage)
    assert found.code == "unreadable"


def test_one_id_counts_once_and_the_trusted_bytes_win():
    first, second = bundle(id="same"), bundle(id="same", verdict="rollback")
    reading = collect([entry(second, trusted=False), entry(first), entry(first)])
    assert [e.raw for e in reading.entries] == [first]
    assert [(d.code, d.name) for d in reading.damaged] == [("conflict", decision_name(second, trusted=False))]


@given(st.permutations([("a", "proceed"), ("a", "hold"), ("b", "proceed"), ("c", "rollback")]))
def test_reading_does_not_depend_on_the_order_of_files(order):
    reading = collect([entry(bundle(id=i, verdict=v)) for i, v in order])
    assert [e.id for e in reading.entries] == ["a", "b", "c"]
    assert len(reading.damaged) == 1


def test_a_secret_never_enters_and_what_went_is_named():
    data = bundle(inputs={"log": f"using {TOKEN} now"})
    kept, fired = guard(data)
    assert fired == ("github-token",)
    assert TOKEN.encode() not in kept
    assert parse_object(kept, where="x")["inputs"] == {"log": "using [redacted:github-token] now"}
    clean = bundle(inputs={"author": "ada@lovelace.org", "sha256": "c" * 64})
    assert guard(clean) == (clean, ())


def test_outcomes_from_one_object_a_list_or_lines():
    one = '{"decision": "d-1", "label": "bad", "source": "rollback"}'
    two = '{"subject": {"digest": "sha256:1"}, "label": "clean", "source": "audit", "id": "mine"}'
    how = {"recorded_at": "2026-01-02T03:04:05Z", "producer": "p", "where": "f"}
    read = [read_outcomes(text.encode(), **how) for text in (one, f"[{one},{two}]", f"{one}\n\n{two}\n")]
    assert [len(r) for r in read] == [1, 2, 2]
    assert read[1] == read[2]
    first = decode_outcome(read[0][0])
    assert (first.decision, first.recorded_at, first.observed_at) == (
        "d-1",
        how["recorded_at"],
        how["recorded_at"],
    )
    later = read_outcomes(one.encode(), **(how | {"recorded_at": "2026-02-02T03:04:05Z"}))
    assert decode_outcome(later[0]).id == first.id


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "JSON"),
        ("[1]", "object"),
        ('{"label": "bad", "source": "rollback"}', "neither"),
        ('{"decision": "d", "label": "awful", "source": "rollback"}', "awful"),
        ('{"decision": "d", "label": "bad", "source": "gossip"}', "gossip"),
        ('{"decision": "d", "label": "bad", "source": "audit", "confidence": 2}', "confidence"),
        ('{"decision": "d", "label": "bad", "source": "audit", "observed_at": "now"}', "observed_at"),
        ('{"decision": "d", "label": "bad", "source": "audit", "id": "../x"}', "id"),
    ],
)
def test_wrong_outcomes_say_what_is_wrong(text, word):
    if not text:
        assert read_outcomes(b"\n", recorded_at="2026-01-02T03:04:05Z", producer="p", where="f") == ()
        return
    with pytest.raises(InputError, match=word):
        read_outcomes(text.encode(), recorded_at="2026-01-02T03:04:05Z", producer="p", where="f")


def test_an_outcome_reported_again_later_is_the_same_and_another_content_is_a_conflict():
    first = outcome(id="o")
    later = outcome(id="o", recorded_at="2026-04-05T00:00:01Z")
    other = outcome(id="o", label="clean", recorded_at="2026-04-06T00:00:01Z")
    reading = collect([read_entry(outcome_name(data), data) for data in (other, later, first)])
    assert [e.raw for e in reading.entries] == [first]
    assert [d.code for d in reading.damaged] == ["repeated", "conflict"]


def test_an_outcomes_name():
    data = outcome(id="o-1")
    assert outcome_name(data).startswith("outcomes/2026/03/05/outcome-o-1.")
