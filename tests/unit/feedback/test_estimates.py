import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from signalbox.feedback.estimates import brier, median, missing, rate, share


@settings(max_examples=40)
@given(st.integers(0, 2000), st.floats(0.1, 1000))
def test_the_rates_interval_is_garwoods(count, exposure):
    found = rate("r", "a day", count, exposure)
    low = stats.chi2.ppf(0.025, 2 * count) / 2 / exposure if count else 0.0
    high = stats.chi2.ppf(0.975, 2 * count + 2) / 2 / exposure
    assert found.low == pytest.approx(low, rel=1e-6, abs=1e-12)
    assert found.high == pytest.approx(high, rel=1e-6)


@pytest.mark.parametrize("n", [6, 9, 20, 51])
def test_the_medians_interval_covers_as_often_as_it_says(n):
    rng = np.random.default_rng(n)
    draws = rng.lognormal(0.0, 1.5, size=(4000, n))
    hits = sum(e.low <= 1.0 <= e.high for e in (median("m", "hours", list(row)) for row in draws))
    # 0.95 less four standard errors of 4,000 draws.
    assert hits / 4000 >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 4000)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_the_median_lies_in_its_interval_and_few_values_are_too_few(values):
    found = median("m", "hours", values)
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(float(np.median(values)))
    assert not (found.enough and len(values) < 10)


def test_words_say_when_there_is_too_little():
    assert share("s", 0, 0).words == "nothing to go by yet"
    assert share("s", 1, 3).words.startswith("too few to say (3 observed: 33.3%")
    assert share("s", 10, 100).words == "10% (4.9% to 17.6%)"
    assert missing("s", "share", "x").words == "not recorded: x"
    assert rate("r", "a day", 20, 10.0).words == "2 a day (1.22 to 3.09)"


def test_many_unknown_cases_make_a_share_say_nothing():
    assert share("s", 5, 80, 20).enough
    assert not share("s", 5, 80, 21).enough
    assert share("s", 5, 80, 21).words.endswith("; 21 unknown")


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200))
def test_the_brier_score_is_in_range(pairs):
    assert brier(pairs) == pytest.approx(np.mean([(p - h) ** 2 for p, h in pairs]))
