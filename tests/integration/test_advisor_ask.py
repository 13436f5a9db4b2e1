"""The advisor against a model on a socket: right, wrong, hostile, broken, slow and gone."""

import json

import pytest

from doubles.model import INJECTION, ModelDouble
from doubles.model.fixtures import model_double as model_double
from signalbox.advisor import Answer, Budget, ask, narrate, plain_text
from signalbox.config.advisor import AdvisorSettings
from signalbox.decision import ORDERS, take_advice

QUESTION = "Is there a concrete reason to be more careful with this change?"
CONTEXT = {"diff": "- retry(3)\n+ retry(30)"}


@pytest.fixture
def model(model_double: ModelDouble) -> ModelDouble:
    return model_double


def settings(double: ModelDouble, **fields) -> AdvisorSettings:
    return AdvisorSettings(**({"endpoint": double.url, "model": "stand-in", "timeout_seconds": 5.0} | fields))


ARGUMENTS = ("environment", "budget", "environ", "choices", "data_class")


def put(double: ModelDouble, kind: str = "rollout", context=CONTEXT, **fields) -> Answer:
    """Ask; `fields` are arguments of `ask` or settings."""
    how = {"environ": {}} | {key: fields.pop(key) for key in ARGUMENTS if key in fields}
    return ask(QUESTION, context, kind, settings=settings(double, **fields), **how)


def says(model: ModelDouble, do: str, **rule) -> None:
    model.follow({"default": {"do": do, **rule}})


def test_off_by_default_asks_nothing(model):
    assert ask(QUESTION, CONTEXT, "rollout", settings=AdvisorSettings()) == Answer()
    assert model.asked == []


def test_good_advice_comes_back_and_can_tighten(model):
    says(model, "answer", fields={"verdict": "hold", "text": "Thirty retries can pile up."})
    answer = put(model)
    assert answer.gaps == ()
    (advice,) = answer.advice
    assert (advice.verdict, advice.text) == ("hold", "Thirty retries can pile up.")
    assert advice.source.startswith("stand-in at 127.0.0.1")
    verdict, (taken,) = take_advice("rollout", "proceed", answer.advice)
    assert (verdict, taken.accepted) == ("hold", True)
    assert answer.models == {"advisor": "stand-in"}
    asked = model.asked[0].body
    assert asked["response_format"]["json_schema"]["schema"]["properties"]["verdict"]["enum"] == list(
        ORDERS["rollout"].verdicts
    )
    assert "retry(30)" in asked["messages"][1]["content"]
    assert "retry(30)" not in asked["messages"][0]["content"]


@pytest.mark.parametrize("kind", sorted(ORDERS))
def test_the_strictest_advice_never_passes_the_cap_nor_the_loosest_the_rule(kind, model):
    order = ORDERS[kind]
    for advised in (order.verdicts[0], order.verdicts[-1]):
        says(model, "answer", fields={"verdict": advised, "text": "because"})
        advice = put(model, kind).advice
        for ruled in order.verdicts:
            verdict, _ = take_advice(kind, ruled, advice)
            assert order.rank(verdict) >= order.rank(ruled)
            if order.cap and order.rank(verdict) > order.rank(ruled):
                assert order.rank(verdict) <= order.rank(order.cap)


def test_additions_come_from_the_callers_list_only(model):
    says(model, "answer", fields={"verdict": "widened", "text": "t", "additions": ["e2e", "rm -rf", "unit"]})
    answer = put(model, "test-plan", choices=("unit", "integration", "e2e"))
    assert answer.additions == ("unit", "e2e")


def test_injected_text_is_made_harmless(model):
    says(model, "inject", fields={"verdict": "proceed"}, into=["text"])
    (advice,) = put(model).advice
    assert advice.text == plain_text(INJECTION)
    for bad in ("@", "http", "::", "<", "#12", "\u202e", "\x1b", "\n"):
        assert bad not in advice.text


def test_a_secret_that_the_model_repeats_is_taken_out(model):
    token = "ghp_" + "aB3" * 12
    says(model, "answer", fields={"verdict": "hold", "text": f"uses {token}"})
    assert token not in put(model).advice[0].text


