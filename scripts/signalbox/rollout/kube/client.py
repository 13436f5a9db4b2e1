"""GET and PATCH of Kubernetes objects over HTTP, each bounded, each refusal told apart."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec

from signalbox.rollout.kube.kubeconfig import Access
from signalbox.rollout.traffic.base import TrafficError

Object = dict[str, Any]
FIELD_MANAGER = "signalbox"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
_MAX_BYTES = 8 * 1024 * 1024
_CONFLICT_TRIES = 6


class ApiError(TrafficError):
    """The API server refused, or could not be asked; ``status`` is HTTP's, 0 without an answer."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One object: ``group`` and ``version`` of its API, ``plural`` of its kind, and where it is."""

    group: str
    version: str
    plural: str
    namespace: str
    name: str

    def path(self, subresource: str = "") -> str:
        """Its path at the API server."""
        path = (
            f"/apis/{self.group}/{self.version}/namespaces/{quote(self.namespace, safe='')}"
            f"/{self.plural}/{quote(self.name, safe='')}"
        )
        return f"{path}/{subresource}" if subresource else path

    def describe(self) -> str:
        """A name for people."""
        return f"{self.plural}.{self.group} {self.namespace}/{self.name}"


class Cluster:
    """One API server. ``session`` is a ``requests.Session`` of its own; ``timeout`` in seconds a request.

    ``wait`` lets time pass and says whether the monitor was told to stop.
    """

    def __init__(
        self,
        access: Access,
        *,
        session: Any,
        timeout: float = 10.0,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._access = access
        self._session = session
        self._session.verify = access.verify
        self._session.cert = access.client_certificate
        # A .netrc of the runner's would put its own Authorization over ours.
        self._session.trust_env = False
        self._timeout = timeout
        self.wait = wait

    def describe(self) -> str:
        """A name for people, without credentials."""
        return f"the cluster of {self._access.source}"

    def get(self, resource: Resource) -> Object:
        """The object; ``ApiError`` says what was refused."""
        return self._ask("GET", resource, resource.path())

    def patch(
        self,
        resource: Resource,
        body: Object | list[Object],
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """Send one patch (a list is a JSON patch, an object a merge patch); the object as it is then.

        With ``dry_run`` everything is done (permissions, admission, validation) except for storing it.
        """
        query = f"?fieldManager={FIELD_MANAGER}&fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        kind = JSON_PATCH if isinstance(body, list) else MERGE_PATCH
        return self._ask("PATCH", resource, resource.path(subresource) + query, json.dumps(body), kind)

    def change(
        self,
        resource: Resource,
        build: Callable[[Object], Object | list[Object] | None],
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """Read, patch what ``build`` makes of it, and read and patch anew when someone else was faster.

        The patch holds only for the version that was read. ``build`` returns None when nothing is to do.
        """
        for attempt in range(_CONFLICT_TRIES):
            found = self.get(resource)
            body = build(found)
            if body is None:
                return found
            version = found["metadata"]["resourceVersion"]
            if isinstance(body, list):
                body = [*body, {"op": "replace", "path": "/metadata/resourceVersion", "value": version}]
            else:
                body = {**body, "metadata": {**body.get("metadata", {}), "resourceVersion": version}}
            try:
                return self.patch(resource, body, subresource=subresource, dry_run=dry_run)
            except ApiError as error:
                # 409: another version is stored by now. 422 of a JSON patch: its test did not hold.
                again = error.status == 409 or (error.status == 422 and isinstance(body, list))
                if not again or attempt == _CONFLICT_TRIES - 1:
                    raise
                self.wait(0.05 * 2**attempt)
        raise AssertionError("unreachable")

    def _ask(self, method: str, resource: Resource, path: str, body: str = "", kind: str = "") -> Object:
        import requests

        from signalbox.signals.http import classify

        headers = {"Accept": "application/json"}
        if kind:
            headers["Content-Type"] = kind
        if self._access.token:
            headers["Authorization"] = f"Bearer {self._access.token()}"
        who = f"{resource.describe()} in {self.describe()}"
        try:
            with self._session.request(
                method,
                self._access.server + path,
                data=body.encode() or None,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                status = response.status_code
                text = response.raw.read(_MAX_BYTES, decode_content=True)
        except requests.exceptions.SSLError:
            raise ApiError(f"{who}: the API server's certificate is not trusted") from None
        except requests.RequestException as error:
            raise ApiError(f"{who}: {classify(error, self._timeout)[2]}") from None
        except OSError as error:
            # Also a certificate file of the kubeconfig that is not there.
            raise ApiError(f"{who}: {error}") from None
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = None
        if status == 200 and isinstance(answer, dict) and isinstance(answer.get("metadata"), dict):
            return answer
        message = answer.get("message") if isinstance(answer, dict) else None
        raise ApiError(f"{who}: {_refusal(status, method, resource)}{str(message or '')[:300]}", status)


def _refusal(status: int, method: str, resource: Resource) -> str:
    if status == 401:
        return "the credentials are not accepted (HTTP 401). "
    if status == 403:
        group, plural = resource.group, resource.plural
        return (
            f"permission denied (HTTP 403); the role needs the verbs get and patch on {plural} and "
            f"{plural}/status of {group}. "
        )
    if status == 404:
        return "there is no such object, or its kind is not installed (HTTP 404). "
    return f"{method} was answered with HTTP {status}. "
