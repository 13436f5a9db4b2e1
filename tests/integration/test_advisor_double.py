"""The stand-in for a model does what its script says: other tests and the evals rest on it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from doubles.model import BEHAVIOURS, ModelDouble, Script, ScriptError

MESSAGES = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "refund order 17"}]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "s",
        "schema": {
            "type": "object",
            "properties": {
                "a": {"type": "string", "enum": ["x", "y"]},
                "n": {"type": "array", "minItems": 2},
            },
        },
    },
}


def client_of(double: ModelDouble) -> openai.OpenAI:
    return openai.OpenAI(base_url=double.url, api_key="k", max_retries=0, timeout=10)


def chat(double: ModelDouble, **fields) -> str:
    with client_of(double) as client:
        done = client.chat.completions.create(**({"model": "m", "messages": MESSAGES} | fields))
        return done.choices[0].message.content


def test_models_are_listed():
    with ModelDouble({"models": ["a", "b"]}) as double, client_of(double) as client:
        assert [m.id for m in client.models.list()] == ["a", "b"]


def test_an_answer_fits_the_schema_and_takes_fields():
    script = {"default": {"do": "answer", "fields": {"n": [1]}}}
    with ModelDouble(script) as double:
        assert json.loads(chat(double, response_format=SCHEMA)) == {"a": "x", "n": [1]}


def test_rules_are_tried_in_order_and_run_out():
    rules = [
        {"when": {"contains": "refund"}, "times": 1, "do": "say", "text": "first"},
        {"when": {"matches": "order [0-9]+", "role": "user"}, "times": 1, "do": "say", "text": "second"},
        {"when": {"matches": "order", "role": "system"}, "do": "say", "text": "never"},
        {"when": {"model": "other"}, "do": "say", "text": "never"},
    ]
    with ModelDouble({"rules": rules, "default": {"do": "say", "text": "rest"}}) as double:
        assert [chat(double) for _ in range(3)] == ["first", "second", "rest"]
        assert double.asked[0].text == "be brief\nrefund order 17"


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({}, True, False),
        ({"lenient": True}, True, True),
        ({"harsh": True}, False, False),
        ({"flip": 1.0}, False, True),
    ],
)
def test_a_judge_is_strict_lenient_harsh_or_upside_down(rule, good, bad):
    with ModelDouble({"default": {"do": "judge", "pass_if": "polite", **rule}}) as double:
        said = [
            json.loads(chat(double, messages=[{"role": "user", "content": text}]))["pass"]
            for text in ("a polite reply", "a rude reply")
        ]
    assert said == [good, bad]


def test_a_flipping_judge_says_the_same_to_the_same_text():
    script = {"default": {"do": "judge", "flip": 0.5, "seed": 3}}
    texts = [[{"role": "user", "content": str(number)}] for number in range(20)] * 2
    with ModelDouble(script) as double, client_of(double) as client:
        done = [client.chat.completions.create(model="m", messages=text) for text in texts]
    said = [json.loads(one.choices[0].message.content)["pass"] for one in done]
    assert said[:20] == said[20:]
    assert set(said) == {True, False}


def test_a_stream_brings_the_same_text():
    script = {"default": {"do": "say", "text": "a longer sentence, in pieces, é"}}
    with ModelDouble(script) as double, client_of(double) as client:
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        text = "".join(c.choices[0].delta.content or "" for c in stream)
    assert text == "a longer sentence, in pieces, é"


def test_a_wrong_key_is_refused():
    with ModelDouble({"key": "other"}) as double, pytest.raises(openai.AuthenticationError):
        chat(double)


def test_down_is_down():
    with ModelDouble() as double:
        double.stop()
        with pytest.raises(openai.APIConnectionError):
            chat(double)


@pytest.mark.parametrize(
    "script",
    [
        {"rules": [{"do": "sing"}]},
        {"rules": [{"when": {"weather": 1}, "do": "say", "text": ""}]},
        {"default": {"do": "slow", "then": {"do": "sing"}}},
        {"roules": []},
    ],
)
def test_a_script_that_cannot_be_followed_is_refused(script):
    with pytest.raises(ScriptError):
        Script(script)


def test_every_behaviour_can_be_named():
    for name in BEHAVIOURS:
        Script({"default": {"do": name}})


def test_as_a_program(tmp_path):
    (tmp_path / "script.json").write_text('{"default": {"do": "echo"}}')
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-m", "doubles.model", "--script", str(tmp_path / "script.json")]
    with subprocess.Popen(
        [*command, "--log", str(tmp_path / "log"), "--seconds", "60"],
        cwd=tests,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            url = json.loads(process.stdout.readline())["url"]
            with openai.OpenAI(base_url=url, api_key="k") as client:
                done = client.chat.completions.create(model="m", messages=MESSAGES)
            assert done.choices[0].message.content == "be brief\nrefund order 17"
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert json.loads((tmp_path / "log").read_text())["body"]["model"] == "m"
