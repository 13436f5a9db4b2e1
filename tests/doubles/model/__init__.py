"""A scriptable stand-in for a language model behind an OpenAI-compatible endpoint, on loopback.

In a test::

    with ModelDouble({"default": {"do": "answer", "fields": {"verdict": "hold"}}}) as model:
        client = openai.OpenAI(base_url=model.url, api_key="any")

As a program, for promptfoo, `act` and the demo (one line of JSON with the URL, until SIGTERM)::

    python -m doubles.model --port 0 --script script.json --log requests.jsonl

What it can do is in `behaviours.py`; what a script looks like in `script.py`.
"""

from .behaviours import BEHAVIOURS, INJECTION
from .script import Script, ScriptError
from .server import Asked, ModelDouble

__all__ = ["BEHAVIOURS", "INJECTION", "Asked", "ModelDouble", "Script", "ScriptError"]
