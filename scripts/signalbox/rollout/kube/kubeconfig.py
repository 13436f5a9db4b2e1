"""Where a cluster is and who we are there: a kubeconfig, or the service account of the pod we run in."""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from signalbox.errors import InputError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_MAX_BYTES = 4 * 1024 * 1024
_EXEC_SECONDS = 30.0


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach one cluster. ``token`` is asked for each request, for tokens rotate; files are paths."""

    server: str
    source: str
    verify: str | bool = True
    token: Callable[[], str] | None = None
    client_certificate: tuple[str, str] | None = None


def find_access(
    environ: Mapping[str, str], folder: Path, *, context: str = "", pod: Path = SERVICE_ACCOUNT
) -> Access:
    """What ``KUBECONFIG`` names, or ``~/.kube/config``, or the pod's service account.

    ``context`` is one of the kubeconfig's; empty for its current one. Certificates that stand in the
    kubeconfig itself are written into ``folder`` (mode 600), which the caller removes. Raises
    ``InputError`` when there is no cluster to be found or the file cannot be understood.
    """
    listed = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    default = Path(environ.get("HOME", "/nonexistent")) / ".kube" / "config"
    paths = listed or ([default] if default.is_file() else [])
    if paths:
        return _from_files(paths, folder, context, environ)
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    if host and (pod / "token").is_file():
        host = f"[{host}]" if ":" in host else host
        return Access(
            server=f"https://{host}:{environ.get('KUBERNETES_SERVICE_PORT', '443')}",
            source="the pod's service account",
            verify=str(pod / "ca.crt"),
            token=lambda: _text(pod / "token"),
        )
    raise InputError(
        "no Kubernetes cluster was named",
        where="--traffic",
        fix="Set KUBECONFIG to a file, or run in a pod with a service account.",
    )


def _from_files(paths: list[Path], folder: Path, context: str, environ: Mapping[str, str]) -> Access:
    found: dict[str, dict[str, tuple[dict[str, Any], Path]]] = {"clusters": {}, "users": {}, "contexts": {}}
    current = context
    for path in paths:
        document = _document(path)
        current = current or str(document.get("current-context") or "")
        for kind, named in found.items():
            for entry in document.get(kind) or []:
                # Of two files that both define a name, the first wins: as kubectl does.
                named.setdefault(str(entry["name"]), (dict(entry.get(kind[:-1]) or {}), path.parent))
    where = os.pathsep.join(str(path) for path in paths)

    def pick(kind: str, name: str) -> tuple[dict[str, Any], Path]:
        if name not in found[kind]:
            known = ", ".join(sorted(found[kind])) or "none"
            raise InputError(f"there is no {kind[:-1]} {name!r}", where=where, why=f"there are: {known}")
        return found[kind][name]

    chosen, _ = pick("contexts", current)
    cluster, near = pick("clusters", str(chosen.get("cluster", "")))
    user, home = pick("users", str(chosen.get("user", "")))
    server = str(cluster.get("server", ""))
    if not server.startswith(("https://", "http://")):
        raise InputError(f"the server {server!r} is no URL", where=where)
    authority = _file(cluster, "certificate-authority", near, folder, where)
    certificate = _file(user, "client-certificate", home, folder, where)
    key = _file(user, "client-key", home, folder, where)
    return Access(
        server=server.rstrip("/"),
        source=f"context {current}",
        verify=False if cluster.get("insecure-skip-tls-verify") is True else authority or True,
        token=_token(user, home, where, environ),
        client_certificate=(certificate, key) if certificate and key else None,
    )


def _document(path: Path) -> dict[str, Any]:
    import yaml

    try:
        with path.open("rb") as file:
            document = yaml.safe_load(file.read(_MAX_BYTES))
        kinds = [document.get(kind) or [] for kind in ("clusters", "users", "contexts")]
        if not all(isinstance(entry["name"], str) for kind in kinds for entry in kind):
            raise TypeError("names are texts")
    except OSError as error:
        raise InputError("the kubeconfig cannot be read", where=str(path), why=error.strerror or "") from None
    # The parser's own message may quote the line, and the line may be a token.
    except (yaml.YAMLError, AttributeError, TypeError, KeyError, UnicodeDecodeError, RecursionError):
        raise InputError("this is not a kubeconfig", where=str(path)) from None
    return dict(document)


def _file(entry: Mapping[str, Any], key: str, near: Path, folder: Path, where: str) -> str:
    inline = entry.get(f"{key}-data")
    if not inline:
        return str(near / str(entry[key])) if entry.get(key) else ""
    try:
        data = base64.b64decode(str(inline), validate=True)
    except binascii.Error:
        raise InputError(f"{key}-data is not base64", where=where) from None
    path = folder / f"{key}.pem"
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    return str(path)


def _token(
    user: Mapping[str, Any], home: Path, where: str, environ: Mapping[str, str]
) -> Callable[[], str] | None:
    if user.get("token"):
        fixed = str(user["token"])
        return lambda: fixed
    if user.get("tokenFile"):
        path = home / str(user["tokenFile"])
        return lambda: _text(path)
    if user.get("exec"):
        return lambda: _helper(dict(user["exec"]), where, environ)
    return None


def _helper(how: Mapping[str, Any], where: str, environ: Mapping[str, str]) -> str:
    """The token that the kubeconfig's credential helper prints (a cloud's command line, mostly)."""
    more = {str(one.get("name")): str(one.get("value", "")) for one in how.get("env") or []}
    argv = [str(how.get("command", "")), *(str(one) for one in how.get("args") or [])]
    info = {"apiVersion": how.get("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            timeout=_EXEC_SECONDS,
            check=True,
            env={**environ, **more, "KUBERNETES_EXEC_INFO": json.dumps(info)},
        )
        token = json.loads(done.stdout)["status"]["token"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the kubeconfig's credential helper {argv[0]!r} gave no token",
            where=where,
            why=type(error).__name__,
            fix="Run it by hand to see what it says.",
        ) from None
    return str(token)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise InputError("the token cannot be read", where=str(path), why=error.strerror or "") from None
