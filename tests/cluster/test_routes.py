"""HTTPRoute, VirtualService and Deployment against a real API server with the real definitions."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from cluster.api import EXAMPLES, Repeating, now

from signalbox.errors import InputError
from signalbox.rollout.traffic import TrafficError, move, open_traffic
from signalbox.signals.http import new_session

pytestmark = pytest.mark.real
GOOD, BAD = (f"registry.test/web@sha256:{digit * 64}" for digit in "0f")


def route(api, namespace, **more):
    api.install("gateway")
    backends = [
        {"name": "stable", "port": 80, "weight": 100,
         "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x-old"]}}]},
        {"name": "canary", "port": 80, "weight": 0},
    ]  # fmt: skip
    return api.create(
        f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes",
        apiVersion="gateway.networking.k8s.io/v1",
        kind="HTTPRoute",
        metadata={"name": "web"},
        spec={
            "parentRefs": [{"name": "shop"}],
            "rules": [
                {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": backends},
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/static"}}],
                    "backendRefs": [{"name": "files", "port": 80}],
                },
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/api"}}],
                    "backendRefs": [backends[1], backends[0]],
                },
            ],
            **more,
        },
    )


def gateway(api, namespace):
    """A gateway controller's part: it writes that it has seen the route."""
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes/web"

    def look():
        found = api.ask("GET", path)
        seen = {"observedGeneration": found["metadata"]["generation"], "lastTransitionTime": now()}
        conditions = [
            {"type": kind, "status": "True", "reason": "Accepted", "message": "", **seen}
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parents = found.get("status", {}).get("parents", [])
        if not parents or parents[0]["conditions"][0]["observedGeneration"] != seen["observedGeneration"]:
            parent = {"parentRef": {"name": "shop"}, "controllerName": "lane.test/gateway"}
            api.merge(f"{path}/status", {"status": {"parents": [{**parent, "conditions": conditions}]}})

    return Repeating(look)


def service(api, namespace):
    api.install("istio")
    return api.create(
        f"/apis/networking.istio.io/v1/namespaces/{namespace}/virtualservices",
        apiVersion="networking.istio.io/v1",
        kind="VirtualService",
        metadata={"name": "web"},
        spec={
            "hosts": ["web"],
            "http": [
                {
                    "name": "primary",
                    "retries": {"attempts": 2},
                    "route": [
                        {"destination": {"host": "web", "subset": "stable"}, "weight": 100},
                        {"destination": {"host": "web", "subset": "canary"}, "weight": 0},
                    ],
                }
            ],
        },
    )


def deployment(api, namespace):
    return api.create(
        f"/apis/apps/v1/namespaces/{namespace}/deployments",
        apiVersion="apps/v1",
        kind="Deployment",
        metadata={"name": "web"},
        spec={
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [{"name": "log", "image": GOOD}, {"name": "web", "image": BAD}],
                },
            },
        },
    )


URLS = {
    "httproute": "httproute:{0}/web?canary=canary&baseline=stable",
    "virtualservice": "virtualservice:{0}/web?canary=web/canary&baseline=web/stable",
    "deployment": f"deployment:{{0}}/web?undo={GOOD}&container=web",
}
PATHS = {
    "httproute": "/apis/gateway.networking.k8s.io/v1/namespaces/{0}/httproutes/web",
    "virtualservice": "/apis/networking.istio.io/v1/namespaces/{0}/virtualservices/web",
    "deployment": "/apis/apps/v1/namespaces/{0}/deployments/web",
}


@contextlib.contextmanager
def engine(api, namespace, kind, folder, user="monitor"):
    with contextlib.ExitStack() as stack:
        made = {"httproute": route, "virtualservice": service, "deployment": deployment}[kind](api, namespace)
        if kind == "httproute":
            stack.enter_context(gateway(api, namespace))

        def adapter(user=user, url=URLS[kind]):
            return open_traffic(
                url.format(namespace),
                new_session=lambda: stack.enter_context(new_session()),
                environ={"KUBECONFIG": str(api.kubeconfig(user))},
                folder=Path(folder),
            )

        yield SimpleNamespace(
            traffic=adapter(),
            adapter=adapter,
            made=made,
            path=PATHS[kind].format(namespace),
            gone=adapter(url=URLS[kind].replace("/web", "/gone", 1)),
        )


