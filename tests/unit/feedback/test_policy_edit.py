import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.load import parse
from signalbox.errors import InputError
from signalbox.feedback.policy_edit import set_policy

FILE = """\
# ours
mode: advise   # for now

scoring:
  # the budget of the board
  risk-budget: 0.01  # one in a hundred
  auto-promote-at: 0.9

rollout:
    slices: [10, 100]
    slice-seconds: 60
"""


def test_one_line_changes_and_its_comment_stays():
    after = set_policy(FILE.encode(), "scoring", "risk-budget", 0.005, name="p.yml").decode()
    assert after == FILE.replace("risk-budget: 0.01  #", "risk-budget: 0.005  #")


def test_nothing_becomes_null():
    after = set_policy(FILE.encode(), "scoring", "auto-promote-at", None, name="p.yml")
    assert b"auto-promote-at: null" in after
    assert parse(after, "p.yml").scoring.auto_promote_at is None


def test_a_missing_key_joins_its_section_at_the_section_s_indent():
    after = set_policy(FILE.encode(), "rollout", "min-excess", 0.002, name="p.yml").decode()
    assert "rollout:\n    min-excess: 0.002\n    slices" in after


def test_a_missing_section_is_begun_at_the_end():
    after = set_policy(FILE.encode(), "selection", "audit-rate", 0.025, name="p.yml").decode()
    assert after == FILE + "\nselection:\n  audit-rate: 0.025\n"


@pytest.mark.parametrize("data", [b"", b"# nothing yet\n", b"mode: observe"])
def test_files_with_little_in_them(data):
    after = set_policy(data, "scoring", "auto-promote-at", 0.93, name="p.yml")
    assert parse(after, "p.yml").scoring.auto_promote_at == 0.93


def test_windows_line_ends_stay():
    after = set_policy(FILE.replace("\n", "\r\n").encode(), "rollout", "slice-seconds", 120.0, name="p.yml")
    assert after.count(b"\r\n") == after.count(b"\n") == FILE.count("\n")


@pytest.mark.parametrize(
    "data",
    [
        b"scoring: {risk-budget: 0.01}\n",
        b"scoring: &a\n  risk-budget: 0.01\n",
        b"scoring:\n  risk-budget: |\n    0.01\n",
    ],
)
def test_what_cannot_be_edited_by_lines_is_left_to_people(data):
    with pytest.raises(InputError) as caught:
        set_policy(data, "scoring", "risk-budget", 0.02, name="p.yml")
    assert "0.02" in caught.value.fix or "p.yml" in caught.value.where


@given(st.floats(0.001, 1).map(lambda v: round(v, 3)))
def test_whatever_is_written_is_read_back_and_writing_again_changes_nothing(value):
    once = set_policy(FILE.encode(), "scoring", "auto-promote-at", value, name="p.yml")
    assert parse(once, "p.yml").scoring.auto_promote_at == value
    assert set_policy(once, "scoring", "auto-promote-at", value, name="p.yml") == once
