"""One conformance suite for every traffic adapter, each in front of a real engine with real requests."""

import contextlib
import sys
import time
from types import SimpleNamespace

import pytest

from doubles.metrics_stack import haproxy_rig
from doubles.rollout_rig import proxy_rig
from signalbox.rollout.traffic import TrafficError, move, open_traffic
from signalbox.rollout.traffic.share import fits
from signalbox.signals.http import new_session

pytestmark = pytest.mark.real

COMMAND = """\
import json, sys, urllib.request
url = sys.argv[1] + "/_weights"
if sys.argv[2] == "set":
    body = json.dumps({"canary": int(sys.argv[4]), "baseline": int(sys.argv[6])}).encode()
    urllib.request.urlopen(urllib.request.Request(url, data=body, method="PUT"), timeout=5).close()
with urllib.request.urlopen(url, timeout=5) as answer:
    print(answer.read().decode())
"""


@contextlib.contextmanager
def engine(kind, folder):
    """The adapter of ``kind``, and a function that makes its engine unreachable."""
    rig_of = haproxy_rig if kind == "haproxy" else proxy_rig
    with contextlib.ExitStack() as stack:
        rig = stack.enter_context(rig_of(folder))
        url = rig.traffic
        gone = "proxy:http://127.0.0.1:9"
        if kind == "command":
            script = folder / "traffic.py"
            script.write_text(COMMAND)
            control = f"http://127.0.0.1:{rig.control_port}"
            url, gone = (
                f"command:{sys.executable} {script} {where}" for where in (control, "http://127.0.0.1:9")
            )
        if kind == "haproxy":
            gone = rig.traffic.replace("canary=c1", "canary=c9")
        sessions = lambda: stack.enter_context(new_session())  # noqa: E731
        yield SimpleNamespace(
            traffic=open_traffic(url, new_session=sessions),
            gone=open_traffic(gone, new_session=sessions),
            rig=rig,
        )


@pytest.mark.parametrize("kind", ["proxy", "haproxy", "command"])
def test_every_adapter_keeps_the_same_promises(tmp_path, kind):
    with engine(kind, tmp_path) as parts:
        traffic = parts.traffic
        assert traffic.read() == 0, "a canary begins without traffic"
        for percent in (10, 25, 50, 100, 33.3, 0, 0):
            assert move(traffic, percent) == pytest.approx(percent, abs=0.5)
            assert traffic.read() == pytest.approx(percent, abs=0.5)
        move(traffic, 40)
        time.sleep(0.3)
        before = traffic.routed()
        time.sleep(1.5)
        after = traffic.routed()
        if kind == "command":
            assert (before, after) == (None, None), "a command cannot count and says so"
        else:
            canary, baseline = after.canary - before.canary, after.baseline - before.baseline
            assert canary + baseline > 50
            assert fits(canary / (canary + baseline), 0.4, canary + baseline)
        for name in ("read", "write"):
            with pytest.raises(TrafficError) as raised:
                getattr(parts.gone, name)(*([20] if name == "write" else []))
            assert len(str(raised.value)) > 20
        assert traffic.read() == pytest.approx(40, abs=0.5), "what was refused changed nothing"
        assert parts.rig.load.codes.get(0, 0) == 0, "no request was lost by moving traffic"
        assert "127.0.0.1:9" not in traffic.describe()
