"""``advisor:``: the language model that may explain and tighten. Off unless an endpoint is named."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from signalbox.config.base import AtLeastOne, NotNegative, Positive, Section

# Credentials in a URL would end up in records; the key has a variable of its own.
Endpoint = Annotated[str, msgspec.Meta(pattern=r"^(?:https?://[^\s/@?#]+(?:/[^\s@?#]*)?)?$", max_length=500)]
# Only what is named as a key for a model can be sent to an endpoint: never GITHUB_TOKEN or a cloud's secret.
Variable = Annotated[str, msgspec.Meta(pattern=r"^(SIGNALBOX_[A-Z0-9_]{1,90}|[A-Z][A-Z0-9_]{0,90}_API_KEY)$")]


class AdvisorSettings(Section, frozen=True, kw_only=True):
    """An OpenAI-compatible endpoint and the budgets that may not be exceeded.

    The key is read from the environment variable ``key-variable``, never from this file.
    """

    endpoint: Endpoint = ""
    """Base URL such as ``http://127.0.0.1:11434/v1``; empty switches the advisor off."""
    model: str = ""
    """Its name at the endpoint; needed together with it."""
    key_variable: Variable = "SIGNALBOX_ADVISOR_KEY"
    """Environment variable that holds the key."""
    timeout_seconds: Positive = 20.0
    """For one question, all attempts together."""
    max_input_tokens: AtLeastOne = 6000
    """For one question; estimated from above, three bytes each."""
    max_output_tokens: AtLeastOne = 600
    """For one reply."""
    max_calls: AtLeastOne = 8
    """For one run of a script."""
    max_cost: NotNegative = 0.05
    """For one run of a script, in the currency of the prices."""
    input_price_per_million: NotNegative = 0.0
    """Of a million input tokens."""
    output_price_per_million: NotNegative = 0.0
    """Of a million output tokens."""
    max_class: Literal["Public", "Internal", "Confidential"] = "Internal"
    """Nothing declared more sensitive than this is sent. Values that are recognised as secrets or as
    personal data are taken out in any case."""
    structured: Literal["auto", "schema", "none"] = "auto"
    """``schema`` asks for structured output, ``none`` never does, ``auto`` falls back when it is refused."""
    cache: str = ""
    """A folder for replies and prompts; where content must not be kept, only references go there."""