BROKEN = [
    ({"do": "wrong-schema"}, "advisor-garbage"),
    ({"do": "not-json"}, "advisor-garbage"),
    ({"do": "garbage"}, "advisor-garbage"),
    ({"do": "wrong-shape"}, "advisor-garbage"),
    ({"do": "wrong-shape", "value": []}, "advisor-garbage"),
    ({"do": "wrong-shape", "value": {"choices": [{"message": {"content": None}}]}}, "advisor-garbage"),
    ({"do": "say", "text": "I think it is fine!"}, "advisor-garbage"),
    ({"do": "say", "text": '{"verdict": "ship", "text": "x", "additions": []}'}, "advisor-garbage"),
    ({"do": "say", "text": '{"verdict": "hold"', "finish": "length"}, "advisor-cut"),
    ({"do": "say", "text": "[" * 100_000}, "advisor-garbage"),
    ({"do": "status", "code": 401}, "advisor-key"),
    ({"do": "status", "code": 403}, "advisor-key"),
    ({"do": "status", "code": 404}, "advisor-refused"),
    ({"do": "status", "code": 500}, "advisor-refused"),
    ({"do": "status", "code": 429, "retry_after": 0}, "advisor-busy"),
    ({"do": "status", "code": 429, "retry_after": 3600}, "advisor-busy"),
    ({"do": "redirect", "to": "http://127.0.0.1:9/v1/elsewhere"}, "advisor-refused"),
    ({"do": "cut"}, "advisor-down"),
    ({"do": "drop"}, "advisor-down"),
    ({"do": "endless"}, "advisor-garbage"),
    ({"do": "slow", "seconds": 30}, "advisor-timeout"),
    ({"do": "hang"}, "advisor-timeout"),
    ({"do": "drip", "seconds": 0.3}, "advisor-timeout"),
]


@pytest.mark.parametrize(
    ("rule", "code"), BROKEN, ids=lambda v: json.dumps(v)[:60] if isinstance(v, dict) else v
)
def test_a_broken_model_gives_no_advice_and_a_reason(rule, code, model):
    model.follow({"default": rule})
    answer = put(model, timeout_seconds=1.0)
    assert answer.advice == ()
    assert [gap.code for gap in answer.gaps] == [code]
    assert answer.reasons[0].text.startswith("No advice: ")
    assert answer.reasons[0].effect == ""
    assert len(model.asked) <= 3
    assert take_advice("rollout", "proceed", answer.advice) == ("proceed", ())


def test_a_model_that_is_down(model):
    gone = settings(model)
    model.stop()
    answer = ask(QUESTION, CONTEXT, "rollout", settings=gone, environ={})
    assert [gap.code for gap in answer.gaps] == ["advisor-down"]


def test_busy_once_is_asked_again(model):
    busy = {"do": "status", "code": 429, "retry_after": 0, "times": 1}
    model.follow({"rules": [busy], "default": {"do": "answer"}})
    assert put(model).advice != ()
    assert len(model.asked) == 2


def test_an_endpoint_without_structured_output_is_asked_plainly(model):
    reply = '```json\n{"verdict": "hold", "text": "because", "additions": []}\n```'
    model.follow({"structured": False, "default": {"do": "say", "text": reply}})
    assert put(model).advice[0].verdict == "hold"
    assert [("response_format" in a.body) for a in model.asked] == [True, False]
    assert [g.code for g in put(model, structured="schema").gaps] == ["advisor-refused"]
    assert put(model, structured="none").advice[0].verdict == "hold"


def test_the_key_comes_from_its_variable_and_appears_nowhere(model, tmp_path):
    model.follow({"key": "k-123", "default": {"do": "answer"}})
    assert [g.code for g in put(model).gaps] == ["advisor-key"]
    answer = put(model, environ={"SIGNALBOX_ADVISOR_KEY": "k-123"}, cache=str(tmp_path))
    assert answer.advice != ()
    assert "k-123" not in repr(answer)
    assert all("k-123" not in p.read_text() for p in tmp_path.iterdir())


def test_a_key_never_travels_in_the_clear(model):
    far = AdvisorSettings(endpoint="http://models.internal/v1", model="m")
    answer = ask(QUESTION, CONTEXT, "rollout", settings=far, environ={"SIGNALBOX_ADVISOR_KEY": "k"})
    assert [g.code for g in answer.gaps] == ["advisor-insecure"]


