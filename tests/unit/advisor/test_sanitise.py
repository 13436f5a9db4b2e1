import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.model import INJECTION
from signalbox.advisor import plain_text

# What must never be left, whatever the model said.
FORBIDDEN = [
    re.compile(r"[@<>`*_~|\\\[\]{}&$^#]"),
    re.compile(r"(?i)://|\bwww\.\w|\bjavascript:\w"),
    re.compile(r"::"),
    re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\u2028\u2029]"),
    re.compile(r"(?i)\bGH-\d"),
]

HOSTILE = [
    INJECTION,
    "![x](https://evil.example/?q=1)",
    "[a][b] [c](javascript:alert(1))",
    "closes #1, fixes octo/shop#22, resolves GH-3",
    "＠octocat &#64;octocat &amp;#64;octocat \\@octocat",
    "ｈｔｔｐｓ://evil.example",
    "hxhttps://ttps://evil",
    "w\u200bww.evil.example ht\u200btp://x",
    "[[a](b)](c) ![![x](y)](z)",
    "<scr<script>ipt>alert(1)</script>",
    ":::::error file=a::b",
    "::add-mask::x\r\n::set-env name=A::b",
    "=cmd|'/c calc'!A0",
    "\u202eevil\u202c \u2066x\u2069",
    "&lt;img src=x&gt;",
    "data:text/html;base64,xx vbscript:x file:///etc/passwd",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless(text):
    shown = plain_text(text)
    assert [p.pattern for p in FORBIDDEN if p.search(shown)] == []
    assert plain_text(shown) == shown


_GLUE = st.sampled_from(
    [*"@[)!<>:&7 ＠/", "#1", "://", "http", "www.", "](", "&#64;", "GH-", "\u200b", "js", "::"]
)


@given(st.one_of(st.text(max_size=900), st.lists(_GLUE, max_size=30).map("".join)), st.integers(20, 700))
def test_any_text_becomes_harmless_short_and_stable(text, limit):
    shown = plain_text(text, limit)
    assert [p.pattern for p in FORBIDDEN if p.search(shown)] == []
    assert len(shown) <= limit
    assert plain_text(shown, limit) == shown


@pytest.mark.parametrize(
    "text",
    [
        "The change touches the retry loop; run the integration suite (3 tests failed in May).",
        "Die Änderung betrifft die Kasse, 100% der Aufrufe.",
        "変更は決済に影響します。",
    ],
)
def test_ordinary_sentences_stay(text):
    assert plain_text(text) == text.replace("決済", "決済")


def test_links_keep_their_words_and_numbers_their_meaning():
    assert plain_text("see [the docs](https://x.example/a) and #12") == "see the docs and number 12"


def test_long_text_says_that_it_was_cut():
    shown = plain_text("word " * 500, 100)
    assert shown.endswith("(cut)")
    assert len(shown) <= 100
