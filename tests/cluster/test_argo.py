"""The real Argo Rollouts controller: paused, promoted and aborted by the adapter.

No kubelet runs here: the test writes into each ReplicaSet's status that its pods are there. Everything else
(ReplicaSets, steps, weights in the VirtualService) is the controller's own work.
"""

import contextlib
import os
import subprocess
import time
from types import SimpleNamespace

import pytest
import yaml
from cluster.api import EXAMPLES, Repeating, need
from cluster.data_plane import mesh, weigh

from doubles.rollout_rig import environment, free_port, process, proxy_rig, set_faults, wait_for
from signalbox.rollout.traffic import TrafficError, move, open_traffic
from signalbox.signals.http import new_session

pytestmark = pytest.mark.real
IMAGES = [f"registry.test/web@sha256:{digit * 64}" for digit in "0123"]
STEPS = [step for weight in (0, 10, 50, 100) for step in ({"setWeight": weight}, {"pause": {}})]


@pytest.fixture(scope="module")
def controller(api):
    binary = need("rollouts-controller")
    api.install("argo")
    api.install("istio")
    log = api.folder / "rollouts.log"
    with (
        log.open("wb") as file,
        process(
            binary, "--kubeconfig", api.kubeconfig("admin"), "--leader-elect=false",
            f"--metricsport={free_port()}", f"--healthzPort={free_port()}", stdout=file, stderr=file,
        ) as child,
    ):  # fmt: skip
        yield SimpleNamespace(child=child, log=log)


def pods(api, namespace):
    """The part of kubelet and of the ReplicaSet controller: every pod that is wanted is there at once."""
    group = f"/apis/apps/v1/namespaces/{namespace}/replicasets"

    def look():
        for one in api.ask("GET", group)["items"]:
            wanted = one["spec"].get("replicas", 0)
            status = {
                "replicas": wanted,
                "fullyLabeledReplicas": wanted,
                "readyReplicas": wanted,
                "availableReplicas": wanted,
                "observedGeneration": one["metadata"]["generation"],
            }
            if any(one["status"].get(key, 0) != value for key, value in status.items()):
                api.merge(f"{group}/{one['metadata']['name']}/status", {"status": status})

    return Repeating(look, every=0.2)


@contextlib.contextmanager
def rollout(api, namespace, controller, folder, steps=STEPS):
    for name in ("web-stable", "web-canary"):
        api.create(
            f"/api/v1/namespaces/{namespace}/services",
            metadata={"name": name},
            spec={"selector": {"app": "web"}, "ports": [{"port": 80}]},
        )
    routes = [
        {"destination": {"host": "web-stable"}, "weight": 100},
        {"destination": {"host": "web-canary"}, "weight": 0},
    ]
    service = f"/apis/networking.istio.io/v1/namespaces/{namespace}/virtualservices"
    api.create(
        service,
        apiVersion="networking.istio.io/v1",
        kind="VirtualService",
        metadata={"name": "web"},
        spec={"hosts": ["web"], "http": [{"name": "primary", "route": routes}]},
    )
    group = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts"
    path = f"{group}/web"
    with contextlib.ExitStack() as stack:
        stack.enter_context(pods(api, namespace))
        api.create(
            group,
            apiVersion="argoproj.io/v1alpha1",
            kind="Rollout",
            metadata={"name": "web"},
            spec={
                "replicas": 2,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "image": IMAGES[0]}]},
                },
                "strategy": {
                    "canary": {
                        "stableService": "web-stable",
                        "canaryService": "web-canary",
                        "trafficRouting": {
                            "istio": {"virtualService": {"name": "web", "routes": ["primary"]}}
                        },
                        "steps": steps,
                    }
                },
            },
        )

        def status():
            assert controller.child.poll() is None, controller.log.read_text()[-2000:]
            return api.ask("GET", path).get("status", {})

        wait_for(lambda: status().get("phase") == "Healthy", 60, "a healthy first version")

        def release(image):
            containers = [{"name": "web", "image": image}]
            api.merge(path, {"spec": {"template": {"spec": {"containers": containers}}}})
            wait_for(lambda: status().get("pauseConditions"), 60, "a canary that waits")

        def served():
            routes = api.ask("GET", f"{service}/web")["spec"]["http"][0]["route"]
            return {one["destination"]["host"]: one["weight"] for one in routes}["web-canary"]

        session = stack.enter_context(new_session())
        traffic = open_traffic(
            f"argo-rollout:{namespace}/web",
            new_session=lambda: session,
            environ={"KUBECONFIG": str(api.kubeconfig())},
            folder=folder,
        )
        yield SimpleNamespace(
            traffic=traffic,
            status=status,
            release=release,
            served=served,
            path=path,
            service=f"{service}/web",
        )


