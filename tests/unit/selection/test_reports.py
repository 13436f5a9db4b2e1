"""Reports of other tools: read as far as files go, or refused; never an exception of ours, never a guess."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from signalbox.config import Settings
from signalbox.config.suites import Suite
from signalbox.errors import InputError
from signalbox.selection.other import Paths, weak_of_graph, weak_of_reports
from signalbox.selection.reports import Unreadable, read_coverage, read_junit

LCOV = b"""TN:web/a.test.js
SF:web/a.js
FN:1,one
FNDA:2,one
DA:1,2
BRDA:1,0,0,-
end_of_record
TN:
SF:/build/src/web/b.js
DA:1,0
BRDA:1,0,0,1
end_of_record
SF:web/c.js
DA:1,0
end_of_record
"""
COBERTURA = b"""<?xml version="1.0"?><!DOCTYPE coverage SYSTEM "http://127.0.0.1:9/coverage-04.dtd">
<coverage><packages><package><classes>
<class filename="src/a.py"><lines><line number="1" hits="3"/></lines></class>
<class filename="src/b.py"><lines><line number="1" hits="0"/></lines></class>
</classes></package></packages></coverage>"""
JACOCO = b"""<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="x">
<package name="com/acme"><class name="com/acme/Cart"><counter type="LINE" missed="0" covered="9"/></class>
<sourcefile name="Cart.java"><line nr="3" ci="2"/><counter type="LINE" missed="1" covered="1"/></sourcefile>
<sourcefile name="Other.java"><counter type="LINE" missed="4" covered="0"/></sourcefile>
<counter type="LINE" missed="5" covered="1"/></package></report>"""
JUNIT = b"""<testsuites><testsuite><testcase classname="com.acme.CartTest" name="adds" time="1.5"/>
<testcase classname="com.acme.CartTest" name="drops" time="0.5"><failure message="x"/></testcase>
</testsuite></testsuites>"""


def test_files_with_a_hit_are_covered():
    found = read_coverage(LCOV)
    assert found.files == {"web/a.js", "/build/src/web/b.js"}
    assert found.tests == {"web/a.test.js": {"web/a.js"}}
    assert read_coverage(COBERTURA).files == {"src/a.py"}
    assert read_coverage(JACOCO).files == {"com/acme/Cart.java"}
    assert [(c.names[0], c.seconds, c.failed) for c in read_junit(JUNIT)] == [
        ("com.acme.CartTest", 1.5, False),
        ("com.acme.CartTest", 0.5, True),
    ]


@pytest.mark.parametrize("whole", [LCOV.rstrip(), COBERTURA, JACOCO])
@given(data=st.data())
@hypothesis_settings(max_examples=30, deadline=None)
def test_a_report_that_is_cut_short_is_refused_or_covers_less(whole: bytes, data: st.DataObject):
    cut = whole[: data.draw(st.integers(0, len(whole) - 2))]
    try:
        found = read_coverage(cut)
    except Unreadable:
        return
    assert not whole.startswith(b"<"), "XML that is cut short is no XML"
    assert cut.endswith(b"end_of_record") or cut.rpartition(b"end_of_record")[2].strip() in (
        b"",
        b"T",
        b"TN",
        b"TN:",
    )
    assert found.files <= read_coverage(whole).files


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "surrogatepass")))
@hypothesis_settings(max_examples=100, deadline=None)
def test_no_bytes_break_the_readers(data: bytes):
    for read in (read_coverage, read_junit):
        for prefix in (b"", b"TN:\nSF:a\n", b"<coverage>", b"<testsuite>"):
            with pytest.raises(Unreadable):
                read(prefix + data + b"\x00<")  # no format ends like this


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"<html/>", b"SF:a\nDA:1,x\nend_of_record", b"SF:a\nSF:b\nend_of_record",
        b"end_of_record",
        b'<!DOCTYPE c [<!ENTITY a "b">]><coverage>&a;</coverage>', b"<coverage>" + b"<a>" * 300,
        b"<coverage><class><line hits='1'/></class></coverage>",
        b"<coverage><class filename='a'><line hits='many'/></class></coverage>",
    ],
)  # fmt: skip
def test_what_cannot_be_believed_is_refused(text: bytes):
    with pytest.raises(Unreadable):
        read_coverage(text)


def test_names_of_reports_and_tracked_paths():
    paths = Paths(["src/main/java/com/acme/Cart.java", "web/a.js", "lib/a.js", "pkg/cart_test.go"])
    assert paths.of("com/acme/Cart.java") == {"src/main/java/com/acme/Cart.java"}
    assert paths.of("/build/x/web/a.js") == {"web/a.js"}
    assert paths.of("a.js") == {"web/a.js", "lib/a.js"}, "what may be either is both"
    assert paths.of("C:\\x\\web\\a.js") == {"web/a.js"}
    assert paths.of("eb/a.js") == frozenset()
    assert paths.of_class("com.acme.Cart.adds") == {"src/main/java/com/acme/Cart.java"}


SUITES = {"unit": Suite(minutes=2, tests=("test",), command="run"), "docs": Suite(minutes=1, command="make")}
SETTINGS = Settings(suites=SUITES)
TRACKED = dict.fromkeys(
    [
        "src/com/acme/Cart.java",
        "src/com/acme/Other.java",
        "test/com/acme/CartTest.java",
        "test/com/acme/OtherTest.java",
    ],
    "b" * 40,
)
AT: dict[str, Any] = {"commit": "c" * 40, "recorded_at": "2026-01-01T00:00:00Z"}


def test_reports_of_a_suite_or_of_one_test():
    one = {"unit/test/com/acme/CartTest.java.xml": JACOCO}
    weak = weak_of_reports(TRACKED, one, {"a.xml": JUNIT}, SETTINGS, **AT)
    cart, other = weak.tests
    assert (cart.id, cart.needs) == ("test/com/acme/CartTest.java", ("src/com/acme/Cart.java",))
    assert (cart.seconds, cart.outcome) == (2.0, "failed")
    assert (other.needs, other.outcome) == ((), "unknown")
    assert set(weak.unknown) == {other.id}, "a test without a report always runs"
    whole = weak_of_reports(TRACKED, {"unit.xml": JACOCO}, {}, SETTINGS, **AT)
    assert [t.needs for t in whole.tests] == [("src/com/acme/Cart.java",)] * 2
    assert whole.unknown == {}


def test_a_failure_that_nobody_can_place_runs_everything():
    lost = {"a.xml": JUNIT.replace(b"com.acme.CartTest", b"org.else.Thing")}
    weak = weak_of_reports(TRACKED, {"unit.xml": JACOCO}, lost, SETTINGS, **AT)
    assert [code for code, _ in weak.troubles] == ["unknown-failure"]


@pytest.mark.parametrize(
    ("coverage", "junit"),
    [
        ({"nobody.xml": JACOCO}, {}),
        ({"docs.xml": JACOCO}, {}),
        ({"unit.xml": JACOCO[:-9]}, {}),
        ({"unit.xml": JACOCO}, {"j.xml": JUNIT[:-9]}),
    ],
)
def test_reports_that_do_not_fit_are_refused(coverage: dict[str, bytes], junit: dict[str, bytes]):
    with pytest.raises(InputError):
        weak_of_reports(TRACKED, coverage, junit, SETTINGS, **AT)


def test_the_projects_own_graph():
    test, cart, other = "test/com/acme/CartTest.java", "src/com/acme/Cart.java", "src/com/acme/Other.java"
    given_ = {
        "depends": {test: [cart, "gone.java"], cart: [other]},
        "tests": [test, "test/com/acme/OtherTest.java"],
    }
    weak = weak_of_graph(TRACKED, json.dumps(given_).encode(), SETTINGS, **AT)
    assert weak.uses[test] == [cart]
    assert set(weak.unknown) == {"test/com/acme/OtherTest.java"}
    plain = weak_of_graph(
        {"tests/a.js": "b", "a.js": "b"}, b'{"tests/a.js": ["a.js"], "a.js": []}', SETTINGS, **AT
    )
    assert [t.id for t in plain.tests] == ["tests/a.js"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"depends": []}',
        '{"depends": {"a": 1}}',
        '{"depends": {}, "tests": ["gone"]}',
        "{}",
        "[" * 9999,
    ],
)
def test_what_is_no_graph_is_refused(text: str):
    with pytest.raises(InputError):
        weak_of_graph(TRACKED, text.encode(), SETTINGS, **AT)
