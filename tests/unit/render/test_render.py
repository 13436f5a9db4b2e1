"""What people see, and what hostile text cannot make of it."""

import html.parser
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.decision import Advice, Reason, Subject
from signalbox.render import Chart, Code, Fold, Table, Text
from signalbox.render.escape import code_block, code_span, html_text, markdown_text, visible
from signalbox.render.html import Section, page
from signalbox.render.markdown import COMMENT_LIMIT, block_markdown, comment, markdown
from signalbox.render.text import text
from unit.decision.test_records import decision

HOSTILE = [
    "<script>alert(1)</script>",
    "![x](https://evil.example/a.png)",
    "[click](javascript:alert(1))",
    "@everyone fixes #1 and GH-2, see https://evil.example and www.evil.example",
    "a | b\n\n# Approved\n\n- [x] done",
    "```\n</details>\n```",
    "\u202egnp.exe\u2066 \u200bzero",
    "\x1b[31mred\x1b[0m ::error::x",
    "<!-- signalbox:sticky -->",
    "${{ secrets.TOKEN }} $(id) `id`",
    "&lt;b&gt; &#64;user",
    "1. one",
    "~~gone~~ **bold** _it_ \\",
]
BLOCKS = (
    Text("hello"),
    Table(("name", "value"), (("a", 1), ("b", 0.25), ("c", None)), title="T"),
    Chart(
        title="Errors",
        x_label="s",
        y_label="rate",
        x=(1, 2, 3),
        series={"canary": (0.1, None, 0.3), "base": (0.1, 0.1, 0.1)},
    ),
    Fold("more", (Code("make test"),)),
)


def test_the_first_five_lines_say_verdict_reason_and_next_action():
    lines = markdown(decision(verdict="FAIL"), BLOCKS).splitlines()[:5]
    assert "🔴" in lines[0]
    assert "FAIL" in lines[0]
    assert any("all checks pass" in line for line in lines)
    assert any("merge" in line for line in lines)


def test_observing_says_so():
    assert "Observing only" in markdown(decision(mode="observe"))
    assert "Observing only" not in markdown(decision(mode="enforce"))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_changes_no_structure_of_a_summary(hostile):
    """The same summary with harmless text in the same places has the same lines of Markdown."""

    def summary(word):
        made = decision(
            reasons=(Reason(code="a", text=word), Reason(code="b", text=word, effect="FAIL")),
            next_action=word,
            subject=Subject(repository=word, commit=word),
            advice=(Advice(source=word, verdict=word, text=word),),
        )
        return markdown(made, (Text(word), Table((word,), ((word,),), title=word), Fold(word, (Text(word),))))

    shown, harmless = summary(hostile), summary("harmless")
    assert len(shown.splitlines()) == len(harmless.splitlines())
    assert shown.count("|") == harmless.count("|")
    assert sorted(re.findall(r"</?[a-z]+>", shown)) == sorted(re.findall(r"</?[a-z]+>", harmless))
    assert not re.search(r"@\w", shown)
    assert not re.search(r"#\d", re.sub(r"&#\d+;", "", shown))
    assert not re.search(r"(?<!\\)[\[\]!]", shown.replace("🟢", ""))
    assert "://" not in shown
    assert "\x1b" not in shown
    assert not set(shown) & set("\u202e\u2066")


@given(st.text())
def test_escaped_text_stays_on_its_line(value):
    for shown in (markdown_text(value), code_span(value), visible(value)):
        assert len(shown.splitlines()) <= 1


@given(st.text())
def test_html_text_holds_no_markup(value):
    assert not re.search(r"[<>\"']", html_text(value).replace("&lt;", "").replace("&gt;", ""))


@given(st.text(alphabet="`~\n a<"))
def test_a_code_block_ends_where_it_should(value):
    block = code_block(value)
    fence = re.match(r"`{3,}", block).group()
    assert [i for i, line in enumerate(block.splitlines()) if line.startswith(fence)][-1] == len(
        block.splitlines()
    ) - 1
    assert sum(line.strip() == fence for line in block.splitlines()[1:]) == 1


def test_a_comment_fits_and_says_what_is_missing():
    rows = tuple((f"test_{i}" * 10, i) for i in range(190))
    made = comment(decision(), [Table(("t", "n"), rows)] * 12)
    assert len(made) <= COMMENT_LIMIT
    assert "more sections" in made
    assert "more sections" not in comment(decision(), BLOCKS)


def test_a_gap_is_never_drawn_as_a_number():
    shown = block_markdown(BLOCKS[2])
    assert "line [0.1, 0.1, 0.1]" in shown
    assert shown.count("    line [") == 1
    assert "| – |" in shown


def test_long_tables_say_what_was_left_out():
    assert "50 more rows" in block_markdown(Table(("n",), tuple((i,) for i in range(250))))


def test_text_for_a_terminal_has_everything():
    shown = text(decision(verdict="NOT_VERIFIED"), BLOCKS, replay="replay.py x.json")
    for part in ("🟡", "all checks pass", "merge", "hello", "make test", "canary", "replay.py x.json"):
        assert part in shown


class Balanced(html.parser.HTMLParser):
    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self):
        super().__init__()
        self.open, self.problems, self.addresses = [], [], []

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_page_is_self_contained_and_balanced(hostile):
    made = decision(reasons=(Reason(code="a", text=hostile),), next_action=hostile)
    chart = Chart(
        title=hostile,
        x_label=hostile,
        y_label=hostile,
        x=(hostile, "b"),
        series={hostile: (1.0, None)},
        limit=(hostile, 2.0),
    )
    section = Section(hostile).add(*BLOCKS, chart, Code(hostile)).decide(made, *BLOCKS)
    shown = page(hostile, hostile, [section])
    parser = Balanced()
    parser.feed(shown)
    assert parser.problems == []
    assert parser.open == []
    assert parser.addresses == []
    assert "<script" not in shown


@pytest.mark.parametrize("values", [(), (None, None), (0.0,), (5.0, 5.0), (1e-9, 1e9), (-3.0, 2.0)])
@pytest.mark.parametrize("kind", ["line", "bar"])
@pytest.mark.parametrize("log_y", [True, False])
def test_every_chart_can_be_drawn(values, kind, log_y):
    chart = Chart(
        title="t",
        x_label="x",
        y_label="y",
        x=tuple(range(len(values))),
        series={"s": values},
        kind=kind,
        log_y=log_y,
    )
    shown = Section("s").add(chart).render()
    assert "nan" not in shown
    assert "<svg" in shown
    numbers = [float(number) for number in re.findall(r'(?: y| cy|y1)="(-?[\d.]+)"', shown)]
    assert all(-20 <= number <= 300 for number in numbers)
