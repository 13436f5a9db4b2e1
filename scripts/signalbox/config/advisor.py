"""``advisor:``: the language model that may explain and tighten. Off unless an endpoint is named."""

from __future__ import annotations

from signalbox.config.base import AtLeastOne, NotNegative, Positive, Section


class AdvisorSettings(Section, frozen=True, kw_only=True):
    """An OpenAI-compatible endpoint and the budgets a call may not exceed.

    The key is read from the environment variable ``key_variable``, never from this file.
    """

    endpoint: str = ""
    model: str = ""
    key_variable: str = "SIGNALBOX_ADVISOR_KEY"
    timeout_seconds: Positive = 20.0
    max_input_tokens: AtLeastOne = 6000
    max_output_tokens: AtLeastOne = 600
    max_cost: NotNegative = 0.05
    input_price_per_million: NotNegative = 0.0
    output_price_per_million: NotNegative = 0.0
