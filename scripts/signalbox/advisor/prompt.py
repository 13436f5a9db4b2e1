"""From a question and untrusted material to the messages of a request, within a budget of tokens."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

import msgspec

from signalbox.classify import redact
from signalbox.decision import digest_of, order_of

_MARK = "\x00mark\x00"


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """The messages to send and the reference that names them.

    `reference` is the SHA-256 of the request with the random mark left out, so that the same question about
    the same material has the same reference.
    """

    system: str
    user: str
    reference: str
    tokens: int
    cut: bool

    @property
    def messages(self) -> list[dict[str, str]]:
        """As the chat completions API wants them."""
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.user}]


def tokens_at_most(text: str) -> int:
    """An upper estimate of the tokens of `text`, without a tokenizer: three bytes are at least one token."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 3)


def shipped_question(kind: str) -> str:
    """What to ask about a decision of `kind` when the caller has no better question."""
    name = f"question-{kind}"
    there = (files("signalbox.advisor") / "templates" / f"{name}.txt").is_file()
    return " ".join(_read(name if there else "question").split())


def advise_prompt(
    question: str, context: Mapping[str, str], kind: str, choices: Sequence[str], **how: Any
) -> Prompt:
    """The prompt for a verdict of `kind`; `choices` is the closed list that additions may come from."""
    listed = ", ".join(choices)
    line = (
        f"Possible additions (use these words only): {listed}."
        if choices
        else "Additions: always an empty list."
    )
    values = {"kind": kind, "verdicts": ", ".join(order_of(kind).verdicts), "choices": line}
    return _prompt("advise", question, context, values, **how)


def narrate_prompt(question: str, context: Mapping[str, str], **how: Any) -> Prompt:
    """The prompt for a few sentences of explanation."""
    return _prompt("narrate", question, context, {}, **how)


def reply_schema(kind: str, choices: Sequence[str]) -> dict[str, Any]:
    """JSON Schema of the reply to `advise_prompt`, in the subset that strict structured output takes."""
    additions: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
    if choices:
        additions["items"]["enum"] = list(choices)
    return {
        "type": "object",
        "properties": {
            "verdict": {"type": "string", "enum": list(order_of(kind).verdicts)},
            "text": {"type": "string"},
            "additions": additions,
        },
        "required": ["verdict", "text", "additions"],
        "additionalProperties": False,
    }


def _prompt(
    template: str,
    question: str,
    context: Mapping[str, str],
    values: Mapping[str, str],
    *,
    request: Mapping[str, Any],
    max_tokens: int,
    new_mark: Callable[[], str] = lambda: secrets.token_hex(12),
) -> Prompt:
    """Fill the templates; `request` is what else the reference covers (model, endpoint, schema)."""
    clean = {redact(name): redact(text) for name, text in context.items()}
    mark = new_mark()
    # 96 random bits do not occur by chance; a source of marks that repeats itself must not open the fence.
    while any(mark in text for text in (*clean, *clean.values())):
        mark += secrets.token_hex(12)
    system = Template(_read("system")).substitute(boundary=_MARK)
    frame = Template(_read(template)).substitute(question=question, material="", **values)
    room = max_tokens - tokens_at_most(system) - tokens_at_most(frame) - 20 * (len(mark) // 24 + 1)
    material, cut = _material(clean, room, len(mark))
    user = Template(_read(template)).substitute(question=question, material=material, **values)
    reference = digest_of({"system": system, "user": user, "request": dict(request)})
    system, user = system.replace(_MARK, mark), user.replace(_MARK, mark)
    tokens = tokens_at_most(system) + tokens_at_most(user)
    return Prompt(system=system, user=user, reference=reference, tokens=tokens, cut=cut)


def _material(context: Mapping[str, str], tokens: int, mark: int) -> tuple[str, bool]:
    """The parts in order, each between its marks; what does not fit is cut from the end and said to be."""
    pieces, cut = [], False
    left = max(tokens, 0) * 3
    for name, text in context.items():
        title = " ".join(name.replace(_MARK, "").split())[:200]
        left -= len(title.encode()) + 2 * mark + 60
        body = text.replace(_MARK, "").encode("utf-8", "replace")
        if len(body) > left:
            kept = body[: max(left - 40, 0)].decode("utf-8", "ignore")
            gone = len(body) - len(kept.encode())
            body, cut = f"{kept}\n[cut: {gone} bytes left out]".encode(), True
        left -= len(body)
        pieces.append(f"BEGIN {_MARK} {title}\n{body.decode()}\nEND {_MARK}")
    return "\n".join(pieces), cut


def _read(name: str) -> str:
    return (files("signalbox.advisor") / "templates" / f"{name}.txt").read_text("utf-8")
