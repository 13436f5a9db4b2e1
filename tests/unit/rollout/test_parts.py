"""Plans, adapters and the readings of both arms: small parts, each alone."""

import json
import sys
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.rollout_world import RULES
from signalbox.errors import InputError
from signalbox.rollout import plan
from signalbox.rollout.authority import read_approval
from signalbox.rollout.observe import Arms, Tracker
from signalbox.rollout.state import StateFile
from signalbox.rollout.traffic import TrafficError, open_traffic
from signalbox.rollout.traffic.haproxy import HAProxy, server_weights
from signalbox.rollout.traffic.proxy import share_of, weights
from signalbox.rollout.traffic.share import fits
from signalbox.signals.exposition import parse
from signalbox.signals.reading import Reading
from signalbox.stats.eprocess import Pair

DIGEST = "sha256:" + "ab" * 32


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=6))
def test_slices_are_taken_if_and_only_if_they_increase_to_100(values):
    right = all(a < b for a, b in pairwise(values)) and values[-1] == 100
    try:
        assert plan.parse_slices(",".join(map(repr, values))) == tuple(values)
        taken = True
    except InputError:
        taken = False
    assert taken == right


@pytest.mark.parametrize("text", ["", ",", "10,,100", "nan,100", "10,inf", "-5,100", "10;100"])
def test_what_is_no_list_of_slices_is_refused(text):
    with pytest.raises(InputError):
        plan.parse_slices(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"signals": ()},
        {"signals": ("errors", "errors")},
        {"control_share": 49.0, "slices": (10, 60, 100)},
        {"look_seconds": 100.0, "slice_seconds": 60.0},
    ],
)
def test_rules_that_contradict_each_other_are_refused(changes):
    with pytest.raises(InputError):
        plan.check_rules(msgspec.structs.replace(RULES, **changes))
    plan.check_rules(RULES)


@pytest.mark.parametrize("digest", ["", "v1", "sha256:abc", "sha256:" + "AB" * 32, DIGEST + "\n"])
def test_what_is_no_digest_is_refused(digest):
    with pytest.raises(InputError):
        plan.check_digest(digest)
    assert plan.check_digest(DIGEST) == DIGEST


@pytest.mark.parametrize(
    "urls",
    [
        ["canary=http://x/"],
        ["canary=http://x/", "baseline=ftp://y"],
        ["both=http://x/"],
        ["canary=http://x/"] * 2,
    ],
)
def test_metrics_urls_must_name_both_arms_once(urls):
    with pytest.raises(InputError):
        plan.open_source(
            prometheus="",
            metrics_urls=urls,
            deployment="web",
            rules=RULES,
            new_session=object,
            now=lambda: 0.0,
        )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "proxy:",
        "proxy:ftp://x",
        "command:",
        "command:'unclosed",
        "haproxy:unix:/s",
        "haproxy:tcp:host?backend=b&canary=c&baseline=d",
        "haproxy:unix:/s?backend=b&canary=c",
        "haproxy:unix:/s?backend=b&canary=c&baseline=c",
        "haproxy:unix:/s?backend=b&canary=c;shutdown&baseline=d",
        "haproxy:unix:/s?backend=b%0Ashow&canary=c&baseline=d",
        "haproxy:unix:/s?backend=b&canary=&baseline=d",
        "haproxy:unix:/s?backend=b&canary=c&baseline=d&more=1",
        "istio:x",
    ],
)
def test_what_names_no_adapter_is_refused(url):
    with pytest.raises(InputError, match="--traffic"):
        open_traffic(url, new_session=object)


@given(st.floats(0, 100), st.integers(1, 12), st.integers(1, 12))
def test_server_weights_have_the_wanted_share_and_fit_haproxy(percent, canaries, baselines):
    each, other = server_weights(percent, canaries, baselines)
    assert 0 <= each <= 256
    assert 0 <= other <= 256
    assert (each > 0) == (round(percent * 10) > 0)
    assert (other > 0) == (round((100 - percent) * 10) > 0)
    share = 100 * each * canaries / (each * canaries + other * baselines)
    # A small share of few servers against many cannot be finer than one step of a weight.
    step = 100 * max(canaries, baselines) / (256 * min(canaries, baselines)) + 0.5
    assert abs(share - percent) <= step


