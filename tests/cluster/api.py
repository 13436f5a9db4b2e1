"""A real API server and a real etcd on loopback, and what a test asks of them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import yaml
from cluster import parts

from doubles.rollout_rig import free_port, process, wait_for

TOKENS = {
    "admin": "admin-token",
    "monitor": "monitor-token",
    "reader": "reader-token",
    "nobody": "nobody-token",
}
CUSTOM = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "kubernetes"
# What the documentation asks for, and no more.
MONITOR_RULES = yaml.safe_load((EXAMPLES / "role.yaml").read_text())["rules"]


def need(name: str) -> Path:
    """A program of the lane; without it the test is skipped and says why."""
    try:
        return parts.program(name)
    except parts.Unavailable as error:
        pytest.skip(f"{name} cannot be had: {error}")


class Api:
    """The API server as its administrator sees it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.server = f"https://127.0.0.1:{port}"
        self.authority = folder / "certificates" / "apiserver.crt"
        self.log = folder / "apiserver.log"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {TOKENS['admin']}"

    def close(self) -> None:
        self._session.close()

    def ask(self, method: str, path: str, body: object = None, kind: str = "application/json") -> dict:
        with self._session.request(
            method,
            self.server + path,
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": kind},
            verify=str(self.authority),
            timeout=20,
        ) as answer:
            if answer.status_code >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
            return answer.json()

    def ready(self) -> bool:
        try:
            return self._session.get(self.server + "/readyz", verify=str(self.authority), timeout=5).ok
        except (OSError, requests.RequestException):
            return False

    def install(self, name: str) -> None:
        """The definitions of one project; waits until the API server serves them."""
        try:
            found = parts.definitions(name)
        except parts.Unavailable as error:
            pytest.skip(f"the definitions of {name} cannot be had: {error}")
        for one in found:
            with contextlib.suppress(RuntimeError):
                self.ask("GET", f"{CUSTOM}/{one['metadata']['name']}")
                continue
            self.ask("POST", CUSTOM, one)
        for one in found:
            path = f"{CUSTOM}/{one['metadata']['name']}"

            def established(path: str = path) -> bool:
                conditions = (self.ask("GET", path).get("status") or {}).get("conditions") or []
                return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

            wait_for(established, 20, what=path)
        for one in found:
            spec = one["spec"]
            version = next(v["name"] for v in spec["versions"] if v["served"])
            path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
            wait_for(lambda path=path: self.serves(path), 20, what=path)

    def serves(self, path: str) -> bool:
        try:
            self.ask("GET", path)
        except RuntimeError:
            return False
        return True

    def create(self, path: str, **body: object) -> dict:
        return self.ask("POST", path, body)

    def merge(self, path: str, body: object) -> dict:
        return self.ask("PATCH", path, body, "application/merge-patch+json")

    def namespace(self, name: str) -> str:
        self.create("/api/v1/namespaces", metadata={"name": name})
        group = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{name}"
        self.create(f"{group}/roles", metadata={"name": "monitor"}, rules=MONITOR_RULES)
        readable = [{**rule, "verbs": ["get"]} for rule in MONITOR_RULES]
        self.create(f"{group}/roles", metadata={"name": "reader"}, rules=readable)
        for user in ("monitor", "reader"):
            self.create(
                f"{group}/rolebindings",
                metadata={"name": user},
                roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
                subjects=[{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
            )
        return name

    def kubeconfig(self, user: str = "monitor") -> Path:
        path = self.folder / f"{user}.kubeconfig"
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "lane",
                    "clusters": [
                        {
                            "name": "lane",
                            "cluster": {"server": self.server, "certificate-authority": str(self.authority)},
                        }
                    ],
                    "users": [{"name": user, "user": {"token": TOKENS[user]}}],
                    "contexts": [{"name": "lane", "context": {"cluster": "lane", "user": user}}],
                }
            )
        )
        return path


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[Api]:
    """etcd and kube-apiserver until the end of the block."""
    etcd, server = need("etcd"), need("kube-apiserver")
    client, peer, port = free_port(), free_port(), free_port()
    key = folder / "service-accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    tokens = folder / "tokens.csv"
    groups = {"admin": "system:masters"}
    tokens.write_text(
        "".join(f'{token},{user},{user},"{groups.get(user, "")}"\n' for user, token in TOKENS.items())
    )
    store = f"http://127.0.0.1:{client}"
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "etcd.log").open("wb"))
        stack.enter_context(
            process(
                etcd, "--data-dir", folder / "etcd", "--listen-client-urls", store,
                "--advertise-client-urls", store, "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                "--unsafe-no-fsync", stdout=log, stderr=log,
            )
        )  # fmt: skip
        api = Api(folder, port)
        stack.callback(api.close)
        log = stack.enter_context(api.log.open("wb"))
        stack.enter_context(
            process(
                server, f"--etcd-servers={store}", f"--secure-port={port}", "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1", f"--cert-dir={folder / 'certificates'}",
                f"--token-auth-file={tokens}", "--authorization-mode=RBAC",
                "--service-account-issuer=https://lane.test", f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.0.0.0/24",
                "--disable-admission-plugins=ServiceAccount", stdout=log, stderr=log,
            )
        )  # fmt: skip
        wait_for(api.ready, 120, what=f"the API server ({api.log})")
        yield api


class Repeating:
    """Calls ``work`` again and again beside a test: the part of a controller that is not here."""

    def __init__(self, work: Callable[[], None], every: float = 0.1) -> None:
        self._stop = threading.Event()
        self._work = work
        self._every = every
        self.errors: list[str] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self._work()
            # A conflict with the one under test: the next round sees the new version.
            except (RuntimeError, requests.RequestException) as error:
                self.errors.append(str(error))

    def __enter__(self) -> Repeating:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
