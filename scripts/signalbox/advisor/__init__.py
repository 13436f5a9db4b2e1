"""A language model behind any OpenAI-compatible endpoint: off by default, optional, and never in charge.

answer = ask("Does this change need more tests?", {"diff": text}, "test-plan", settings=policy.advisor)
verdict, advice = take_advice("test-plan", ruled, answer.advice)
"""

from signalbox.advisor.ask import Answer, Budget, ask, narrate
from signalbox.advisor.sanitise import plain_text

__all__ = ["Answer", "Budget", "ask", "narrate", "plain_text"]
