"""Text from outside, made harmless for the place where it is shown."""

from __future__ import annotations

import html
import re
import unicodedata

# Everything that can start or end a construct of GitHub's Markdown.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-!|~$&])")
_LIST = re.compile(r"^(\d+)([.)])")
# GitHub looks for these in the finished page, where an escape is already undone: only a character in
# between keeps a mention from notifying and a reference from linking or closing something.
_REFERENCES = re.compile(
    r"(?i)@(?=\w)|(?<=#)(?=\d)|(?<=gh)(?=-\d)|(?<=:)(?=//)|(?<=www)(?=\.)|(?-i::)(?=(?-i:[a-z0-9_+-]+):)"
)
_BREAK = "\u200b"
# Drawn as nothing although Unicode does not count them as formatting: fillers, and the selectors that
# can carry a hidden message. The emoji selector U+FE0F is left alone.
_INVISIBLE = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0e\uffa0\U000e0100-\U000e01ef]"
)
# More marks on one letter than any language writes only serve to draw over the lines around.
MAX_MARKS = 4
_ELLIPSIS = "…"


def visible(text: str) -> str:
    """``text`` on one line with nothing that hides, reorders or piles up: controls, ANSI, bidi and
    invisible characters are shown by their code points, as ``<U+202E>``."""
    if text.isascii() and text.isprintable():
        return text
    shown, marks = [], 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if character in "\n\r\t\v\f\x85\u2028\u2029":
            shown.append(" ")
        # Cc controls, Cf formatting (bidi overrides, zero width), Cs lone surrogates, Co private use.
        elif category in ("Cc", "Cf", "Cs", "Co") or marks > MAX_MARKS or _INVISIBLE.match(character):
            shown.append(f"<U+{ord(character):04X}>")
        else:
            shown.append(character)
    return "".join(shown)


def shorten(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + _ELLIPSIS


def _shown(text: str, limit: int) -> str:
    # Cut first: what will not be shown must not cost time, however long it is.
    return shorten(visible(shorten(text, limit)), limit)


def markdown_text(text: str, limit: int = 2000) -> str:
    """``text`` as Markdown that renders as exactly that text, on one line.

    No HTML, link, image, mention, issue reference, emoji code, emphasis, list, code block or table cell
    can start in it.
    """
    # Spaces around it would mean something: four before are a code block, two behind a line break.
    return _LIST.sub(r"\1\\\2", _escape(text, limit).strip())


def _escape(text: str, limit: int) -> str:
    shown = _REFERENCES.sub(lambda match: match.group(0) + _BREAK, _shown(text, limit))
    # Entities where GitHub's Markdown does not honour a backslash in every place.
    return _MARKDOWN.sub(lambda m: f"&#{ord(m[1])};" if m[1] in "<>&#$|`" else "\\" + m[1], shown)


def code_span(text: str, limit: int = 300) -> str:
    """``text`` as inline code. HTML's own element, since backticks in the text would end Markdown's."""
    return f"<code>{_escape(text, limit)}</code>"


def code_lines(text: str) -> list[str]:
    """The lines of a listing, not yet escaped; tabs become spaces, since a tab is a control character."""
    return [line.expandtabs(4) for line in text.splitlines()]


def code_block(text: str, language: str = "", limit: int = 20_000) -> str:
    """``text`` in a fence longer than any run of backticks inside it."""
    body = "\n".join(visible(line) for line in code_lines(shorten(text, limit)))
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language if language.isalnum() else ''}\n{body}\n{fence}"


def html_text(text: str, limit: int = 20_000) -> str:
    """``text`` for an HTML document, in an element or a quoted attribute."""
    return html.escape(_shown(text, limit), quote=True)
