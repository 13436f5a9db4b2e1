"""Where a cluster is and who we are there: every form a kubeconfig has, and no secret in any message."""

import base64
import os
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from signalbox.errors import InputError
from signalbox.rollout.kube.kubeconfig import find_access

SECRET = "very-secret-token"


def config(folder, name="config", user=None, cluster=None, context="one", **more):
    document = {
        "current-context": context,
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": SECRET} if user is None else user}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        **more,
    }
    path = folder / name
    path.write_text(yaml.safe_dump(document))
    return path


def access(folder, *paths, **options):
    return find_access({"KUBECONFIG": os.pathsep.join(map(str, paths))}, folder, **options)


def test_a_token_and_a_ca_beside_the_file(tmp_path):
    found = access(tmp_path, config(tmp_path, cluster={"certificate-authority": "ca.crt"}))
    assert (found.server, found.token()) == ("https://10.0.0.1:6443", SECRET)
    assert found.verify == str(tmp_path / "ca.crt")
    assert access(tmp_path, config(tmp_path)).verify is True, "without a CA the system's are asked"


def test_inline_certificates_are_written_for_us_alone(tmp_path):
    data = base64.b64encode(b"PEM").decode()
    user = {"client-certificate-data": data, "client-key-data": data}
    found = access(tmp_path, config(tmp_path, user=user, cluster={"certificate-authority-data": data}))
    files = [Path(name) for name in (found.verify, *found.client_certificate)]
    assert [file.read_bytes() for file in files] == [b"PEM"] * 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert found.token is None


def test_a_token_file_is_read_anew_for_every_request(tmp_path):
    (tmp_path / "token").write_text("first\n")
    found = access(tmp_path, config(tmp_path, user={"tokenFile": "token"}))
    assert found.token() == "first"
    (tmp_path / "token").write_text("second\n")
    assert found.token() == "second"


def helper(folder, code, **more):
    script = folder / "helper.py"
    script.write_text(code)
    how = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": [str(script)]}
    return access(folder, config(folder, user={"exec": how | more}))


def test_a_credential_helper_is_asked(tmp_path):
    code = (
        "import json, os\n"
        "assert json.loads(os.environ['KUBERNETES_EXEC_INFO'])['kind'] == 'ExecCredential'\n"
        "print(json.dumps({'status': {'token': 'from-' + os.environ['WHO']}}))\n"
    )
    assert helper(tmp_path, code, env=[{"name": "WHO", "value": "helper"}]).token() == "from-helper"


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "print('{}')", "print('no')"])
def test_a_credential_helper_that_gives_nothing_is_named(tmp_path, code):
    with pytest.raises(InputError, match="gave no token"):
        helper(tmp_path, code).token()


def test_of_two_files_the_first_wins_and_a_context_can_be_chosen(tmp_path):
    first = config(tmp_path, "a")
    other = {"contexts": [{"name": "two", "context": {"cluster": "d", "user": "u"}}]}
    other["clusters"] = [{"name": "d", "cluster": {"server": "https://10.0.0.2"}}]
    second = config(tmp_path, "b", user={"token": "other"}, context="two", **other)
    assert access(tmp_path, first, second).server == "https://10.0.0.1:6443"
    chosen = access(tmp_path, first, second, context="two")
    assert (chosen.server, chosen.token()) == ("https://10.0.0.2", SECRET)
    with pytest.raises(InputError, match=r"no context 'three'.*one, two"):
        access(tmp_path, first, second, context="three")


def test_in_a_pod_its_service_account_is_taken(tmp_path):
    (tmp_path / "token").write_text(SECRET)
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    found = find_access(environ, tmp_path, pod=tmp_path)
    assert (found.server, found.token()) == ("https://[fd00::1]:443", SECRET)
    assert found.verify == str(tmp_path / "ca.crt")
    with pytest.raises(InputError, match="no Kubernetes cluster was named"):
        find_access({}, tmp_path, pod=tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "a: [", "clusters: 3", "users: [{user: {}}]", f"users: [{{token: {SECRET}", "contexts: [1]"],
)
def test_what_is_no_kubeconfig_is_refused_without_quoting_it(tmp_path, text):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        access(tmp_path, path)
    assert SECRET not in str(raised.value)
    assert str(path) in str(raised.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(data)
    with pytest.raises(InputError):
        access(path.parent, path)