def settled(traffic):
    """The first reading that is there: a controller needs a moment for a new object."""
    for _ in range(100):
        with contextlib.suppress(TrafficError):
            return traffic.read()
        traffic._cluster.wait(0.1)
    return traffic.read()


@pytest.mark.parametrize("kind", URLS)
def test_every_adapter_keeps_the_same_promises(api, namespace, tmp_path, kind):
    with engine(api, namespace, kind, tmp_path) as parts:
        traffic = parts.traffic
        assert settled(traffic) == 0, "a canary begins without traffic"
        before = api.ask("GET", parts.path)
        traffic.check((10.0, 25.0, 50.0, 100.0))
        unchanged = api.ask("GET", parts.path)
        assert unchanged["spec"] == before["spec"], "checking moves nothing"
        for percent in (10, 25, 50, 100, 33.3, 0, 0):
            assert move(traffic, percent) == pytest.approx(percent, abs=0.5)
            assert traffic.read() == pytest.approx(percent, abs=0.5)
        move(traffic, 40)
        traffic.finish()
        traffic.finish()
        assert traffic.routed() is None, "it cannot count and says so"
        for name in ("read", "write", "check"):
            with pytest.raises(TrafficError, match="no such object"):
                getattr(parts.gone, name)(*{"write": [20.0], "check": [(20.0,)]}.get(name, []))
        assert traffic.read() == pytest.approx(40, abs=0.5), "what was refused changed nothing"
        assert "token" not in traffic.describe()


@pytest.mark.parametrize("kind", URLS)
@pytest.mark.parametrize("user", ["reader", "nobody"])
def test_a_missing_permission_is_named_before_anything_moves(api, namespace, tmp_path, kind, user):
    with engine(api, namespace, kind, tmp_path) as parts:
        share = settled(parts.traffic)
        with pytest.raises(TrafficError, match=r"permission denied.*verbs get and patch"):
            parts.adapter(user).check((10.0, 100.0))
        assert parts.traffic.read() == share


@pytest.mark.parametrize("kind", URLS)
def test_conflicts_with_other_writers_are_tried_again(api, namespace, tmp_path, kind):
    with engine(api, namespace, kind, tmp_path) as parts:
        settled(parts.traffic)
        client = parts.traffic._cluster
        get, raced = client.get, []

        def get_then_someone_writes(resource):
            found = get(resource)
            if len(raced) < 3:
                raced.append(api.merge(parts.path, {"metadata": {"labels": {"turn": str(len(raced))}}}))
            return found

        client.get = get_then_someone_writes
        parts.traffic.write(25)
        client.get = get
        assert len(raced) == 3
        assert settled(parts.traffic) == pytest.approx(25)
        assert api.ask("GET", parts.path)["metadata"]["labels"] == {"turn": "2"}, "the other's change stays"


def test_only_weights_change_and_filters_stay(api, namespace, tmp_path):
    with engine(api, namespace, "httproute", tmp_path) as parts:
        settled(parts.traffic)
        move(parts.traffic, 25)
        rules = api.ask("GET", parts.path)["spec"]["rules"]
        assert [entry["weight"] for entry in rules[0]["backendRefs"]] == [75, 25]
        assert [entry["weight"] for entry in rules[2]["backendRefs"]] == [25, 75]
        assert rules[1] == parts.made["spec"]["rules"][1], "a rule of others is left alone"
        assert (
            rules[0]["backendRefs"][0]["filters"]
            == parts.made["spec"]["rules"][0]["backendRefs"][0]["filters"]
        )


