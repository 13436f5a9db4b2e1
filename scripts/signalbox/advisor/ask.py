"""Ask a model for advice or for a few sentences. Whatever happens, the caller gets an `Answer`.

Advice does nothing by itself: it becomes part of a decision only through `signalbox.decision.take_advice`,
which can only tighten and is capped at the verdict that asks a person.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from signalbox.advisor.cache import Cache
from signalbox.advisor.prompt import Prompt, advise_prompt, narrate_prompt, reply_schema, shipped_question
from signalbox.advisor.sanitise import plain_text
from signalbox.advisor.wire import Completion, Unavailable, complete
from signalbox.classify import DataClass, redact
from signalbox.config.advisor import AdvisorSettings
from signalbox.config.environments import Environments
from signalbox.decision import Advice, Gap, Reason, order_of

WITHHELD = "The model's own words are not kept here, because they may repeat what it was shown."


class Budget:
    """What the questions of one run have used. Give the same one to every call of a run."""

    def __init__(self) -> None:
        self.calls = 0
        self.cost = 0.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Without an endpoint everything is empty; when there should have been an answer and
    there is none, `gaps` says why.

    `additions` are taken from the caller's own list of choices. `text` is a narration. `reference` names the
    prompt in records (its SHA-256, never its content). `cost` is in the currency of the policy's prices.
    """

    advice: tuple[Advice, ...] = ()
    additions: tuple[str, ...] = ()
    text: str = ""
    gaps: tuple[Gap, ...] = ()
    reference: str = ""
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    cached: bool = False

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The gaps as reasons without effect, for a decision's list."""
        return tuple(Reason(code=gap.code, text=gap.text) for gap in self.gaps)

    @property
    def models(self) -> dict[str, str]:
        """For `Decision.models`: the model that was asked."""
        return {"advisor": self.model} if self.model else {}


class _Reply(msgspec.Struct, forbid_unknown_fields=True):
    verdict: str
    text: str
    additions: list[str] = []


def ask(
    question: str,
    context: Mapping[str, str],
    kind: str,
    *,
    settings: AdvisorSettings,
    choices: Sequence[str] = (),
    environment: str = "",
    keep: bool | None = None,
    recorded: Collection[str] = (),
    data_class: str = "Internal",
    budget: Budget | None = None,
    environ: Mapping[str, str] | None = None,
) -> Answer:
    """Ask for a verdict of `kind` (as in `signalbox.decision.ORDERS`) with a sentence.

    `question` is ours, empty for the shipped one. `context` (title → text) is untrusted; it is redacted,
    fenced and cut to the budget.
    `choices` are the things the model may name as additions (suites). `data_class` is what the context was
    declared to be. `keep` says whether policy lets a prompt's words be kept in `environment` (by default what
    the shipped policy says); where it does not, the model's own words are kept only when every part of the
    context is one of `recorded`, which the decision holds anyway: for they may repeat what they were shown.
    Never raises for anything the model, the network or the settings do; an unknown `kind` is
    a fault of the caller's and raises ValueError.
    """
    verdicts = order_of(kind).verdicts
    keeps = _keeps(keep, environment)
    silent = not keeps and not set(context) <= set(recorded)

    def make(**how: object) -> Prompt:
        return advise_prompt(question or shipped_question(kind), context, kind, choices, **how)

    def read(completion: Completion, source: str) -> Answer:
        reply = _parse(completion.content)
        if reply.verdict not in verdicts:
            raise Unavailable("advisor-garbage", f"the model's verdict is not one of {', '.join(verdicts)}")
        sentence = WITHHELD if silent else plain_text(redact(reply.text)) or "The model gave no reason."
        given = set(reply.additions)
        advice = Advice(source=source, verdict=reply.verdict, text=sentence)
        return Answer(advice=(advice,), additions=tuple(c for c in choices if c in given))

    schema = reply_schema(kind, choices) if settings.structured != "none" else None
    return _guarded(
        make,
        read,
        schema,
        settings,
        Cache(settings.cache, environment, words=keeps),
        data_class,
        budget,
        environ,
    )


def narrate(
    question: str,
    context: Mapping[str, str],
    *,
    settings: AdvisorSettings,
    environment: str = "",
    keep: bool | None = None,
    recorded: Collection[str] = (),
    data_class: str = "Internal",
    budget: Budget | None = None,
    environ: Mapping[str, str] | None = None,
) -> Answer:
    """Ask for a few sentences about `context`: harmless plain text of at most 1,200 characters.

    Nothing is told where its words may not be kept (`keep`, `recorded` as for `ask`).
    """
    keeps = _keeps(keep, environment)
    if not keeps and not set(context) <= set(recorded):
        return Answer()

    def make(**how: object) -> Prompt:
        return narrate_prompt(question, context, **how)

    def read(completion: Completion, source: str) -> Answer:
        return Answer(text=plain_text(redact(completion.content), 1200))

    return _guarded(
        make,
        read,
        None,
        settings,
        Cache(settings.cache, environment, words=keeps),
        data_class,
        budget,
        environ,
    )