@given(st.floats(0, 100))
def test_weights_of_a_percentage_read_back_as_it(percent):
    assert share_of(json.dumps(weights(percent)), "it") == pytest.approx(percent, abs=0.006)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"canary": 1}',
        '{"canary": "x", "baseline": 1}',
        '{"canary": -1, "baseline": 2}',
        '{"canary": 0, "baseline": 0}',
        '{"canary": NaN, "baseline": 1}',
        '{"canary": 1e999, "baseline": 1}',
    ],
)
def test_weights_that_are_no_weights_are_an_error(text):
    with pytest.raises(TrafficError):
        share_of(text, "it")


def test_a_few_requests_do_not_convict_and_many_do():
    assert fits(0.0, 0.1, 20)
    assert not fits(0.0, 0.1, 2000)
    assert fits(0.105, 0.1, 2000)
    assert not fits(0.5, 1.0, 20)


def test_haproxy_that_is_not_there_is_an_error_and_no_crash(tmp_path):
    for address in (f"unix:{tmp_path}/none.sock", "tcp:127.0.0.1:9"):
        one = HAProxy(address, backend="web", canary=["c1"], baseline=["b1"], timeout=0.5)
        with pytest.raises(TrafficError, match="cannot be reached"):
            one.read()


def command(tmp_path, body):
    script = tmp_path / "traffic.py"
    script.write_text(body)
    return open_traffic(f"command:{sys.executable} {script}", new_session=object)


def test_a_command_is_given_arguments_and_no_shell(tmp_path):
    traffic = command(
        tmp_path,
        "import json, pathlib, sys\n"
        f"file = pathlib.Path({str(tmp_path / 'weights')!r})\n"
        "if sys.argv[1] == 'set':\n"
        "    file.write_text(json.dumps({'canary': int(sys.argv[3]), 'baseline': int(sys.argv[5])}))\n"
        "print(file.read_text())\n",
    )
    for percent in (10, 12.5, 0, 100):
        traffic.write(percent)
        assert traffic.read() == percent
    assert traffic.routed() is None


@pytest.mark.parametrize("body", ["raise SystemExit('no permission')", "print('hello')"])
def test_a_command_that_fails_or_babbles_is_an_error(tmp_path, body):
    with pytest.raises(TrafficError):
        command(tmp_path, body).read()


def page(total, bad, slow):
    return parse(
        f'http_requests_total{{code="200"}} {total - bad}\nhttp_requests_total{{code="500"}} {bad}\n'
        f'http_request_duration_seconds_bucket{{le="0.5"}} {total - slow}\n'
        f'http_request_duration_seconds_bucket{{le="+Inf"}} {total}\n'
    )


def reading(total=0, bad=0, slow=0, state="ok", sampled_at=0.0):
    series = tuple(page(total, bad, slow)) if state == "ok" else ()
    return Reading(state=state, at=0.0, source="x", series=series, sampled_at=sampled_at)


def test_counts_span_a_gap_in_the_measurements_and_none_are_lost():
    tracker = Tracker(RULES)
    assert tracker.measure(Arms(reading(10), reading(100)), control=True).state == "empty"
    assert tracker.measure(Arms(reading(state="down"), reading(150)), control=True).state == "down"
    found = tracker.measure(Arms(reading(30, 2, 5), reading(200, 1)), control=True)
    assert found.signals["errors"][0] == Pair(20, 2, 100, 1)
    assert found.signals["latency"][0].treated_events == 5


def test_an_arm_scraped_before_the_other_waits_for_it_and_nothing_is_lost():
    """Prometheus scrapes the two at different seconds: looks in between see one arm move alone."""
    tracker = Tracker(RULES)
    tracker.restart(Arms(reading(100), reading(1000)))
    alone = tracker.measure(Arms(reading(120, 3), reading(1000)), control=True)
    assert (alone.state, alone.signals) == ("ok", {})
    found = tracker.measure(Arms(reading(120, 3), reading(1200, 2)), control=True)
    assert found.signals["errors"] == (Pair(20, 3, 200, 2),)


