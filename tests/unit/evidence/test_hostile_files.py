"""Files that are not what they should be: each becomes evidence with its gap named, none an exception."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from signalbox.decision import Evidence, canonical
from signalbox.errors import InputError
from signalbox.evidence import FORMATS, read, read_folder
from signalbox.evidence.source import MAX_DOCUMENT_BYTES

FIXTURES = Path(__file__).parents[2] / "fixtures" / "evidence"
GOOD = sorted(p for p in FIXTURES.rglob("*") if p.is_file() and not read(p).gaps)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def codes(evidence: Evidence) -> list[str]:
    return [gap.code for gap in evidence.gaps]


def test_there_are_good_reports_of_every_format() -> None:
    assert {read(path).facts["format"] for path in GOOD} == set(FORMATS)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "unknown-format"),
        (b"   \n", "unknown-format"),
        (b"<", "not-xml"),
        (b"<testsuite", "not-xml"),
        (b'<testsuite tests="1"><testcase name="a"/>', "not-xml"),
        (b'<testsuite tests="1"><testcase name="a"/></testsuite><more/>', "not-xml"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><testsuite name="é"/>'.encode("latin-1"), "not-utf-8"),
        ('<testsuite name="a"/>'.encode("utf-16"), "not-utf-8"),
        ('{"total": 1}'.encode("utf-16-le"), "not-utf-8"),
        (b"<html><body>502 Bad Gateway</body></html>", "unknown-format"),
        (b'{"total": 1, "passed": 1', "not-json"),
        (b'{"total": 1, "passed": 1, "failed": 0} trailing', "not-json"),
        (b"[" * 100_000, "not-json"),
        (b"<a>" * 2_000, "unknown-format"),
        (b"<testsuite>" * 2_000, "hostile"),
        (b'{"total": 1e999, "passed": 1, "failed": 0}', "not-json"),
        (b'{"total": ' + b"9" * 5000 + b', "passed": 1, "failed": 0}', "not-json"),
        (b"{}", "unknown-format"),
        (b"null", "unknown-format"),
        (b"SF:a\nDA:1,1\n" + b"x" * (2 << 20), "hostile"),
        (b"\x00\x01\x02", "not-utf-8"),
        (b'<?xml version="1.0" encoding="no-such"?><testsuite tests="1"/>', "not-xml"),
    ],
)
def test_what_cannot_be_read_is_not_verified(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "report.xml"
    path.write_bytes(content)
    evidence = read(path)
    assert (evidence.status, codes(evidence)) == ("not_verified", [code])
    assert len(evidence.sha256) == 64


def test_a_folder_a_pipe_and_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert codes(read(tmp_path / "folder")) == ["not-a-file"]
    assert codes(read(tmp_path / "pipe")) == ["not-a-file"]
    assert codes(read(tmp_path / "nothing")) == ["missing"]
    assert codes(read("/dev/null", root="/dev")) == ["not-a-file"]


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    good = FIXTURES / "junit" / "nested.xml"
    (outside / "junit.xml").write_bytes(good.read_bytes())
    (inside / "real.xml").write_bytes(good.read_bytes())
    (inside / "link.xml").symlink_to(outside / "junit.xml")
    (inside / "near.xml").symlink_to("real.xml")
    (inside / "all").symlink_to(outside)
    (inside / "loop").symlink_to("loop")
    found = {item.source: item for item in read_folder(inside)}
    assert codes(found["link.xml"]) == ["outside"]
    assert codes(found["all"]) == ["outside"]
    assert codes(found["loop"]) == ["unreadable"]
    assert found["near.xml"].status == found["real.xml"].status == "pass"


def test_a_file_without_permission_is_not_verified(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text("<testsuite/>")
    path.chmod(0)
    if os.access(path, os.R_OK):
        # root reads everything; a folder in the file's place is refused on another way
        path = path / "below"
    assert codes(read(path)) == ["unreadable"]


def test_a_document_too_large_to_hold_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scan.sarif"
    path.write_bytes(b'{"runs": []')
    os.truncate(path, MAX_DOCUMENT_BYTES + 1)
    evidence = read(path)
    assert (evidence.kind, codes(evidence)) == ("static-analysis", ["too-large"])


def test_a_byte_order_mark_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_bytes(b"\xef\xbb\xbf" + (FIXTURES / "junit" / "nested.xml").read_bytes())
    assert read(path).status == "pass"


def test_the_folder_itself_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="evidence folder is not there"):
        read_folder(tmp_path / "no-such")


@QUICK
@given(content=st.binary(max_size=400))
@example(content=b'<testsuite tests="\xd9\xa3"/>')
def test_any_bytes_are_evidence_and_never_a_pass(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "junit.xml"
    path.write_bytes(content)
    evidence = read(path)
    assert evidence.status == "not_verified"
    assert codes(evidence)
    assert "reader-crashed" not in codes(evidence)


@QUICK
@given(data=st.data())
def test_a_report_cut_anywhere_never_passes(tmp_path: Path, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(GOOD)).read_bytes().rstrip()
    cut = data.draw(st.integers(0, len(whole) - 1))
    path = tmp_path / "report"
    path.write_bytes(whole[:cut])
    evidence = read(path)
    # An LCOV file cut between two records is a whole file about fewer sources, and nothing in it can tell.
    rest = whole[:cut].rpartition(b"end_of_record")[2].strip()
    complete = b"end_of_record" in whole[:cut] and (not rest or rest.startswith(b"TN:"))
    # So is a list of EPSS scores cut behind a score: its last row has all that is read of it.
    rows = whole[:cut].splitlines()
    complete |= whole.startswith(b"#model") and len(rows) > 2 and rows[-1].count(b",") == 2
    # What follows PASS in Go's output is only where and how long.
    if not complete and b"\nPASS" not in whole[:cut]:
        assert evidence.status != "pass"
    assert "reader-crashed" not in codes(evidence)


@QUICK
@given(data=st.data())
def test_a_report_with_other_bytes_in_it_never_breaks_the_reader(tmp_path: Path, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(GOOD)).read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 20))
    path = tmp_path / "report"
    path.write_bytes(whole[:at] + data.draw(st.binary(max_size=20)) + whole[at + length :])
    evidence = read(path)
    assert "reader-crashed" not in codes(evidence)
    canonical(evidence)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@QUICK
@given(data=st.data())
def test_any_value_anywhere_in_a_json_report_never_breaks_the_reader(
    tmp_path: Path, data: st.DataObject
) -> None:
    candidates = [path for path in GOOD if path.read_bytes()[:1] == b"{"]
    document = json.loads(data.draw(st.sampled_from(candidates)).read_text())
    places = list(_places(document))
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(JSON)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document))
    evidence = read(path)
    assert "reader-crashed" not in codes(evidence)
    canonical(evidence)


def _places(value: object) -> object:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)
