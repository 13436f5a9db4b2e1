"""The example that scales runners by the plan's demand, against KEDA's own definition."""

import copy
import re

import pytest
import yaml
from cluster import parts
from cluster.api import EXAMPLES

pytestmark = pytest.mark.real
EXAMPLE = EXAMPLES.parent / "runners/scaledobject.yaml"


def create(api, namespace, body):
    return api.create(
        f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects?fieldValidation=Strict", **body
    )


def test_the_example_is_what_keda_takes(api, namespace):
    api.install("keda")
    example = yaml.safe_load(EXAMPLE.read_text())
    made = create(api, namespace, example)
    assert made["spec"] == example["spec"], "nothing of it was dropped"


@pytest.mark.parametrize("spoil", ["misspelt", "no-target", "number"])
def test_keda_refuses_what_is_wrong(api, namespace, spoil):
    api.install("keda")
    body = copy.deepcopy(yaml.safe_load(EXAMPLE.read_text()))
    if spoil == "misspelt":
        body["spec"]["pollInterval"] = 15
    elif spoil == "no-target":
        del body["spec"]["scaleTargetRef"]
    else:
        body["spec"]["triggers"][0]["metadata"]["threshold"] = 1
    with pytest.raises(RuntimeError, match=r": 4\d\d "):
        create(api, namespace, body)


def test_the_triggers_settings_are_those_of_the_scaler():
    """The definition takes any setting; the scaler's source says which it reads."""
    module, version, _ = parts.CRDS["keda"]
    try:
        folder = parts._module(module, version)
    except parts.Unavailable as error:
        pytest.skip(f"KEDA's source cannot be had: {error}")
    source = (folder / "pkg/scalers/prometheus_scaler.go").read_text()
    known = set(re.findall(r'keda:"name=(\w+)', source))
    [trigger] = yaml.safe_load(EXAMPLE.read_text())["spec"]["triggers"]
    assert set(trigger["metadata"]) <= known