def _keeps(keep: bool | None, environment: str) -> bool:
    return Environments().keeps_prompts(environment) if keep is None else keep


def _guarded(
    make: Callable[..., Prompt],
    read: Callable[[Completion, str], Answer],
    schema: dict[str, object] | None,
    settings: AdvisorSettings,
    cache: Cache,
    data_class: str,
    budget: Budget | None,
    environ: Mapping[str, str] | None,
) -> Answer:
    if not settings.endpoint:
        return Answer()
    try:
        used = Budget() if budget is None else budget
        key = (os.environ if environ is None else environ).get(settings.key_variable, "")
        return _asked(make, read, schema, settings, cache, data_class, used, key)
    except Unavailable as error:
        return Answer(gaps=(Gap(error.code, f"No advice: {error}."),), model=settings.model)
    except Exception as error:
        # Advice is optional: a fault in getting it must never be what stops a delivery.
        fault = Gap("advisor-fault", f"No advice: asking for it failed ({type(error).__name__}).")
        return Answer(gaps=(fault,), model=settings.model)


def _asked(
    make: Callable[..., Prompt],
    read: Callable[[Completion, str], Answer],
    schema: dict[str, object] | None,
    settings: AdvisorSettings,
    cache: Cache,
    data_class: str,
    budget: Budget,
    key: str,
) -> Answer:
    if not settings.model:
        raise Unavailable("advisor-settings", "the policy names an endpoint and no model")
    if DataClass.parse(data_class) > DataClass.parse(settings.max_class):
        raise Unavailable(
            "advisor-class", f"{data_class} data may not be sent (max-class {settings.max_class})"
        )
    request = {
        "endpoint": settings.endpoint,
        "model": settings.model,
        "schema": schema,
        "max_output_tokens": settings.max_output_tokens,
    }
    prompt = make(request=request, max_tokens=settings.max_input_tokens)
    if prompt.tokens > settings.max_input_tokens:
        raise Unavailable("advisor-budget", "the question alone is longer than max-input-tokens")
    source = f"{settings.model} at {urlsplit(settings.endpoint).netloc}"
    completion, cost = cache.find(prompt.reference), 0.0
    cached = completion is not None
    if completion is None:
        completion, cost = _paid(prompt, schema, settings, budget, key)
    # What cannot be read is not kept: the next run may have more luck.
    answer = read(completion, source)
    if not cached:
        cache.keep(prompt, settings.model, completion)
    return msgspec.structs.replace(
        answer,
        gaps=(Gap("advisor-cut", "The model saw only part of the material."),) if prompt.cut else (),
        reference=prompt.reference,
        model=settings.model,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        cost=cost,
        cached=cached,
    )


def _paid(
    prompt: Prompt, schema: dict[str, object] | None, settings: AdvisorSettings, budget: Budget, key: str
) -> tuple[Completion, float]:
    at_most = _cost(settings, prompt.tokens, settings.max_output_tokens)
    if budget.calls >= settings.max_calls:
        raise Unavailable("advisor-budget", f"this run has asked {budget.calls} times already (max-calls)")
    if budget.cost + at_most > settings.max_cost and at_most > 0:
        raise Unavailable("advisor-budget", "the question could cost more than what is left of max-cost")
    budget.calls += 1
    # Booked before it is spent: an endpoint that fails after counting has cost all the same.
    budget.cost += at_most
    completion = complete(
        endpoint=settings.endpoint,
        model=settings.model,
        key=key,
        messages=prompt.messages,
        schema=schema,
        may_drop_schema=settings.structured == "auto",
        max_output_tokens=settings.max_output_tokens,
        seconds=settings.timeout_seconds,
    )
    # The endpoint's own count can raise the bill but not lower it below what the text itself shows.
    said = max(completion.output_tokens, len(completion.content) // 8)
    cost = _cost(settings, max(completion.input_tokens, prompt.tokens // 2), said)
    budget.cost += cost - at_most
    return completion, cost


def _cost(settings: AdvisorSettings, input_tokens: int, output_tokens: int) -> float:
    spent = (
        input_tokens * settings.input_price_per_million + output_tokens * settings.output_price_per_million
    )
    return spent / 1e6


def _parse(content: str) -> _Reply:
    text = content.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        # Models without structured output like to fence JSON; nothing else around it is accepted.
        text = text.split("\n", 1)[1][:-3]
    try:
        return msgspec.json.decode(text.encode("utf-8", "surrogatepass"), type=_Reply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unavailable("advisor-garbage", "the model's answer is not what was asked for") from None
