"""Make a model's text harmless to show: in a comment, an issue, a summary, a log or a terminal.

Whoever can put words into a diff can put words into a model's mouth. What is left is plain text on one
line: nothing in it links, loads, mentions, closes an issue, runs as markup or as a command, or turns
the direction of what follows.
"""

from __future__ import annotations

import html
import re
import unicodedata

MAX_CHARACTERS = 600
_CUT = " (cut)"

_LINK = re.compile(r"!?\[([^\[\]]{0,400})\]\([^()]{0,2000}\)")
_REFERENCE_LINK = re.compile(r"!?\[([^\[\]]{0,400})\]\s?\[[^\[\]]{0,200}\]")
_TAG = re.compile(r"<[!/a-zA-Z][^<>]{0,2000}>")
_URL = re.compile(r"(?i)(?:\b[a-z][a-z0-9+.-]{1,20}:/{1,3}|\bwww\.)[^\s]{0,2000}")
_SCHEME = re.compile(r"(?i)\b(?:javascript|data|vbscript|mailto|file):[^\s]{1,2000}")
# A number or a commit after a repository name or a hash sign links; after a closing word it also closes.
_ISSUE = re.compile(r"(?i)(?:[\w.-]{1,100}/[\w.-]{1,100})?#(\d)|\bGH-(\d)")
_COLONS = re.compile(r":[:/]*:|:/{2,}")
_MARKUP = str.maketrans(dict.fromkeys("@#<>`*_~|\\[]{}&$^", ""))


def plain_text(text: str, limit: int = MAX_CHARACTERS) -> str:
    """`text` as harmless plain text on one line, at most `limit` characters; a second pass is idle."""
    # Several times what may stay is enough to see; a model that never stops must not cost time here.
    text = text[: limit * 8]
    for _ in range(20):
        cleaned = _once(text)
        if cleaned == text:
            break
        text = cleaned
    if len(text) > limit:
        text = text[: limit - len(_CUT)].rstrip() + _CUT
    return text


def _once(text: str) -> str:
    # Compatibility forms first: a full-width at sign is an at sign to who reads it.
    text = unicodedata.normalize("NFKC", html.unescape(text))
    text = "".join(" " if c in "\t\n\r\v\f\x85\u2028\u2029" else c for c in text if _shown(c))
    text = _LINK.sub(r"\1", text)
    text = _REFERENCE_LINK.sub(r"\1", text)
    text = _TAG.sub(" ", text)
    text = _URL.sub("(link removed)", text)
    text = _SCHEME.sub("(link removed)", text)
    text = _ISSUE.sub(r"number \1\2", text)
    text = text.translate(_MARKUP)
    text = _COLONS.sub(":", text)
    return " ".join(text.split()).lstrip("-+=>.!/:; ")


def _shown(character: str) -> bool:
    # Cc control, Cf format (bidirectional marks, zero width), Cs half characters, Co private use,
    # Cn unassigned, Me enclosing marks.
    if character in "\t\n\r\v\f\x85\u2028\u2029":
        return True
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Me")
