"""The text format: what is read, and what is refused."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.signals.exposition import Malformed, parse
from signalbox.signals.reading import Series

names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)
keys = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
# The format is lines: a raw carriage return or the like inside a value is what the writer may not send.
values = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Cs")), max_size=12
) | st.just("\n")
numbers = st.floats(allow_nan=False)


def escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def show(number):
    return {math.inf: "+Inf", -math.inf: "-Inf"}.get(number, repr(number))


@given(st.lists(st.tuples(names, st.dictionaries(keys, values, max_size=4), numbers), max_size=8))
def test_what_is_written_is_read_back(samples):
    lines = ["# HELP x y", "# TYPE x counter", ""]
    for name, labels, number in samples:
        braces = ",".join(f'{key}="{escape(value)}"' for key, value in labels.items())
        lines.append(f"{name}{{{braces}}} {show(number)}" if labels else f"{name} {show(number)}")
    wanted = [Series(name, tuple(sorted(labels.items())), number) for name, labels, number in samples]
    assert parse("\n".join(lines) + "\n") == wanted


def test_timestamps_exemplars_trailing_commas_and_spaces_are_read_over():
    text = 'a{b="c", } 1 1700000000000\na_bucket{le="1"} 5 # {trace="x"} 0.3 1.7\n  b\t2\n'
    assert parse(text) == [
        Series("a", (("b", "c"),), 1),
        Series("a_bucket", (("le", "1"),), 5),
        Series("b", (), 2),
    ]


def test_only_the_named_series_are_looked_at():
    assert parse("wanted 1\nother{broken 2\n", ["wanted"]) == [Series("wanted", (), 1)]


def test_braces_quotes_and_line_ends_inside_a_value_do_not_end_it():
    assert parse('a{b="}\\"{,\\n\\\\"} 1\n') == [Series("a", (("b", '}"{,\n\\'),), 1)]


def test_values_that_are_no_numbers_are_read_as_such():
    assert math.isnan(parse("a NaN\n")[0].value)
    assert parse("a +Inf\n")[0].value == math.inf


@pytest.mark.parametrize(
    "line",
    [
        "a",
        "a one",
        "a{b=c} 1",
        'a{b="c" 1',
        'a{b="c"d="e"} 1',
        'a{b="1",b="2"} 1',
        "{} 1",
        "<html>",
        "a 1_0",
        "a 1 2 3",
    ],
)
def test_what_is_not_the_format_is_refused_with_its_line(line):
    with pytest.raises(Malformed, match="line 2"):
        parse(f"fine 1\n{line}\n")


@given(st.text(max_size=200))
def test_no_text_is_a_crash(text):
    with contextlib.suppress(Malformed):
        parse(text)
