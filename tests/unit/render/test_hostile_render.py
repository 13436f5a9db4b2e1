"""Every text of a decision can be hostile: what is shown of it is that text, and nothing more."""

import re
from html.parser import HTMLParser
from typing import Any

import hostile
import msgspec
import pytest

from signalbox.actions import Annotation, Workflow
from signalbox.decision import Advice, Decision, Evidence, Gap, PolicyRef, Reason, Subject
from signalbox.render import Chart, Code, Fold, Table, Text
from signalbox.render.html import Section, page
from signalbox.render.markdown import comment, markdown
from signalbox.render.text import text as as_text


def decision(words: str) -> Decision:
    """A decision in which every field of free text holds ``words``; a new field is covered by itself."""
    given: dict[str, Any] = {"kind": "promotion", "verdict": "block", "mode": "enforce", "schema_version": 1}

    def filled(struct: type[msgspec.Struct], /, **fixed: Any) -> Any:
        fields = msgspec.structs.fields(struct)
        free = {field.name: words for field in fields if field.type is str and field.name not in fixed}
        return struct(**free, **fixed)

    subject = filled(Subject)
    given |= {
        "subject": subject,
        "reasons": (filled(Reason, sources=(words,)), filled(Reason, effect="block")),
        "evidence": (filled(Evidence, status="fail", gaps=(filled(Gap),), subject=subject),),
        "advice": (filled(Advice, accepted=True),),
        "policy": filled(PolicyRef),
        "models": {words: words},
        "outputs": {words: words},
    }
    return filled(Decision, **given)


def blocks(words: str) -> list[Any]:
    table = Table((words, "n"), ((words, 1), (None, 2)), title=words)
    chart = Chart(title=words, x_label=words, y_label=words, x=[1, 2], series={words: [1.0, None]})
    return [table, Text(words), Code(words), chart, Fold(words, (table, Text(words)))]


@pytest.mark.parametrize("name", sorted(hostile.STRINGS))
def test_pages_and_comments_hold_text_only(name: str) -> None:
    words = hostile.STRINGS[name][:500]
    for shown in (markdown, comment):
        made = shown(decision(words), blocks(words), replay=words)
        assert hostile.problems_of_markdown(made) == []


@pytest.mark.parametrize("name", sorted(hostile.STRINGS))
def test_a_terminal_is_told_nothing_else(name: str) -> None:
    words = hostile.STRINGS[name][:500]
    made = as_text(decision(words), blocks(words), replay=words)
    assert hostile.invisible(made) == []


class Elements(HTMLParser):
    """Elements with the names of their attributes, and where links and sources lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self.leads: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found |= {(tag, name) for name, _ in attrs} | {(tag, "")}
        self.leads |= {str(value) for name, value in attrs if name in ("href", "src", "action", "style")}


ORDINARY = Elements(page("t", "l", [Section("n").add(*blocks("two\nlines"))]))


@pytest.mark.parametrize("name", sorted(hostile.STRINGS))
def test_a_report_page_has_our_elements_only(name: str) -> None:
    words = hostile.STRINGS[name][:500]
    made = Elements(page(words, words, [Section(words).add(*blocks(words))]))
    assert made.found <= ORDINARY.found
    assert {lead for lead in made.leads if ":" in lead} <= ORDINARY.leads


class Log:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("name", sorted(hostile.STRINGS))
def test_an_annotation_is_one_command_with_known_properties(name: str) -> None:
    words, log = hostile.STRINGS[name], Log()
    said = Annotation(level="warning", text=words, title=words, file=words, line=3)
    Workflow({}, log).annotate([said])  # type: ignore[arg-type]
    [(command, properties, _)] = hostile.commands(log.text)
    assert command == "warning"
    assert {part.partition("=")[0] for part in properties.split(",") if part} <= {"title", "file", "line"}


@pytest.mark.parametrize("name", sorted(hostile.STRINGS))
def test_an_output_arrives_as_it_was_given_or_is_refused(name: str, tmp_path: Any) -> None:
    from signalbox.errors import InputError

    words, file = hostile.STRINGS[name], tmp_path / "output"
    try:
        Workflow({"GITHUB_OUTPUT": str(file)}, Log()).outputs({"verdict": words, "mode": "enforce"})  # type: ignore[arg-type]
    except InputError:
        assert not file.exists() or file.read_bytes() == b""
        return
    found = hostile.outputs(file.read_bytes().decode())
    assert set(found) == {"verdict", "mode"}
    assert found["mode"] == "enforce"
    # The runner's own reading of line ends is all that may differ.
    assert re.sub(r"\r\n?", "\n", found["verdict"]) == re.sub(r"\r\n?", "\n", words)
