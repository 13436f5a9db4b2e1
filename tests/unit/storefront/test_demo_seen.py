import json

import pytest
from charts import Audit, rollout_charts
from seen import FEWEST, Seen

BEGAN = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def row(second, **arms):
    seen = {
        name: {"requests": n, "errors": bad, "slow": bad, "p50_ms": 1.0, "p99_ms": 9.0}
        for name, (n, bad) in arms.items()
    }
    return json.dumps({"second": second, "at": BEGAN + second, "unsent": 0, "arms": seen})


@pytest.fixture
def seen(tmp_path):
    file = tmp_path / "seen.jsonl"
    rows = [
        row(1.0, baseline=(90, 0)),
        row(2.0, baseline=(90, 1), canary=(10, 5)),
        row(3.0, baseline=(99, 0), canary=(FEWEST - 1, 7)),
        row(4.0),
        row(4.2, canary=(1, 1)),
    ]
    file.write_text("\n".join(rows) + '\n{"second": 5')
    return Seen.read(file)


def test_reads_seconds_and_leaves_out_what_is_cut_off(seen):
    assert seen.seconds == (1.0, 2.0, 3.0, 4.0)
    assert seen.began == BEGAN
    assert seen.requests == 90 + 100 + 99 + FEWEST - 1


def test_a_rate_of_nothing_or_of_too_little_is_no_rate(seen):
    canary = seen.arms["canary"]
    assert [point.error_rate for point in canary] == [None, 0.5, None, None]
    assert [point.p99_ms for point in canary] == [None, 9.0, None, None]
    assert seen.canary_percent == (0, 10, pytest.approx(100 * 7 / 106), None)


def test_an_empty_file_is_an_empty_view(tmp_path):
    (tmp_path / "seen.jsonl").write_text("")
    assert Seen.read(tmp_path / "seen.jsonl").requests == 0


def event(kind, second, **rest):
    return {"event": kind, "at": f"2026-01-01T00:00:{second:02d}Z", **rest}


def look(second, elapsed, since, verdict, log10_e):
    figures = {"errors": {"log10_e": log10_e / 2}}
    found = {"verdict": verdict, "log10_e": log10_e, "log10_limit": 2.3, "figures": figures}
    return event("look", second, look={"elapsed": elapsed, "since": since}, **found)


def test_charts_hold_a_value_until_the_next_and_begin_with_a_gap(seen):
    audit = Audit(
        (
            event("moved", 2, move={"read_back": 10.0}),
            look(2, 4.0, 1.0, "hold", 1.0),
            look(3, 6.0, 3.0, "rollback", 3.0),
            event("moved", 4, move={"read_back": 0.0}),
        )
    )
    weight, errors, latency, evidence = rollout_charts(
        seen, audit, error_objective=0.01, latency_objective_ms=500
    )
    assert weight.series["ordered and read back"] == (0.0, 10.0, 10.0, 0.0)
    assert errors.series["canary"] == (None, 50.0, None, None)
    assert errors.limit == ("objective", 1.0)
    assert latency.limit == ("objective", 500)
    assert evidence.series["all signals"] == (None, 1.0, 3.0, 3.0)
    assert evidence.series["latency"] == (None, None, None, None)
    assert audit.highest == 10.0
    assert audit.seconds_to_alarm() == 3.0


def test_without_an_alarm_there_is_no_time_to_one(tmp_path):
    assert Audit((look(2, 4.0, 1.0, "proceed", 0.0),)).seconds_to_alarm() is None
    assert Audit.read(tmp_path / "none.jsonl").highest == 0.0
