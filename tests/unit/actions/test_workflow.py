"""What reaches the runner: parsed back here as the runner parses it."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.actions import SUMMARY_LIMIT, Annotation, Workflow, plain
from signalbox.errors import InputError


def read_outputs(text: str) -> dict[str, str]:
    """The runner's own rule: ``name<<delimiter``, lines, a line that is the delimiter alone."""
    values, lines = {}, iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, delimiter = line.split("<<", 1)
        body = []
        for inner in lines:
            if inner == delimiter:
                break
            body.append(inner)
        else:
            raise AssertionError("heredoc without end")
        values[name] = "\n".join(body)
    return values


@pytest.fixture
def step(tmp_path):
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    log = io.StringIO()
    return Workflow(environ, log), log, tmp_path


@given(value=st.text(alphabet=st.characters(exclude_characters="\r", exclude_categories=["Cs"])))
def test_no_value_can_set_another_output(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("step") / "output"
    workflow = Workflow({"GITHUB_OUTPUT": str(path)}, io.StringIO())
    workflow.outputs({"verdict": "fail", "text": value})
    assert read_outputs(path.read_text(encoding="utf-8")) == {"verdict": "fail", "text": value}


@pytest.mark.parametrize(
    "attack", ["x\nEOF\nverdict<<EOF\npass\nEOF", "verdict=pass", "ghadelimiter_1\nverdict=pass"]
)
def test_the_known_attacks_on_outputs_change_nothing(step, attack):
    workflow, _, folder = step
    workflow.output("verdict", "fail")
    workflow.output("reason", attack)
    assert read_outputs((folder / "output").read_text())["verdict"] == "fail"


def test_a_delimiter_that_occurs_in_the_value_is_refused(tmp_path):
    workflow = Workflow({"GITHUB_OUTPUT": str(tmp_path / "o")}, io.StringIO(), token=lambda: "same")
    with pytest.raises(ValueError, match="delimiter"):
        workflow.output("a", "x\nsignalbox-same\nverdict=pass")


def test_an_output_that_would_arrive_empty_is_refused(step):
    workflow, log, _ = step
    workflow.mask("hunter2secret")
    assert "::add-mask::hunter2secret" in log.getvalue()
    with pytest.raises(InputError, match="would arrive empty"):
        workflow.output("url", "https://x/?k=hunter2secret")


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a<<b", "a\nb"])
def test_names_of_outputs_are_checked(step, name):
    with pytest.raises(ValueError, match="not a name"):
        step[0].output(name, "x")


def test_an_output_that_is_too_long_is_refused(step):
    with pytest.raises(InputError, match="artifact"):
        step[0].output("big", "x" * (1024 * 1024 + 1))


def test_a_summary_too_long_is_cut_and_says_so(step):
    workflow, _, folder = step
    workflow.summary("first line\n" + "é" * 600_000 + "\n")
    workflow.summary("second")
    text = (folder / "summary").read_text()
    assert len(text.encode()) <= SUMMARY_LIMIT + 500
    assert text.startswith("first line")
    assert "was cut here" in text


COMMAND = re.compile(r"^::(notice|warning|error)((?: [^:]*?)?)::(.*)$")


@given(text=st.text(), title=st.text(), file=st.text())
def test_an_annotation_is_one_command_whatever_it_says(text, title, file):
    log = io.StringIO()
    Workflow({}, log).annotate([Annotation(level="error", text=text, title=title, file=file, line=3)])
    lines = (
        log.getvalue().splitlines()
        if not set(text + title + file) & set("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
        else None
    )
    if lines is not None:
        assert len(lines) == 1
        assert COMMAND.match(lines[0])
    assert log.getvalue().count("\n") == 1


def test_only_the_first_ten_annotations_are_shown(step):
    workflow, log, _ = step
    workflow.annotate(Annotation(level="warning", text=f"n{i}") for i in range(50))
    lines = log.getvalue().splitlines()
    assert len(lines) == 10
    assert "more of these" in lines[-1]


def test_untrusted_text_is_fenced_with_a_token_that_cannot_be_known(step):
    workflow, log, _ = step
    with workflow.untrusted():
        log.write("::set-output name=verdict::pass\n")
    first, *_, last = [line for line in log.getvalue().splitlines() if line]
    token = first.removeprefix("::stop-commands::")
    assert re.fullmatch(r"[0-9a-f]{32}", token)
    assert last == f"::{token}::"


@given(st.text())
def test_plain_lines_are_no_commands(text):
    line = plain(text)
    assert "\n" not in line
    assert not line.lstrip().startswith("::")
    assert "##[" not in line


def test_without_a_runner_nothing_is_written(tmp_path):
    workflow = Workflow({}, io.StringIO())
    workflow.output("a", "b")
    workflow.summary("x")
    assert not workflow.present
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "bad", [{"url": "hunter2secret"}, {"big": "x" * (1024 * 1024)}, {"path": "\udc80"}, {"a b": "x"}]
)
def test_outputs_are_set_all_or_none(step, bad):
    """A verdict that is out before a later output is refused would be one without its reasons."""
    workflow, _, folder = step
    workflow.mask("hunter2secret")
    with pytest.raises((InputError, ValueError)):
        workflow.outputs({"verdict": "PASS", **bad})
    assert not (folder / "output").exists()


def test_the_limit_counts_what_was_set_before(step):
    workflow, _, folder = step
    workflow.output("one", "x" * (1024 * 1024))
    with pytest.raises(InputError, match="larger than 1048576 bytes"):
        workflow.output("two", "y")
    assert read_outputs((folder / "output").read_text()) == {"one": "x" * (1024 * 1024)}


def test_an_environment_file_that_cannot_be_written_is_a_clear_error(tmp_path):
    workflow = Workflow({"GITHUB_OUTPUT": str(tmp_path), "GITHUB_STEP_SUMMARY": "/dev/full"}, io.StringIO())
    with pytest.raises(InputError, match="GITHUB_OUTPUT cannot be written"):
        workflow.output("a", "b")
    with pytest.raises(InputError, match="GITHUB_STEP_SUMMARY cannot be written"):
        workflow.summary("x")


@pytest.mark.parametrize(
    ("opened", "closed"),
    [
        ("```text\n", "```"),
        ("````\n```\n", "````"),
        ("~~~\n```\n", "~~~"),
        ("<details><summary>log</summary>\n\n```\n", "```\n\n</details>"),
        ("<details>\n</details>\n", ""),
        ("```\n<details>\n```\n", ""),
    ],
)
def test_where_a_summary_is_cut_the_notice_stands_outside_of_fences_and_folds(step, opened, closed):
    workflow, _, folder = step
    workflow.summary(opened + "line\n" * 200_000)
    text = (folder / "summary").read_text()
    before, notice = text.split("\n\n> The summary was cut here", 1)
    assert before.split("line\n")[-1].strip() == closed
    assert "longer than a step may write" in notice


def test_many_summaries_together_stay_below_the_limit(step):
    workflow, _, folder = step
    for _ in range(5):
        workflow.summary("row\n" * 60_000)
    # Only the notices of those that found no room come on top.
    assert (folder / "summary").stat().st_size <= SUMMARY_LIMIT + 500


def test_half_characters_are_shown_and_kill_nothing(step):
    workflow, log, folder = step
    workflow.summary("name \udc80")
    workflow.annotate([Annotation(level="error", text="bad \udc80 name", file="a\udc80", title="\udc80")])
    assert (folder / "summary").read_text() == "name \\udc80\n"
    assert log.getvalue().encode()


@pytest.mark.parametrize("text", ["\u202egnp.exe", "\x1b[31mred", "##[error]x", "a\u200bb"])
def test_an_annotation_hides_and_reorders_nothing(step, text):
    workflow, log, _ = step
    workflow.annotate([Annotation(level="warning", text=f"one\n{text}", title=text)])
    assert "one%0A" in log.getvalue()
    assert not set(log.getvalue()) & set("\u202e\x1b\u200b")
    assert "##[" not in log.getvalue()


def test_a_place_is_escaped_so_that_it_adds_no_property(step):
    workflow, log, _ = step
    workflow.annotate([Annotation(level="notice", text="100%", file="a,line=9:b%", line=3)])
    assert log.getvalue() == "::notice file=a%2Cline=9%3Ab%25,line=3::100%25\n"
    workflow.annotate([Annotation(level="notice", text="x", line=3)])
    assert log.getvalue().endswith("::notice::x\n")


def test_each_level_has_its_own_ten(step):
    workflow, log, _ = step
    workflow.annotate(
        Annotation(level=level, text=f"n{i}") for i in range(12) for level in ("notice", "warning", "error")
    )
    lines = log.getvalue().splitlines()
    assert len(lines) == 30
    assert sum("more of these" in line for line in lines) == 3
    assert sum(line.startswith("::error::n") for line in lines) == 9


def test_every_line_of_a_secret_is_masked_and_tiny_ones_are_not(step):
    workflow, log, _ = step
    workflow.mask("first%\n--\nlast")
    assert log.getvalue() == "::add-mask::first%25\n::add-mask::last\n"
    with pytest.raises(InputError, match="would arrive empty"):
        workflow.output("a", "the last one")
    workflow.output("b", "--")


def test_the_fence_is_closed_when_what_is_inside_fails(step):
    workflow, log, _ = step
    with pytest.raises(RuntimeError), workflow.untrusted():
        raise RuntimeError("boom")
    token = log.getvalue().split("::stop-commands::")[1].split("\n")[0]
    assert log.getvalue().endswith(f"\n::{token}::\n")
    assert workflow.present


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", ": :error::x"),
        ("  ::error::x ", ": :error::x"),
        ("a ::error::x", "a ::error::x"),
        ("##[error]x", "## [error]x"),
        ("a\n::b", "a ::b"),
        ("tab\tand\x1b[31m", "tab and [31m"),
    ],
)
def test_a_plain_line_is_changed_as_little_as_it_takes(text, shown):
    assert plain(text) == shown


