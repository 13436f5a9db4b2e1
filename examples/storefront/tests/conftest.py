import threading
from collections.abc import Iterator

import pytest
from storefront.payments import Gateway
from storefront.server import Server


@pytest.fixture
def gateway() -> Gateway:
    """The payment provider, without its waiting."""
    return Gateway(sleep=lambda seconds: None)


@pytest.fixture
def server(gateway: Gateway) -> Iterator[Server]:
    """The shop on a free port."""
    with Server(0, "under-test", gateway) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()
