"""What people see, and what hostile text cannot make of it."""

import html.parser
import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.decision import Advice, PolicyRef, Reason, Subject
from signalbox.render import Chart, Code, Fold, Table, Text, wording
from signalbox.render.escape import code_block, code_span, html_text, markdown_text, visible
from signalbox.render.html import Section, block_html, page
from signalbox.render.markdown import COMMENT_LIMIT, block_markdown, comment, markdown
from signalbox.render.text import block_text, text
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
    "    four spaces and a break  ",
    "\tindented",
    "*** --- ===",
    "o/r#12 gh-12 a@b.example mailto:a@b.example ftp://x.example",
    "a\x85# head\u2028# head\x0b# head\r# head",
    "<https://evil.example> <img src=x onerror=y> <?php ?> <![CDATA[x]]> <!DOCTYPE x>",
    "[ref]: https://evil.example",
    "$`x`$ $$x$$ :white_check_mark: :+1:",
    "half \udc80 character",
    "\u3164\ufe01\U000e0101 hidden",
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
            subject=Subject(repository=word, commit=word, digest=word, environment=word),
            advice=(Advice(source=word, verdict=word, text=word),),
            id=word,
            policy=PolicyRef(sha256=word, source=word),
            decided_at=word,
            producer=word,
        )
        blocks = (Text(word), Table((word,), ((word,),), title=word), Fold(word, (Text(word),)))
        return markdown(made, blocks, replay=word)

    shown, harmless = summary(hostile), summary("harmless")
    assert len(shown.splitlines()) == len(harmless.splitlines())
    assert shown.count("|") == harmless.count("|")
    assert sorted(re.findall(r"</?[a-z]+>", shown)) == sorted(re.findall(r"</?[a-z]+>", harmless))
    assert not re.search(r"@\w", shown)
    assert not re.search(r"#\d", re.sub(r"&#\d+;", "", shown))
    assert not re.search(r"(?<!\\)[\[\]!]", shown.replace("🟢", ""))
    assert "://" not in shown
    assert "\x1b" not in shown
    assert not set(shown) & set("\u202e\u2066\u3164\ufe01\U000e0101\udc80")
    assert not re.search(r":[a-z0-9_+-]+:", shown.replace("T00:00:00", ""))
    assert not re.search(r"^(    |\t)|  $", shown, re.MULTILINE)


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


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_gap_in_a_chart_and_words_in_a_table(bad):
    chart = Chart(title="t", x_label="x", y_label="y", x=(1, 2), series={"s": (1.0, bad)}, limit=("l", bad))
    blocks = (chart, Table(("n",), ((bad,),)))
    shown = markdown(decision(), blocks) + text(decision(), blocks) + Section("s").add(*blocks).render()
    assert "nan" not in shown
    assert "inf" not in shown.replace("information", "")
    assert ("not a number" in shown) if math.isnan(bad) else ("∞" in shown)


@pytest.mark.parametrize("rows", [((1,),), ((1, 2, 3),), ((),), ()])
def test_rows_and_series_of_the_wrong_length_cost_nobody_a_verdict(rows):
    table = Table(("a", "b"), rows, title="T")
    chart = Chart(
        title="C", x_label="x", y_label="y", x=(1, 2), series={"short": (1.0,), "long": (1.0, 2, 3)}
    )
    for shown in (
        markdown(decision(), (table, chart)),
        text(decision(), (table, chart)),
        Section("s").add(table, chart).render(),
    ):
        assert "short" in shown
        assert "long" in shown


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "a\nb", "\u202e", "\x9b31m"])
def test_no_place_of_a_terminals_text_lets_a_control_through(hostile):
    chart = Chart(
        title=hostile,
        x_label=hostile,
        y_label=hostile,
        x=(1,),
        series={hostile: (1.0,)},
        limit=(hostile, 1.0),
    )
    blocks = (Table((hostile,), ((hostile,),), title=hostile), Fold(hostile, (chart, Code(hostile))))
    made = decision(
        verdict="PASS",
        reasons=(Reason(code=hostile, text=hostile),),
        next_action=hostile,
        advice=(Advice(source=hostile, verdict=hostile, text=hostile, refused=hostile),),
    )
    shown = text(made, blocks, replay=hostile)
    assert not set(shown) & set("\x1b\u202e\x9b")
    harmless = text(
        decision(reasons=(Reason(code="x", text="x"),), advice=(Advice(source="x", verdict="x", text="x"),)),
        (Table(("x",), (("x",),), title="x"), Fold("x", (chart, Code(hostile)))),
        replay="x",
    )
    assert len(shown.splitlines()) == len(harmless.splitlines())


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_mermaid_gets_numbers_without_exponents_that_are_the_numbers(value):
    chart = Chart(title="t", x_label="x", y_label="y", x=("a",), series={"s": (value,)})
    drawn = re.search(r"^    line \[(.*)\]$", block_markdown(chart), re.MULTILINE)
    if abs(value) >= 1e15:
        assert drawn is None
    else:
        assert re.fullmatch(r"-?\d+(\.\d+)?", drawn[1])
        assert float(drawn[1]) == pytest.approx(value, rel=1e-5, abs=1e-12)


