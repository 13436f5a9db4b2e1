"""A cell that leads somewhere: only to a plain address, and its text is as harmless as any."""

import pytest

from signalbox.render import Link, Table
from signalbox.render.html import block_html
from signalbox.render.markdown import block_markdown
from signalbox.render.text import block_text

GOOD = "https://github.com/acme/shop/actions/runs/7#artifacts"


def shown(text, url):
    table = Table(columns=("evidence",), rows=((Link(text, url),),))
    return block_markdown(table), block_html(table), "\n".join(block_text(table))


def test_a_plain_address_is_linked_where_links_are():
    markdown, page, text = shown("junit.xml", GOOD)
    assert f"[junit.xml]({GOOD})" in markdown
    assert f'<a href="{GOOD}">junit.xml</a>' in page
    assert "junit.xml" in text
    assert GOOD not in text


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "http://x.example/", "https://x.example/a b",
     "https://x.example/)[x](https://y.example", 'https://x.example/"onmouseover="', "https://u:p@x.example/",
     "https://x.example/?q=1", "", "//x.example"],
)  # fmt: skip
def test_any_other_address_is_left_away(url):
    markdown, page, _ = shown("junit.xml", url)
    assert "](" not in markdown
    assert "<a " not in page
    assert "junit.xml" in markdown


def test_the_text_cannot_break_out_of_its_link():
    markdown, page, _ = shown("a](https://evil.example) | <img> @all", GOOD)
    assert markdown.count("](") == 1
    assert markdown.rstrip().splitlines()[-1].count("| ") == 1
    assert "<img>" not in markdown + page