def test_what_is_sent_holds_no_secret_and_no_personal_data(model):
    token = "ghp_" + "aB3" * 12
    put(model, context={"diff": f"key = {token} # ask ada@lovelace.org"})
    assert token not in model.asked[0].text
    assert "lovelace" not in model.asked[0].text


def test_more_sensitive_data_than_the_policy_allows_is_not_sent(model):
    assert [g.code for g in put(model, data_class="Confidential").gaps] == ["advisor-class"]
    assert model.asked == []
    assert put(model, data_class="Confidential", max_class="Confidential").advice != ()


def test_budgets_of_calls_and_cost_end_the_asking(model):
    budget = Budget()
    first = put(model, budget=budget, max_calls=1)
    assert first.advice != ()
    assert [g.code for g in put(model, budget=budget, max_calls=1).gaps] == ["advisor-budget"]
    prices = {"input_price_per_million": 1.0, "output_price_per_million": 4.0}
    dear = put(model, **prices, max_cost=0.0001)
    assert [g.code for g in dear.gaps] == ["advisor-budget"]
    assert len(model.asked) == 1
    paid = put(model, budget=(spent := Budget()), **prices, max_cost=1.0)
    assert 0 < paid.cost == pytest.approx(spent.cost)


def test_a_kept_reply_is_used_again(model, tmp_path):
    one = put(model, cache=str(tmp_path))
    two = put(model, cache=str(tmp_path))
    assert (one.cached, two.cached) == (False, True)
    assert one.advice == two.advice
    assert len(model.asked) == 1
    (kept,) = tmp_path.iterdir()
    assert kept.name == f"{one.reference}.json"
    assert "retry(30)" in kept.read_text()
    kept.write_bytes(kept.read_bytes()[:50])
    assert put(model, cache=str(tmp_path)).cached is False
    assert put(model, cache=str(tmp_path), context={"diff": "other"}).cached is False


@pytest.mark.parametrize("environment", ["production", "prod-eu"])
def test_production_keeps_references_and_no_content(environment, model, tmp_path):
    answer = put(model, cache=str(tmp_path), environment=environment)
    (kept,) = tmp_path.iterdir()
    plain = json.loads(kept.read_text())
    assert plain["reference"] == answer.reference
    assert (plain["system"], plain["user"], plain["reply"]) == ("", "", "")
    assert "retry" not in kept.read_text()
    assert put(model, cache=str(tmp_path), environment=environment).cached is False


def test_garbage_is_not_kept(model, tmp_path):
    says(model, "wrong-schema")
    put(model, cache=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_only_costs_time(model, tmp_path):
    (tmp_path / "file").write_text("")
    assert put(model, cache=str(tmp_path / "file" / "cache")).advice != ()


def test_material_that_does_not_fit_is_named(model):
    answer = put(model, context={"diff": "x" * 100_000}, max_input_tokens=1500)
    assert answer.advice != ()
    assert [g.code for g in answer.gaps] == ["advisor-cut"]
    assert [g.code for g in put(model, max_input_tokens=10).gaps] == ["advisor-budget"]


def test_a_narration_is_plain_text(model):
    says(model, "say", text="The canary failed. See [graphs](https://evil.example) @ops")
    answer = narrate("Tell what happened.", CONTEXT, settings=settings(model), environ={})
    assert answer.text == "The canary failed. See graphs ops"
    says(model, "status", code=500)
    assert narrate("Tell.", CONTEXT, settings=settings(model), environ={}).text == ""


def test_a_missing_client_is_a_gap(model, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    assert [g.code for g in put(model).gaps] == ["advisor-not-installed"]


def test_no_model_named_is_a_gap(model):
    assert [g.code for g in put(model, model="").gaps] == ["advisor-settings"]


def test_without_a_question_the_shipped_one_is_asked(model):
    ask("", CONTEXT, "promotion", settings=settings(model), environ={})
    assert "whether this artifact may be promoted" in model.asked[0].text


def test_an_unknown_kind_is_the_callers_fault(model):
    with pytest.raises(ValueError, match="weather"):
        put(model, "weather")