def test_a_limit_is_in_every_picture_of_a_chart():
    chart = Chart(title="t", x_label="x", y_label="y", x=("a", "b"), series={"s": (1, 2)}, limit=("SLO", 0.5))
    shown = block_markdown(chart)
    assert "    line [0.5, 0.5]" in shown
    assert "_s red, SLO blue_" in shown
    assert "SLO: 0.5" in "\n".join(block_text(chart))
    assert ">SLO</text>" in block_html(chart)
    assert "SLO: 0.5" in block_markdown(
        Chart(title="t", x_label="x", y_label="y", x=("a",), series={"s": (None,)}, limit=("SLO", 0.5))
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (12345.678, "12346"),
        (1234.5, "1234"),
        (0.12345, "0.1235"),
        (3.0, "3"),
        (-2, "-2"),
        (1e15, "1e+15"),
        (1e-9, "1e-09"),
        (True, "yes"),
        (False, "no"),
        (999.96, "1000"),
    ],
)
def test_numbers_are_written_as_people_write_them(value, shown):
    assert wording.number(value) == shown


def test_marks_are_not_piled_up_over_other_lines():
    assert visible("e\u0301") == "e\u0301"
    assert visible("e" + "\u0301" * 9).count("\u0301") == 4
    assert visible("❤\ufe0f") == "❤\ufe0f"


def test_a_text_without_end_is_cut_before_it_costs_anything():
    """Ten megabytes take seconds when every character is looked at, and nothing of them is shown."""
    huge = "\u202e" * 10_000_000
    assert len(markdown_text(huge, 100)) < 2000
    assert len(html_text(huge, 100)) < 2000


def test_a_comment_of_reasons_alone_is_cut_at_a_row_and_says_so():
    reasons = tuple(Reason(code=f"c{i}", text="<" * 400) for i in range(200))
    made = comment(decision(reasons=reasons))
    assert len(made) <= COMMENT_LIMIT
    rows, note = made.rsplit("\n\n", 1)
    assert "rest is in the run's summary" in note
    assert rows.endswith(" |")


def test_a_card_shows_the_mode_and_what_a_model_advised():
    made = decision(mode="observe", advice=(Advice(source="m", verdict="FAIL", text="why", refused="no"),))
    shown = Section("s").decide(made).render()
    assert "Observing only" in shown
    assert "(m, refused): FAIL. why no" in shown
    assert "Advice" not in Section("s").decide(decision(mode="enforce")).render()


def test_charts_in_a_row_stand_together_and_a_lone_one_alone():
    chart = BLOCKS[2]
    assert Section("s").add(chart, chart, Text("x"), chart).render().count('class="charts"') == 1


def _labels(chart):
    return re.findall(r'<text class="tick" x="([\d.]+)"[^>]*text-anchor="(\w+)">([^<]*)<', block_html(chart))


@pytest.mark.parametrize("count", [1, 2, 8, 40, 900])
@pytest.mark.parametrize("length", [1, 9, 60])
@pytest.mark.parametrize("kind", ["line", "bar"])
def test_labels_below_a_chart_neither_overlap_nor_leave_it(count, length, kind):
    chart = Chart(
        title="t",
        x_label="x",
        y_label="y",
        x=tuple(str(i).zfill(length) for i in range(count)),
        series={"s": tuple(range(count))},
        kind=kind,
    )
    below = [(float(x), len(shown) * 10) for x, anchor, shown in _labels(chart) if anchor == "middle"]
    assert below
    assert all(at - wide / 2 >= 0 and at + wide / 2 <= 640 for at, wide in below)
    assert all(a + wa / 2 <= b - wb / 2 for (a, wa), (b, wb) in itertools.pairwise(below))
    if kind == "bar" and count <= 8:
        assert len(below) == count


@pytest.mark.parametrize(
    "values", [(1e-12, 3e-12), (99.95, 99.97), (1.2e12, -1e12), (12_000, 14_500), (0.1, 0.3)]
)
@pytest.mark.parametrize("log_y", [True, False])
def test_ticks_differ_and_fit_beside_the_axis(values, log_y):
    chart = Chart(title="t", x_label="x", y_label="y", x=(1, 2), series={"s": values}, log_y=log_y)
    ticks = [shown for _, anchor, shown in _labels(chart) if anchor == "end"]
    assert len(set(ticks)) == len(ticks) >= 2
    assert max(map(len, ticks)) <= 7