def test_the_runners_own_escapes_are_used(step):
    workflow, log, _ = step
    workflow.annotate([Annotation(level="error", text="a%\r\nb", title="t:1", file="f", line=1)])
    workflow.annotate([Annotation(level="warning", text="x", file="f")])
    assert log.getvalue() == "::error title=t%3A1,file=f,line=1::a%25%0Ab\n::warning file=f::x\n"


def test_what_fits_is_written_as_it_is_and_what_does_not_is_cut_to_the_limit(step):
    workflow, _, folder = step
    assert SUMMARY_LIMIT == 921_600
    workflow.summary("one")
    workflow.summary("two\n")
    assert (folder / "summary").read_bytes() == b"one\ntwo\n"
    workflow.summary("x\n" * SUMMARY_LIMIT)
    assert SUMMARY_LIMIT - 10 <= (folder / "summary").stat().st_size <= SUMMARY_LIMIT


def test_three_characters_are_a_secret_and_two_are_not(step):
    workflow, log, _ = step
    workflow.mask("abc")
    workflow.mask("de")
    assert log.getvalue() == "::add-mask::abc\n"


def test_the_error_of_a_full_disk_says_so():
    with pytest.raises(InputError) as caught:
        Workflow({"GITHUB_OUTPUT": "/dev/full"}, io.StringIO()).output("a", "b")
    assert str(caught.value) == "/dev/full: GITHUB_OUTPUT cannot be written: No space left on device"