def test_in_a_shared_incident_the_baselines_errors_are_counted_before_the_canarys():
    """Scraped 8 s apart every 15 s; both begin to fail at second 14. The canary's values wait."""
    tracker = Tracker(RULES)
    tracker.restart(Arms(reading(0, sampled_at=0.0), reading(0, sampled_at=8.0)))
    early = tracker.measure(Arms(reading(150, 10, sampled_at=15.0), reading(0, sampled_at=8.0)), control=True)
    assert early.signals == {}
    both = Arms(reading(150, 10, sampled_at=15.0), reading(1350, 810, sampled_at=23.0))
    assert tracker.measure(both, control=True).signals["errors"] == (Pair(150, 10, 1350, 810),)
    # The next values of the canary are newer than the baseline's; they wait for them in turn.
    newer = Arms(reading(300, 160, sampled_at=30.0), reading(1350, 810, sampled_at=23.0))
    assert tracker.measure(newer, control=True).signals == {}
    last = Arms(reading(450, 310, sampled_at=45.0), reading(2700, 2160, sampled_at=38.0))
    found = tracker.measure(last, control=True)
    assert found.signals["errors"] == (Pair(150, 150, 1350, 1350),)
    assert found.skew == 8.0


def test_what_a_canary_answered_before_its_rollout_is_not_held_against_it():
    """Smoke tests fail at second 98, the rollout begins at 100, Prometheus scrapes at 95, 110 and 125."""
    tracker = Tracker(RULES)
    old = Arms(reading(0, sampled_at=95.0), reading(1000, sampled_at=95.0))
    tracker.restart(old, since=100.0)
    waiting = tracker.measure(old, control=True)
    assert (waiting.state, waiting.signals) == ("ok", {})
    assert "since the rollout began" in waiting.detail
    tracker.measure(Arms(reading(30, 20, sampled_at=110.0), reading(1100, sampled_at=110.0)), control=True)
    last = Arms(reading(60, 20, sampled_at=125.0), reading(1400, sampled_at=125.0))
    assert tracker.measure(last, control=True).signals["errors"] == (Pair(30, 0, 300, 0),)


def test_after_a_reset_both_arms_are_counted_from_there():
    tracker = Tracker(RULES)
    tracker.restart(Arms(reading(100), reading(1000)))
    assert tracker.measure(Arms(reading(5), reading(1100)), control=True).state == "reset"
    found = tracker.measure(Arms(reading(15), reading(1200)), control=True)
    assert (found.signals["errors"][0].treated, found.signals["errors"][0].control) == (10, 100)


def test_without_a_control_the_baseline_may_be_gone():
    tracker = Tracker(RULES)
    tracker.measure(Arms(reading(10), reading(state="down")), control=False)
    found = tracker.measure(Arms(reading(30, 1), reading(state="down")), control=False)
    assert (found.state, found.signals["errors"][0].treated, found.signals["errors"][0].control) == (
        "ok",
        20,
        0,
    )


def test_how_far_apart_the_arms_were_measured_is_known():
    tracker = Tracker(RULES)
    tracker.restart(Arms(reading(1), reading(1)))
    found = tracker.measure(Arms(reading(2, sampled_at=88.0), reading(2, sampled_at=100.0)), control=True)
    assert found.skew == 12.0


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"deployment": 1}', "\x00", "[" * 100_000])
def test_what_is_no_standing_approval_is_refused(tmp_path, text):
    path = tmp_path / "approval.json"
    path.write_text(text)
    with pytest.raises(InputError):
        read_approval(path)


def test_an_approval_by_nobody_is_refused(tmp_path):
    fields = ("deployment", "digest", "environment", "role", "approved_at", "expires_at")
    path = tmp_path / "approval.json"
    path.write_text(json.dumps({**dict.fromkeys(fields, "x"), "approved_by": " "}))
    with pytest.raises(InputError, match="names nobody"):
        read_approval(path)


def test_a_state_that_cannot_be_read_stops_the_monitor_and_is_not_overwritten(tmp_path):
    path = tmp_path / "state.json"
    path.write_text('{"rollout": ')
    with pytest.raises(InputError, match="not a rollout's state"):
        StateFile(path).read()
    assert path.read_text() == '{"rollout": '
