"""Globs of policy files: the quick look at their ends changes no answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.globs import first_match, pattern

globs = st.lists(st.sampled_from(["**/", "**", "*", "?", "/", "a", "b", ".py", "\n"]), max_size=6).map(
    "".join
)
paths = st.text(st.sampled_from("ab/.py\n"), max_size=8)


@given(globs, paths)
def test_the_first_match_is_what_the_pattern_says(glob: str, path: str):
    assert bool(first_match(path, [glob])) is bool(glob and pattern(glob).fullmatch(path))


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("**/b", "b", True),
        ("**/b", "a/b", True),
        ("a/**", "a/b/c", True),
        ("a/**", "b/a/c", False),
        ("**/*.lock", "uv.lock", True),
        ("a", "a", True),
        ("a", "a/b", False),
        ("*.py", "a/b.py", False),
    ],
)
def test_known_globs(glob: str, path: str, fits: bool):
    assert bool(first_match(path, ["nothing", glob])) is fits
