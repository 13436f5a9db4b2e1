"""promote.py against a real registry (Debian's docker-registry) on loopback: no rebuild, no wrong byte."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from signalbox.decision import Decision, PolicyRef, Subject, canonical, format_time
from signalbox.gitops import Registry, RegistryError, parse_repository

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="Debian package docker-registry"),
]
ROOT = Path(__file__).parents[2]
MEDIA = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}/v2/", timeout=2).close()
                break
            except requests.ConnectionError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def push(host: str, name: str, content: bytes) -> str:
    """An image of one layer; returns the manifest's digest."""
    base = f"http://{host}/v2/{name}"

    def blob(data: bytes) -> dict[str, Any]:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        place = requests.post(f"{base}/blobs/uploads/", timeout=5).headers["Location"]
        separator = "&" if "?" in place else "?"
        answer = requests.put(f"{place}{separator}digest={digest}", data=data, timeout=5)
        assert answer.status_code == 201
        return {"digest": digest, "size": len(data)}

    config = {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(b"{}")}
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", **blob(content)}
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": MEDIA, "config": config, "layers": [layer]}, indent=1
    )
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    answer = requests.put(
        f"{base}/manifests/candidate", data=manifest, headers={"Content-Type": MEDIA}, timeout=5
    )
    assert answer.status_code == 201, answer.text
    return digest


def decision(digest: str, verdict: str = "auto-promote", **more: Any) -> bytes:
    now = format_time(datetime.now(UTC))
    fields = {"mode": "enforce", "decided_at": now} | more
    made = Decision(
        kind="promotion",
        id="d-1",
        subject=Subject(digest=digest),
        verdict=verdict,
        reasons=(),
        next_action="",
        policy=PolicyRef(sha256="0" * 64),
        outputs={"promoted_tag": "promoted-abc"},
        producer="test",
        **fields,
    )
    return canonical(made)


def promote(tmp_path: Path, content: bytes, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "decision.json"
    file.write_bytes(content)
    command = [sys.executable, str(ROOT / "scripts" / "promote.py"), "--decision", str(file)]
    return subprocess.run(
        [*command, "--repo", str(tmp_path), *arguments],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_same_bytes_get_another_tag(host: str, tmp_path: Path) -> None:
    digest = push(host, "team/app", b"one")
    arguments = ("--registry", f"{host}/team/app", "--digest", digest, "--mode", "enforce")
    ran = promote(tmp_path, decision(digest), *arguments)
    assert ran.returncode == 0, ran.stderr
    head = requests.head(
        f"http://{host}/v2/team/app/manifests/promoted-abc", headers={"Accept": MEDIA}, timeout=5
    )
    assert head.headers["Docker-Content-Digest"] == digest
    again = promote(tmp_path, decision(digest), *arguments)
    assert (again.returncode, "was already tagged" in again.stdout) == (0, True)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"verdict": "manual-review"}, 3, "a person must decide"),
        ({"verdict": "block"}, 1, "the decision is block"),
        ({"mode": "observe"}, 3, "only observed"),
        ({"decided_at": "2020-01-01T00:00:00Z"}, 3, "score again"),
    ],
)
def test_nothing_else_than_a_fresh_auto_promote_moves_anything(
    host: str, tmp_path: Path, change: dict[str, Any], code: int, says: str
) -> None:
    name = f"team/{says.replace(' ', '-')}"
    digest = push(host, name, b"two")
    ran = promote(tmp_path, decision(digest, **change), "--registry", f"{host}/{name}", "--mode", "enforce")
    assert ran.returncode == code
    assert says in ran.stdout
    assert Registry(parse_repository(f"{host}/{name}")).digest_of("promoted-abc") == ""


def test_a_decision_about_another_digest_promotes_nothing(host: str, tmp_path: Path) -> None:
    mine, other = push(host, "team/three", b"three"), push(host, "team/three", b"other")
    ran = promote(
        tmp_path, decision(mine), "--registry", f"{host}/team/three", "--digest", other, "--mode", "enforce"
    )
    assert ran.returncode == 1
    assert f"the decision is about {mine}" in ran.stdout


def test_observing_says_what_it_would_do(host: str, tmp_path: Path) -> None:
    digest = push(host, "team/four", b"four")
    ran = promote(tmp_path, decision(digest), "--registry", f"{host}/team/four")
    assert (ran.returncode, "would tag" in ran.stdout) == (0, True)
    assert Registry(parse_repository(f"{host}/team/four")).digest_of("promoted-abc") == ""


def test_a_tag_that_stands_elsewhere_is_moved_only_when_asked(host: str) -> None:
    registry = Registry(parse_repository(f"{host}/team/five"))
    first, second = push(host, "team/five", b"5a"), push(host, "team/five", b"5b")
    assert registry.retag(first, "live").changed
    with pytest.raises(RegistryError, match="not moved without --move"):
        registry.retag(second, "live")
    moved = registry.retag(second, "live", move=True)
    assert (moved.changed, moved.moved) == (True, first)
    assert registry.digest_of("live") == second


def test_what_the_registry_does_not_have_or_is_not_there(host: str, tmp_path: Path) -> None:
    registry = Registry(parse_repository(f"{host}/team/six"))
    with pytest.raises(RegistryError, match="no such manifest"):
        registry.retag("sha256:" + "0" * 64, "live")
    with pytest.raises(RegistryError, match="cannot be reached"):
        Registry(parse_repository("127.0.0.1:9/team/six"), timeout=2).digest_of("live")
    ran = promote(
        tmp_path, decision("sha256:" + "0" * 64), "--registry", f"{host}/team/six", "--mode", "enforce"
    )
    assert ran.returncode == 2
    assert "no such manifest" in ran.stderr


def test_a_version_is_proposed_only_where_its_tag_stands_for_the_digest(host: str, tmp_path: Path) -> None:
    """Flux deploys by the tag, so a tag that was moved would deploy what nobody decided about."""
    registry = Registry(parse_repository(f"{host}/team/flux"))
    mine, other = push(host, "team/flux", b"mine"), push(host, "team/flux", b"other")
    registry.retag(mine, "1.4.2")
    registry.retag(other, "1.4.3")
    policy = tmp_path / "policy.yaml"
    policy.write_text("kind: ImagePolicy\nspec: {policy: {semver: {range: 1.4.1}}}\n")

    def proposed(version: str) -> subprocess.CompletedProcess[str]:
        image = ("--image-policy", "policy.yaml", "--image", f"{host}/team/flux")
        return promote(tmp_path, decision(mine), *image, "--range", version)

    good = proposed("1.4.2")
    assert (good.returncode, "1.4.1 -> 1.4.2" in good.stdout) == (0, True), good.stderr
    moved = proposed("1.4.3")
    assert (moved.returncode, f"team/flux:1.4.3 is {other}, not {mine}" in moved.stdout) == (1, True)
    missing = proposed("1.4.4")
    assert (missing.returncode, "is not there" in missing.stdout) == (1, True)
    several = proposed(">=1.4.0 <1.5.0")
    assert (several.returncode, "not one digest" in several.stderr) == (2, True)