def test_a_backend_that_changed_places_is_not_hit(api, namespace, tmp_path):
    with engine(api, namespace, "httproute", tmp_path) as parts:
        settled(parts.traffic)
        client = parts.traffic._cluster
        get, swapped = client.get, []

        def get_then_swap(resource):
            found = get(resource)
            if not swapped:
                rules = found["spec"]["rules"]
                turned = [{**rule, "backendRefs": rule["backendRefs"][::-1]} for rule in rules]
                swapped.append(api.merge(parts.path, {"spec": {"rules": turned}}))
            return found

        client.get = get_then_swap
        parts.traffic.write(10)
        client.get = get
        weights = {
            entry["name"]: entry["weight"]
            for entry in api.ask("GET", parts.path)["spec"]["rules"][0]["backendRefs"]
        }
        assert weights == {"canary": 10, "stable": 90}


def test_a_route_that_no_gateway_serves_is_no_engine(api, namespace, tmp_path):
    route(api, namespace)
    with new_session() as session:
        traffic = open_traffic(
            URLS["httproute"].format(namespace),
            new_session=lambda: session,
            environ={"KUBECONFIG": str(api.kubeconfig())},
            folder=tmp_path,
        )
        with pytest.raises(TrafficError, match="no gateway has taken up this route"):
            traffic.check((10.0,))


def test_a_third_backend_is_refused(api, namespace, tmp_path):
    with engine(api, namespace, "httproute", tmp_path) as parts:
        settled(parts.traffic)
        rules = api.ask("GET", parts.path)["spec"]["rules"]
        rules[0]["backendRefs"].append({"name": "other", "port": 80, "weight": 5})
        api.merge(parts.path, {"spec": {"rules": rules}})
        with pytest.raises(TrafficError, match="also leads to other"):
            parts.traffic.write(10.0)


def test_undo_sets_the_pinned_image_and_twice_is_the_same(api, namespace, tmp_path):
    with engine(api, namespace, "deployment", tmp_path) as parts:
        move(parts.traffic, 25)

        def images():
            found = api.ask("GET", parts.path)
            return [one["image"] for one in found["spec"]["template"]["spec"]["containers"]]

        assert images() == [GOOD, BAD]
        for _ in range(2):
            move(parts.traffic, 0)
            assert images() == [GOOD, GOOD], "a second undo does not bring the bad image back"


@pytest.mark.parametrize(
    "url",
    [
        "httproute:lane/web?canary=a",
        "httproute:lane/web?canary=a&baseline=a",
        "httproute:../web?canary=a&baseline=b",
        "httproute:lane/web?canary=a&baseline=b&weight=3",
        "argo-rollout:web",
        "flagger:lane/web",
        "deployment:lane/web?undo=web:latest&container=web",
        "deployment:lane/web?undo=" + GOOD,
    ],
)
def test_urls_that_name_nothing_are_refused(api, tmp_path, url):
    with new_session() as session, pytest.raises(InputError):
        open_traffic(
            url,
            new_session=lambda: session,
            environ={"KUBECONFIG": str(api.kubeconfig())},
            folder=tmp_path,
        )


@pytest.mark.parametrize(
    ("project", "file", "path"),
    [
        ("argo", "rollout.yaml", "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts"),
        ("argo", "analysis-template.yaml", "/apis/argoproj.io/v1alpha1/namespaces/{}/analysistemplates"),
        ("flagger", "canary.yaml", "/apis/flagger.app/v1beta1/namespaces/{}/canaries"),
    ],
)
def test_the_examples_are_what_the_api_server_takes(api, namespace, project, file, path):
    api.install(project)
    example = yaml.safe_load((EXAMPLES / file).read_text())
    made = api.create(path.format(namespace) + "?dryRun=All&fieldValidation=Strict", **example)
    assert made["metadata"]["name"] == example["metadata"]["name"]
    if file != "analysis-template.yaml":
        text = str(made["spec"])
        assert all(str(share) in text for share in (10, 25, 50, 100)), "the policy's own slices can be had"
