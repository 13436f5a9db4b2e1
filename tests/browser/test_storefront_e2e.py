"""run_e2e.py as the gate runs it: the storefront, its suites, and its pages in real Chromium."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples/storefront"
DIGEST = "sha256:" + "ab" * 32
pytestmark = pytest.mark.real


@pytest.fixture
def shop(monkeypatch):
    """The shop, which names the digest it was deployed as."""
    monkeypatch.syspath_prepend(str(SHOP))
    from storefront.server import Server

    with Server(0, DIGEST) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def gate(url, results, *options):
    integration = 'python -m pytest -p no:cacheprovider tests/contract --junitxml="$JUNIT"'
    command = [sys.executable, ROOT / "scripts/run_e2e.py", "--url", url, "--repo", SHOP, "--digest", DIGEST]
    command += ["--digest-url", f"{url}/healthz", "--integration", integration, "--results", results]
    command += ["--out", results / "decision.json", *options]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={"PATH": path, "HOME": str(results)}
    )
    return done, json.loads((results / "decision.json").read_bytes())


def test_the_shop_passes_with_its_dashboard_and_its_contract_in_chromium(shop, tmp_path):
    done, decision = gate(shop, tmp_path, "--e2e-dir", "e2e")
    assert done.returncode == 0, done.stdout + done.stderr
    suites = {item["source"]: item["facts"] for item in decision["evidence"] if item["kind"] == "tests"}
    assert suites["e2e.xml"]["passed"] >= 12
    assert suites["integration.xml"]["passed"] >= 1


def test_another_digest_in_dev_is_not_verified(shop, tmp_path):
    done, decision = gate(shop, tmp_path, "--e2e", 'python -m pytest tests/unit --junitxml="$JUNIT"',
                          "--digest", "sha256:" + "cd" * 32)  # fmt: skip
    assert (done.returncode, decision["verdict"]) == (3, "NOT_VERIFIED")
    assert "stale-image" in {reason["code"] for reason in decision["reasons"]}


def test_a_folder_that_is_not_there_is_zero_tests(shop, tmp_path):
    done, decision = gate(shop, tmp_path, "--e2e-dir", "no-such-folder")
    assert done.returncode == 3, done.stdout
    assert "zero-tests" in {reason["code"] for reason in decision["reasons"]}
