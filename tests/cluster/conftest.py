"""One API server for the whole lane; every test has a namespace of its own."""

import itertools

import pytest
from cluster.api import api_server

_numbers = itertools.count(1)
# What no test here has. It is said at the end of the lane, so that green is not taken for more than it is.
NOT_RUN = (
    "kubelet, the controller manager and nodes: tests write into each status that the pods are there",
    "a gateway (Gateway API) and a sidecar (Istio): tests play the controller that accepts a route; requests "
    "that follow the weights go through the storefront's proxy",
    "Flagger's own metrics: its analysis has none, the gates decide",
)


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture
def namespace(api):
    return api.namespace(f"lane-{next(_numbers)}")


def pytest_terminal_summary(terminalreporter):
    skipped = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", [])}
    terminalreporter.section("not run in this lane")
    for line in (*sorted(skipped), *NOT_RUN):
        terminalreporter.write_line(f"- {line}")
