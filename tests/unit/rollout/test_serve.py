"""What the monitor shows while it watches: metrics that parse, a verdict that is never better than known."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from doubles.rollout_world import RULES
from signalbox.errors import InputError
from signalbox.rollout import judge
from signalbox.rollout.assess import assess
from signalbox.rollout.model import Look
from signalbox.rollout.serve import METRICS, Board, serving
from signalbox.signals.exposition import parse
from signalbox.stats.eprocess import Pair

DASHBOARD = Path(__file__).resolve().parents[3] / "examples" / "grafana" / "rollout.json"


class Time:
    now = 1000.0


def board():
    clock = Time()
    return clock, Board("shop/web", now=lambda: clock.now, fresh_seconds=30)


def post(on, errors, state="ok"):
    signals = {"errors": (Pair(4000, errors, 36000, 144),), "latency": (Pair(4000, 8, 36000, 72),)}
    look = Look(
        at="2027-01-15T09:00:00Z", elapsed=60, slice=0, since=60, percent=10.0, state=state, signals=signals
    )
    on.post(look, assess(judge.advance(judge.Judgement(), look, RULES), RULES))


def get(address, path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
        return answer.read().decode()


@pytest.mark.parametrize(("errors", "verdict"), [(14, "proceed"), (400, "rollback")])
def test_an_engine_that_asks_gets_the_verdict_of_the_last_look(errors, verdict):
    clock, shown = board()
    assert shown.judge()["verdict"] == "hold", "before the first look"
    post(shown, errors)
    with serving("127.0.0.1:0", shown) as address:
        assert json.loads(get(address, "/judge"))["verdict"] == verdict
        clock.now += 31
        old = json.loads(get(address, "/judge"))
        assert old["verdict"] == ("hold" if verdict == "proceed" else verdict)
        assert old["reason"] == "STALE"
        with pytest.raises(urllib.error.HTTPError, match="404") as raised:
            get(address, "/")
        raised.value.close()


def test_the_metrics_can_be_read_and_say_what_was_counted():
    _, shown = board()
    assert parse(shown.metrics()) == []
    post(shown, 400)
    post(shown, 400, state="down")
    with serving("127.0.0.1:0", shown) as address:
        series = parse(get(address, "/metrics"))
    assert {one.name for one in series} == set(METRICS)
    assert {one.label("deployment") for one in series} == {"shop/web"}
    found = {}
    for one in series:
        labels = [value for key, value in one.labels if key != "deployment"]
        found[(one.name.removeprefix("signalbox_rollout_"), *labels)] = one.value
    assert found["events", "canary", "errors"] == 400
    assert found["exposure", "baseline", "errors"] == 36000
    assert found["looks_total", "down"] == found["looks_total", "ok"] == 1
    verdicts = {key[1]: value for key, value in found.items() if key[0] == "verdict"}
    assert sum(verdicts.values()) == 1


def test_the_dashboard_asks_for_metrics_that_there_are():
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for text in expressions for name in re.findall(r"signalbox_rollout_\w+", text)}
    assert asked == set(METRICS)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@pytest.mark.parametrize(
    "address", ["9464", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:70000", "203.0.113.1:0"]
)
def test_an_address_that_cannot_be_served_is_named(address):
    with pytest.raises(InputError, match="serve"), serving(address, board()[1]):
        pass
