"""Give a digest another tag at an OCI registry: the manifest is put again under the tag, nothing is built.

OCI distribution specification 1.1: GET and PUT of /v2/<name>/manifests/<reference>. The bytes that come
back are checked against the digest before they are put, and the tag is read back afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

import msgspec

from signalbox.errors import InputError, SignalboxError
from signalbox.gitops.edits import check_digest, check_tag

MAX_MANIFEST = 4 << 20
ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_HOST = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?P<port>:\d{1,5})?")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class RegistryError(SignalboxError):
    """The registry did not do what was asked; the sentence says what it answered."""


class Repository(msgspec.Struct, frozen=True):
    """A repository at a registry, from ``host[:port]/name``."""

    host: str
    name: str

    @property
    def url(self) -> str:
        """Its address; plain HTTP only on this machine itself."""
        bare = self.host.rpartition(":")[0] if re.search(r":\d+$", self.host) else self.host
        scheme = "http" if bare in _LOOPBACK else "https"
        return f"{scheme}://{self.host}/v2/{self.name}"


class Retag(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: ``moved`` names the digest that the tag was taken from, empty for a new tag."""

    tag: str
    digest: str
    changed: bool
    moved: str = ""


def parse_repository(text: str) -> Repository:
    """``registry.example.org/team/app``; raises InputError, also for a tag or digest in it."""
    host, _, name = text.partition("/")
    if not _HOST.fullmatch(host) or not _NAME.fullmatch(name) or len(text) > 255:
        raise InputError(
            "this is not a repository at a registry",
            where=repr(text[:120]),
            fix="Give host/name without tag or digest, like ghcr.io/team/app.",
        )
    return Repository(host, name)


class Registry:
    """One repository over HTTP. ``user`` and ``password`` are sent only to its own token service."""

    def __init__(
        self, repository: Repository, *, user: str = "", password: str = "", timeout: float = 30
    ) -> None:
        self.repository = repository
        self._credentials = (user, password) if password else None
        self._timeout = timeout
        self._authorization = ""

    def __repr__(self) -> str:
        return f"Registry({self.repository.host}/{self.repository.name})"

    def digest_of(self, tag: str) -> str:
        """The digest that a tag points at, empty where there is no such tag."""
        status, headers, _ = self._call("HEAD", f"manifests/{tag}")
        if status == 404:
            return ""
        if status != 200:
            raise self._refused(status, f"reading the tag {tag}")
        return headers.get("docker-content-digest", "")

    def manifest(self, digest: str) -> tuple[bytes, str]:
        """A manifest's bytes and media type, checked against its digest."""
        status, headers, body = self._call("GET", f"manifests/{digest}")
        if status != 200:
            raise self._refused(status, f"reading {digest}")
        if "sha256:" + hashlib.sha256(body).hexdigest() != digest:
            raise RegistryError(f"{self.repository.host} gave other bytes than those of {digest}")
        return body, headers.get("content-type", "application/vnd.oci.image.manifest.v1+json")

    def retag(self, digest: str, tag: str, *, move: bool = False) -> Retag:
        """Point ``tag`` at ``digest``; one that is elsewhere is only moved if ``move``. Twice is once."""
        check_digest(digest)
        check_tag(tag)
        there = self.digest_of(tag)
        if there == digest:
            return Retag(tag=tag, digest=digest, changed=False)
        if there and not move:
            raise RegistryError(f"the tag {tag} already stands for {there}; it is not moved without --move")
        body, media = self.manifest(digest)
        status, _, _ = self._call("PUT", f"manifests/{tag}", body, media)
        if status not in (200, 201, 202):
            raise self._refused(status, f"writing the tag {tag}")
        after = self.digest_of(tag)
        if after != digest:
            raise RegistryError(
                f"the tag {tag} was written and now stands for {after or 'nothing'}, not {digest}"
            )
        return Retag(tag=tag, digest=digest, changed=True, moved=there)

    def _call(
        self, method: str, path: str, body: bytes | None = None, media: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        status, headers, data = self._once(method, path, body, media)
        if status == 401 and not self._authorization:
            self._authorize(headers.get("www-authenticate", ""), write=method == "PUT")
            status, headers, data = self._once(method, path, body, media)
        elif status in (401, 403) and method == "PUT" and self._authorization.startswith("Bearer"):
            # The token was asked for reading; ask again for both.
            self._authorize(headers.get("www-authenticate", ""), write=True)
            status, headers, data = self._once(method, path, body, media)
        return status, headers, data

    def _once(
        self, method: str, path: str, body: bytes | None, media: str
    ) -> tuple[int, dict[str, str], bytes]:
        headers = {"Accept": ACCEPT, "User-Agent": "signalbox"}
        if media:
            headers["Content-Type"] = media
        if self._authorization:
            headers["Authorization"] = self._authorization
        return self._send(method, f"{self.repository.url}/{path}", headers, body)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=self._timeout) as answer:
                return _taken(answer.status, answer)
        except urllib.error.HTTPError as error:
            with error:
                return _taken(error.code, error)
        except (OSError, HTTPException) as error:
            raise RegistryError(f"{self.repository.host} cannot be reached: {error}") from None

    def _authorize(self, challenge: str, *, write: bool) -> None:
        """Answer a challenge: Basic with the credentials, or a bearer token from the realm it names."""
        basic = ""
        if self._credentials:
            basic = "Basic " + base64.b64encode(":".join(self._credentials).encode()).decode()
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            self._authorization = basic
            return
        told = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = told.get("realm", "")
        secure = realm.startswith("https://") or self.repository.url.startswith("http://127.")
        if scheme.lower() != "bearer" or not secure:
            raise RegistryError(f"{self.repository.host} asks for a login this client does not know")
        scope = f"repository:{self.repository.name}:pull" + (",push" if write else "")
        query = urllib.parse.urlencode({"service": told.get("service", ""), "scope": scope})
        headers = {"Authorization": basic} if basic else {}
        status, _, body = self._send("GET", f"{realm}?{query}", headers)
        token: Any = None
        if status == 200:
            try:
                answer = json.loads(body)
            except ValueError:
                answer = None
            token = answer.get("token") or answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise RegistryError(
                f"{self.repository.host} gave no token ({status}); check the registry's login"
            )
        self._authorization = f"Bearer {token}"

    def _refused(self, status: int, doing: str) -> RegistryError:
        hint = {
            401: "the login is missing or wrong",
            403: "the login may not do this",
            404: "there is no such manifest",
        }.get(status, f"it answered {status}")
        return RegistryError(f"{doing} at {self.repository.host}/{self.repository.name}: {hint}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Manifests are small and served in place; a redirect could carry the login elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _taken(status: int, answer: Any) -> tuple[int, dict[str, str], bytes]:
    body = answer.read(MAX_MANIFEST + 1)
    if len(body) > MAX_MANIFEST:
        raise RegistryError("the answer is larger than any manifest")
    return status, {key.lower(): value for key, value in answer.headers.items()}, body
