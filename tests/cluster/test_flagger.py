"""The real Flagger and the gates of its real load tester: held, let go on, promoted and rolled back.

No kubelet runs here: the test writes into each Deployment's status that its pods are there. Weights, phases
and the VirtualService are Flagger's own work. Its shortest interval is ten seconds, so this takes minutes.
"""

import contextlib
import time
from types import SimpleNamespace

import pytest
import requests
from cluster.api import Repeating, need

from doubles.rollout_rig import free_port, process, wait_for
from signalbox.rollout.traffic import TrafficError, move, open_traffic
from signalbox.signals.http import new_session

pytestmark = pytest.mark.real
IMAGES = [f"registry.test/web@sha256:{digit * 64}" for digit in "0123"]


@pytest.fixture(scope="module")
def flagger(api):
    binary, gates = need("flagger"), need("loadtester")
    api.install("flagger")
    api.install("istio")
    log, gate = api.folder / "flagger.log", free_port()
    with (
        log.open("wb") as file,
        process(
            binary, "-kubeconfig", api.kubeconfig("admin"), "-mesh-provider=istio", f"-port={free_port()}",
            "-metrics-server=http://127.0.0.1:9", stdout=file, stderr=file,
        ) as child,
        process(gates, f"-port={gate}", stdout=file, stderr=file),
    ):  # fmt: skip
        yield SimpleNamespace(child=child, log=log, gate=f"http://127.0.0.1:{gate}")


def pods(api, namespace):
    """The part of kubelet and of the Deployment controller: every pod that is wanted is there at once."""
    group = f"/apis/apps/v1/namespaces/{namespace}/deployments"

    def look():
        for one in api.ask("GET", group)["items"]:
            wanted = one["spec"].get("replicas", 0)
            counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
            status = dict.fromkeys(counts, wanted)
            status["observedGeneration"] = one["metadata"]["generation"]
            if any(one["status"].get(key, 0) != value for key, value in status.items()):
                api.merge(f"{group}/{one['metadata']['name']}/status", {"status": status})

    return Repeating(look, every=0.2)


@contextlib.contextmanager
def canary(api, namespace, flagger, folder):
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    group = f"/apis/flagger.app/v1beta1/namespaces/{namespace}/canaries"
    template = lambda image: {  # noqa: E731
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image}]},
    }
    hooks = [
        {"name": kind, "type": kind, "url": f"{flagger.gate}/{kind.split('-')[0]}/check"}
        for kind in ("confirm-traffic-increase", "confirm-promotion", "rollback")
    ]
    for hook in hooks[:2]:
        hook["url"] = f"{flagger.gate}/gate/check"
    with contextlib.ExitStack() as stack:
        stack.enter_context(pods(api, namespace))
        api.create(
            deployments,
            metadata={"name": "web"},
            spec={
                "replicas": 1,
                "selector": {"matchLabels": {"app": "web"}},
                "template": template(IMAGES[0]),
            },
        )
        api.create(
            group,
            apiVersion="flagger.app/v1beta1",
            kind="Canary",
            metadata={"name": "web"},
            spec={
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "service": {"port": 80},
                "analysis": {
                    "interval": "10s",
                    "threshold": 5,
                    "stepWeights": [10, 50, 100],
                    "webhooks": hooks,
                },
            },
        )

        def status():
            assert flagger.child.poll() is None, flagger.log.read_text()[-2000:]
            return api.ask("GET", f"{group}/web").get("status") or {}

        def reach(*phases):
            said = lambda: f"{status()} {flagger.log.read_text()[-1500:]}"  # noqa: E731
            try:
                wait_for(lambda: status().get("phase") in phases, 90, f"phase {phases}")
            except AssertionError as error:
                raise AssertionError(f"{error}: {said()}") from None

        reach("Initialized")

        def release(image):
            api.merge(f"{deployments}/web", {"spec": {"template": template(image)}})
            reach("Progressing", "Waiting")

        def served():
            path = f"/apis/networking.istio.io/v1/namespaces/{namespace}/virtualservices/web"
            routes = api.ask("GET", path)["spec"]["http"][0]["route"]
            return {one["destination"]["host"]: one.get("weight", 0) for one in routes}["web-canary"]

        session = stack.enter_context(new_session())
        traffic = open_traffic(
            f"flagger:{namespace}/web?gate={flagger.gate}",
            new_session=lambda: session,
            environ={"KUBECONFIG": str(api.kubeconfig())},
            folder=folder,
        )
        yield SimpleNamespace(traffic=traffic, status=status, release=release, served=served, reach=reach)


def test_flagger_is_held_let_go_on_and_rolled_back(api, namespace, flagger, tmp_path):
    with canary(api, namespace, flagger, tmp_path) as parts:
        traffic = parts.traffic
        with pytest.raises(TrafficError, match="no canary under way"):
            traffic.check((10.0, 50.0, 100.0))
        with pytest.raises(TrafficError, match="never stops at 25%"):
            traffic.check((10.0, 25.0, 100.0))
        parts.release(IMAGES[1])
        traffic.check((10.0, 50.0, 100.0))
        assert traffic.read() == 0, "a canary begins without traffic"
        assert move(traffic, 10) == 10
        assert parts.served() == 10, "the VirtualService says what the adapter says"
        time.sleep(22)
        assert traffic.read() == 10, "nobody opens the gate, and nothing advances"
        assert move(traffic, 50) == 50
        with pytest.raises(TrafficError, match="cannot go down"):
            traffic.write(10)
        for _ in range(2):
            assert move(traffic, 0) == 0
        assert parts.served() == 0
        assert parts.status()["phase"] == "Failed"
        body = {"name": "web", "namespace": namespace}
        assert requests.post(f"{flagger.gate}/rollback/check", json=body, timeout=5).status_code == 403
        parts.release(IMAGES[2])
        for percent in (10, 50, 100):
            assert move(traffic, percent) == percent
        traffic.finish()
        assert parts.status()["phase"] == "Succeeded"
        traffic.finish()
        assert traffic.read() == 100
