"""One API server for the whole lane; every test has a namespace of its own."""

import itertools

import pytest
from cluster.api import api_server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture
def namespace(api):
    return api.namespace(f"lane-{next(_numbers)}")