def test_the_controller_is_paused_promoted_and_aborted(api, namespace, controller, tmp_path):
    with rollout(api, namespace, controller, tmp_path) as parts:
        traffic = parts.traffic
        with pytest.raises(TrafficError, match="no canary under way"):
            traffic.check((10.0, 50.0, 100.0))
        parts.release(IMAGES[1])
        traffic.check((10.0, 50.0, 100.0))
        assert traffic.read() == 0, "a canary begins without traffic"
        for percent in (10, 50, 100, 10, 50):
            assert move(traffic, percent) == percent
            assert parts.served() == percent, "the VirtualService says what the adapter says"
        time.sleep(3)
        assert traffic.read() == 50, "nobody is there, and nothing advances"
        for _ in range(2):
            assert move(traffic, 0) == 0
            assert parts.served() == 0
        assert parts.status()["abort"] is True
        with pytest.raises(TrafficError, match="was aborted"):
            traffic.write(10)
        parts.release(IMAGES[2])
        for percent in (10, 50, 100):
            assert move(traffic, percent) == percent
        traffic.finish()
        status = wait_for(
            lambda: parts.status() if parts.status()["phase"] == "Healthy" else None, 60, "healthy"
        )
        assert status["stableRS"] == status["currentPodHash"]
        traffic.finish()
        assert traffic.read() == 100


def test_a_share_that_is_no_step_is_named_before_anything_moves(api, namespace, controller, tmp_path):
    steps = [
        {"setWeight": 0},
        {"pause": {}},
        {"setWeight": 10},
        {"pause": {"duration": "1h"}},
        {"setWeight": 100},
    ]
    with rollout(api, namespace, controller, tmp_path, steps=steps) as parts:
        parts.release(IMAGES[1])
        with pytest.raises(TrafficError, match=r"indefinite 'pause: \{\}' for 10, 50, 100"):
            parts.traffic.check((10.0, 50.0, 100.0))
        assert parts.traffic.read() == 0


def monitor(rig, api, *more, **options):
    return subprocess.run(
        rig.command(*more, **options),
        capture_output=True,
        text=True,
        timeout=180,
        env=environment() | {"KUBECONFIG": str(api.kubeconfig()), "HOME": os.devnull},
    )


def test_the_whole_monitor_promotes_a_good_version_and_aborts_a_bad_one(api, namespace, controller, tmp_path):
    steps = [step for weight in (0, 20, 100) for step in ({"setWeight": weight}, {"pause": {}})]
    with (
        rollout(api, namespace, controller, tmp_path, steps=steps) as parts,
        mesh(api, parts.service, tmp_path) as rig,
    ):
        rig.traffic = f"argo-rollout:{namespace}/web"
        parts.release(IMAGES[1])
        unknown = monitor(rig, api)
        assert unknown.returncode == 2, unknown.stderr
        assert "the digest is not known there" in unknown.stderr
        assert parts.served() == 0
        good = monitor(rig, api, "--digest", IMAGES[1].partition("@")[2])
        assert good.returncode == 0, good.stderr
        moves = [event["move"] for event in rig.events("moved")]
        assert [move["ordered"] for move in moves] == [20, 100]
        assert all(abs(move["seen"] - move["ordered"]) < 10 for move in moves), "seen in the requests too"
        status = wait_for(
            lambda: parts.status() if parts.status()["phase"] == "Healthy" else None, 60, "healthy"
        )
        assert status["stableRS"] == status["currentPodHash"], "the new version is the stable one"

        parts.release(IMAGES[2])
        set_faults(rig.canary, errors=0.3)
        rig.state, rig.audit = tmp_path / "second.json", tmp_path / "second.jsonl"
        bad = monitor(rig, api, "--digest", IMAGES[2].partition("@")[2])
        assert bad.returncode == 1, bad.stderr
        assert parts.status()["abort"] is True
        assert parts.served() == 0
        assert [event["move"]["ordered"] for event in rig.events("moved")] == [20, 0]


@pytest.mark.parametrize(("errors", "phase"), [(0.0, "Successful"), (0.3, "Failed")])
def test_the_judge_is_a_web_metric_of_the_real_controller(
    api, namespace, controller, tmp_path, errors, phase
):
    """The example's AnalysisTemplate, asked by the controller itself; the monitor only observes."""
    template = yaml.safe_load((EXAMPLES / "analysis-template.yaml").read_text())
    port = free_port()
    template["spec"]["args"][0]["value"] = f"http://127.0.0.1:{port}/judge"
    template["spec"]["metrics"][0]["interval"] = "1s"
    group = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}"
    api.create(f"{group}/analysistemplates", **template)
    with proxy_rig(tmp_path) as rig:
        weigh(rig, 20)
        set_faults(rig.canary, errors=errors)
        more = ["--mode", "observe", "--serve", f"127.0.0.1:{port}"]
        with rig.start(*more, slices="20,100", seconds=60):
            wait_for(lambda: rig.events("look"), 30, "a look")
            made = {**template["spec"], "args": template["spec"]["args"]}
            api.create(
                f"{group}/analysisruns",
                apiVersion="argoproj.io/v1alpha1",
                kind="AnalysisRun",
                metadata={"name": "judged"},
                spec=made,
            )

            def ended():
                found = api.ask("GET", f"{group}/analysisruns/judged").get("status") or {}
                return (
                    found if found.get("phase") in ("Successful", "Failed", "Error", "Inconclusive") else None
                )

            found = wait_for(ended, 60, "the analysis")
    assert found["phase"] == phase, found
    values = [one.get("value") for one in found["metricResults"][0]["measurements"]]
    assert values[-1] == {"Successful": '"proceed"', "Failed": '"rollback"'}[phase]
