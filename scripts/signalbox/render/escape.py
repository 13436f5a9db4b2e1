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
_REFERENCES = re.compile(r"(?i)(@)(?=\w)|(?<=#)()(?=\d)|(?<=gh)()(?=-\d)|(?<=:)()(?=//)|(?<=www)()(?=\.)")
_BREAK = "\u200b"
_ELLIPSIS = "…"


def visible(text: str) -> str:
    """``text`` on one line with nothing that hides or reorders: controls, ANSI and bidi characters
    are shown by their code points, as ``<U+202E>``."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character in " \n\r\t\v\f" or character in "\x85\u2028\u2029":
        return " "
    category = unicodedata.category(character)
    # Cc controls, Cf formatting (bidi overrides, zero width), Cs lone surrogates, Co private use.
    return f"<U+{ord(character):04X}>" if category in ("Cc", "Cf", "Cs", "Co") else character


def shorten(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + _ELLIPSIS


def markdown_text(text: str, limit: int = 2000) -> str:
    """``text`` as Markdown that renders as exactly that text, on one line.

    No HTML, link, image, mention, issue reference, emphasis, list or table cell can start in it.
    """
    return _LIST.sub(r"\1\\\2", _escape(text, limit))


def _escape(text: str, limit: int) -> str:
    shown = _REFERENCES.sub(lambda match: match.group(0) + _BREAK, shorten(visible(text), limit))
    # Entities where GitHub's Markdown does not honour a backslash in every place.
    return _MARKDOWN.sub(lambda m: f"&#{ord(m[1])};" if m[1] in "<>&#$|`" else "\\" + m[1], shown)


def code_span(text: str, limit: int = 300) -> str:
    """``text`` as inline code. HTML's own element, since backticks in the text would end Markdown's."""
    return f"<code>{_escape(text, limit)}</code>"


def code_block(text: str, language: str = "", limit: int = 20_000) -> str:
    """``text`` in a fence longer than any run of backticks inside it."""
    body = "\n".join(visible(line) for line in shorten(text, limit).splitlines())
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language if language.isalnum() else ''}\n{body}\n{fence}"


def html_text(text: str, limit: int = 20_000) -> str:
    """``text`` for an HTML document, in an element or a quoted attribute."""
    return html.escape(shorten(visible(text), limit), quote=True)