def test_a_line_far_from_zero_is_shown_up_close_and_a_bar_never():
    def lowest(kind):
        chart = Chart(title="t", x_label="x", y_label="y", x=(1, 2), series={"s": (99.95, 99.97)}, kind=kind)
        return next(shown for _, anchor, shown in _labels(chart) if anchor == "end")

    assert lowest("line") == "99.95"
    assert lowest("bar") == "0"


def test_zero_on_a_logarithmic_axis_is_said_and_no_data_has_no_ticks():
    chart = Chart(title="t", x_label="x", y_label="y", x=(1, 2), series={"s": (0.0, 10)}, log_y=True)
    assert any(shown.startswith("≤ ") for _, _, shown in _labels(chart))
    empty = block_html(Chart(title="t", x_label="x", y_label="y", x=(), series={}))
    assert "no data" in empty
    assert 'class="tick"' not in empty


def test_a_seventh_series_does_not_look_like_the_first():
    series = {f"n{i}": (float(i), 1.0) for i in range(7)}
    shown = block_html(Chart(title="t", x_label="x", y_label="y", x=(1, 2), series=series))
    styles = re.findall(r'<polyline class="([^"]*)"', shown)
    assert len(set(styles)) == 7
    assert re.findall(r'<li class="([^"]*)"', shown) == styles


class _Seen(html.parser.HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@given(st.text() | st.sampled_from(HOSTILE))
def test_githubs_own_library_shows_escaped_text_as_that_text(value):
    import cmarkgfm
    from cmarkgfm.cmark import Options

    seen = _Seen()
    seen.feed(
        cmarkgfm.github_flavored_markdown_to_html(f"x{markdown_text(value)}x", Options.CMARK_OPT_UNSAFE)
    )
    assert seen.tags == ["p"]
    unbroken = seen.text.replace("\u200b", "").strip()
    assert " ".join(unbroken.split()) == " ".join(f"x{visible(value).strip()}x".split())


def test_why_and_next_stand_on_lines_of_their_own_on_github():
    import cmarkgfm

    seen = _Seen()
    seen.feed(cmarkgfm.github_flavored_markdown_to_html(markdown(decision(verdict="FAIL"))))
    assert seen.tags[:5] == ["h3", "p", "strong", "p", "strong"]


def test_many_points_get_a_scale_instead_of_labels_on_top_of_each_other():
    x = tuple(3.5 + i * 1.1 for i in range(40))
    shown = block_markdown(Chart(title="E", x_label="s", y_label="y", x=x, series={"a": x}))
    axis = next(line for line in shown.splitlines() if "x-axis" in line)
    assert axis.endswith("3.5 --> 46.4")
    drawn = next(line for line in shown.splitlines() if line.startswith("    line ["))
    assert [float(part) for part in drawn.strip()[6:-1].split(", ")] == pytest.approx(x, rel=1e-5)


def test_a_point_that_lies_apart_is_drawn_where_it_lies():
    x = (*range(20), 39)
    shown = block_markdown(Chart(title="E", x_label="s", y_label="y", x=x, series={"a": x}))
    drawn = next(line for line in shown.splitlines() if line.startswith("    line ["))
    values = [float(part) for part in drawn.strip()[6:-1].split(", ")]
    assert len(values) == 21
    assert values[0] == 0
    assert values[-1] == 39
    assert values.count(19) >= 4  # half of the scale has nothing but the two points at its ends


@pytest.mark.parametrize("count", [15, 100, 2000])
def test_no_axis_has_more_labels_than_fit(count):
    x = tuple(f"day {i}" for i in range(count))
    shown = block_markdown(Chart(title="E", x_label="s", y_label="y", x=x, series={"a": tuple(range(count))}))
    axis = next(line for line in shown.splitlines() if "x-axis" in line)
    assert axis.count('"') // 2 - 1 <= 14


@pytest.mark.parametrize(("kind", "legend"), [("line", "_a red, b blue_"), ("bar", "_a blue, b red_")])
def test_of_bars_the_one_behind_is_no_alarm(kind, legend):
    chart = Chart(title="t", x_label="x", y_label="y", x=(1, 2), series={"a": (2, 3), "b": (1, 1)}, kind=kind)
    shown = block_markdown(chart)
    assert legend in shown
    first = "#d1242f, #0969da" if kind == "line" else "#0969da, #d1242f"
    assert f'"plotColorPalette": "{first}' in shown
