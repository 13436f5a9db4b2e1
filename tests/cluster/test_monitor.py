"""The whole monitor against the API server: refused permissions, and a controller that takes weights back."""

import contextlib
import os
import subprocess

import pytest
from cluster.api import Repeating
from cluster.test_routes import PATHS, URLS, gateway, route

from doubles.rollout_rig import Load, Rig, environment, service

pytestmark = pytest.mark.real


@contextlib.contextmanager
def rig(api, namespace, folder):
    """A monitor's command line for an HTTPRoute, with two real services that get requests."""
    made = Rig(folder)
    with contextlib.ExitStack() as stack:
        # No gateway routes here: each arm gets what it would get in the first slice, 20%.
        for arm, per_second in (("canary", 20.0), ("baseline", 80.0)):
            port, _ = stack.enter_context(service(folder, arm))
            setattr(made, arm, port)
            stack.enter_context(Load(port, per_second, clients=1))
        route(api, namespace)
        stack.enter_context(gateway(api, namespace))
        made.traffic = URLS["httproute"].format(namespace)
        yield made


def run(rig, api, user, **options):
    return subprocess.run(
        rig.command(**options),
        capture_output=True,
        text=True,
        timeout=120,
        env=environment() | {"KUBECONFIG": str(api.kubeconfig(user)), "HOME": os.devnull},
    )


def weights(api, namespace):
    backends = api.ask("GET", PATHS["httproute"].format(namespace))["spec"]["rules"][0]["backendRefs"]
    return {one["name"]: one["weight"] for one in backends}


@pytest.mark.parametrize("user", ["reader", "nobody"])
def test_without_permission_it_ends_before_any_traffic_moves(api, namespace, tmp_path, user):
    with rig(api, namespace, tmp_path) as parts:
        done = run(parts, api, user)
        assert done.returncode == 2, done.stderr
        assert "nothing was moved" in done.stderr
        assert "permission denied" in done.stderr
        assert "-token" not in done.stderr
        assert weights(api, namespace) == {"canary": 0, "stable": 100}


def test_a_deployment_that_is_not_there_is_named_before_any_traffic_moves(api, namespace, tmp_path):
    with rig(api, namespace, tmp_path) as parts:
        parts.traffic = parts.traffic.replace("/web?", "/gone?")
        done = run(parts, api, "monitor")
        assert done.returncode == 2, done.stderr
        assert "no such object" in done.stderr
        assert "nothing was moved" in done.stderr
        assert weights(api, namespace) == {"canary": 0, "stable": 100}


def test_a_gitops_controller_that_takes_the_weights_back_is_noticed(api, namespace, tmp_path):
    path = PATHS["httproute"].format(namespace)
    written = []

    def revert():
        found = api.ask("GET", path)
        rules = found["spec"]["rules"]
        # It looks now and then, as they do: the order is read back before it comes by.
        if rules[0]["backendRefs"][1]["weight"] and parts.events("look"):
            written.append(found["metadata"]["resourceVersion"])
            rules[0]["backendRefs"][0]["weight"], rules[0]["backendRefs"][1]["weight"] = 100, 0
            rules[2]["backendRefs"][1]["weight"], rules[2]["backendRefs"][0]["weight"] = 100, 0
            api.merge(path, {"spec": {"rules": rules}})

    with rig(api, namespace, tmp_path) as parts, Repeating(revert, every=0.5):
        done = run(parts, api, "monitor")
    assert written, "the canary did get its weight"
    assert done.returncode == 3, done.stderr
    assert "someone moved it" in done.stdout + done.stderr
    assert parts.verdict()["outputs"]["ending"] == "frozen"
