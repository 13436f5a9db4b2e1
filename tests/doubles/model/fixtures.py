"""The pytest fixture: `from doubles.model.fixtures import model_double as model_double`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import ModelDouble


@pytest.fixture
def model_double() -> Iterator[ModelDouble]:
    """A running stand-in that conforms to whatever schema it is asked for; `follow` gives it a script."""
    with ModelDouble() as double:
        yield double
