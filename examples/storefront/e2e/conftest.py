"""A page in real Chromium, and the shop it looks at: the one at BASE_URL, or one of its own."""

import os
import shutil
import sys
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


@pytest.fixture(scope="session")
def base_url():
    given = os.environ.get("BASE_URL", "")
    if given:
        yield given.rstrip("/")
        return
    from storefront.server import Server

    with Server(0, "e2e") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser():
    """The machine's own Chromium where there is one; else the one Playwright installed."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        # A container's root may not use Chromium's sandbox; what is opened is our own page on dev.
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser):
    context = browser.new_context()
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def api(browser, base_url):
    context = browser.new_context(base_url=base_url)
    yield context.request
    context.close()
