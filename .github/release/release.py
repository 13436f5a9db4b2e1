"""What a release of this repository takes, beside what GitHub does: checks, a bill of materials, publishing.

usage: release.py check vX.Y.Z           the version is the packages' own, has notes, and has no tag yet
       release.py green SHA              that commit's required check has passed
       release.py sbom FILE SHA          CycloneDX of what actions install and use, with digests
       release.py provenance FILE SHA    SLSA provenance: what was built, from which commit, by which run
       release.py notes vX.Y.Z FILE      the version's part of CHANGELOG.md
       release.py sums FILE…             digests, as sha256sum prints them
       release.py publish vX.Y.Z SHA NOTES FILE…   draft, upload, publish, then move vX

Only the standard library. Reads GITHUB_TOKEN, GITHUB_REPOSITORY and GITHUB_API_URL. Exit 1 says why not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
REQUIRED = "All passed"
"""The check run that ends ci.yml: the one that a ruleset asks for."""
TIMEOUT = 60


class Refused(Exception):
    """Why there is no release."""


def check(version: str) -> None:
    """The version is well formed, the one that both packages have, described, and new."""
    if not VERSION.fullmatch(version):
        raise Refused(f"{version[:40]!r} is no version: vX.Y.Z, without leading zeros")
    for name in ("pyproject.toml", "plugin/pyproject.toml"):
        told = tomllib.loads((ROOT / name).read_text("utf-8"))["project"]["version"]
        if f"v{told}" != version:
            raise Refused(f"{name} says {told}, which is not {version}")
    notes(version)
    if api("GET", f"git/ref/tags/{version}", missing=True) is not None:
        raise Refused(f"the tag {version} is there already; a release is never changed")


def green(sha: str) -> None:
    """The required check ran on exactly this commit, by GitHub's own app, and passed."""
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise Refused("this is no full commit id")
    query = urlencode({"check_name": REQUIRED, "filter": "latest"})
    found = api("GET", f"commits/{sha}/check-runs?{query}")["check_runs"]
    said = [run["conclusion"] for run in found if (run.get("app") or {}).get("slug") == "github-actions"]
    if not said or any(conclusion != "success" for conclusion in said):
        raise Refused(f"{REQUIRED!r} has not passed on {sha}: {', '.join(map(str, said)) or 'it never ran'}")
    head = api("GET", "git/ref/heads/main")["object"]["sha"]
    compared = api("GET", f"compare/{sha}...{head}")
    if compared["status"] not in ("identical", "ahead"):
        raise Refused(f"{sha} is not on main")


def notes(version: str) -> str:
    """The part of the changelog under this version's heading."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    number = re.escape(version.removeprefix("v"))
    match = re.search(rf"^## \[?v?{number}\]?[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not match or not match[1].strip():
        raise Refused(f"CHANGELOG.md has no notes under a heading {version}")
    return match[1].strip() + "\n"


def sbom(sha: str, root: Path = ROOT) -> dict[str, Any]:
    """A CycloneDX 1.6 bill: locked Python and npm packages, and third-party actions by their commit."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    components: dict[str, dict[str, Any]] = {}
    for file in sorted((root / "requirements").glob("*.txt")):
        scope = "excluded" if file.stem == "dev" else "required"
        for name, version, hashes in _locked(file.read_text("utf-8")):
            row = _component(f"pkg:pypi/{name}@{version}", name, version, "library", scope)
            row["hashes"] = [{"alg": "SHA-256", "content": value} for value in hashes]
            if components.get(row["purl"], {}).get("scope") != "required":
                components[row["purl"]] = row
    for folder, scope in (("evals", "required"), ("tests", "excluded")):
        lock = json.loads((root / folder / "package-lock.json").read_text("utf-8"))
        for place, package in lock["packages"].items():
            if not place or package.get("link"):
                continue
            name = place.rpartition("node_modules/")[2]
            purl = f"pkg:npm/{quote(name, safe='/')}@{package['version']}"
            row = _component(purl, name, package["version"], "library", scope)
            if package.get("integrity", "").startswith("sha512-"):
                digest = base64.b64decode(package["integrity"].removeprefix("sha512-").split()[0])
                row["hashes"] = [{"alg": "SHA-512", "content": digest.hex()}]
            components.setdefault(purl, row)
    for path in sorted((root / ".github" / "workflows").glob("*.yml")):
        for action, commit, version in re.findall(
            r"uses: +([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # (v[\d.]+)", path.read_text("utf-8")
        ):
            repository = "/".join(action.split("/")[:2])
            purl = f"pkg:github/{repository}@{commit}"
            components.setdefault(purl, _component(purl, action, version, "application", "required"))
    name, version = project["name"], project["version"]
    repository = os.environ.get("GITHUB_REPOSITORY", f"OWNER/{name}")
    about = _component(f"pkg:github/{repository}@{sha}", name, version, "application", "required")
    about["licenses"] = [{"license": {"id": project["license"]}}]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": about},
        "components": [components[purl] for purl in sorted(components)],
    }


def provenance(sha: str) -> dict[str, Any]:
    """The predicate of SLSA provenance v1; who signs it is told by the certificate, not by this text."""
    environ = os.environ
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    repository = f"{server}/{environ['GITHUB_REPOSITORY']}"
    run = f"{repository}/actions/runs/{environ.get('GITHUB_RUN_ID', '0')}"
    workflow = {"ref": environ.get("GITHUB_REF", ""), "repository": repository,
                "path": ".github/workflows/release.yml"}  # fmt: skip
    return {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": workflow},
            "internalParameters": {"github": {"event_name": environ.get("GITHUB_EVENT_NAME", "")}},
            "resolvedDependencies": [{"uri": f"git+{repository}", "digest": {"gitCommit": sha}}],
        },
        "runDetails": {
            "builder": {"id": f"{repository}/.github/workflows/release.yml@{environ.get('GITHUB_REF', '')}"},
            "metadata": {"invocationId": f"{run}/attempts/{environ.get('GITHUB_RUN_ATTEMPT', '1')}"},
        },
    }


def _component(purl: str, name: str, version: str, kind: str, scope: str) -> dict[str, Any]:
    return {"type": kind, "bom-ref": purl, "purl": purl, "name": name, "version": version, "scope": scope}


def _locked(text: str) -> list[tuple[str, str, list[str]]]:
    """(name, version, sha256 digests) of a hashed requirement file."""
    found: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", line)
        if match:
            found.append((match[1].lower(), match[2], []))
        for value in re.findall(r"--hash=sha256:([0-9a-f]{64})", line):
            found[-1][2].append(value)
    return found


def publish(version: str, sha: str, text: str, files: list[Path]) -> str:
    """Draft, upload everything, publish, then move the major tag; the release's address.

    A draft that cannot be finished stays a draft: nobody can have pinned what was never published.
    """
    check(version)
    green(sha)
    made = api(
        "POST",
        "releases",
        {"tag_name": version, "target_commitish": sha, "name": version, "body": text, "draft": True},
    )
    upload = made["upload_url"].partition("{")[0]
    for file in files:
        api("POST", f"{upload}?{urlencode({'name': file.name})}", file.read_bytes())
    done = api("PATCH", f"releases/{made['id']}", {"draft": False, "make_latest": "true"})
    tagged = api("GET", f"git/ref/tags/{version}")["object"]["sha"]
    if tagged != sha:
        raise Refused(f"{version} was tagged at {tagged}, not at {sha}; the major tag was not moved")
    major = version.partition(".")[0]
    if api("GET", f"git/ref/tags/{major}", missing=True) is None:
        api("POST", "git/refs", {"ref": f"refs/tags/{major}", "sha": sha})
    else:
        api("PATCH", f"git/refs/tags/{major}", {"sha": sha, "force": True})
    return str(done["html_url"])


def api(method: str, path: str, body: Any = None, *, missing: bool = False) -> Any:
    """One call of GitHub's API on this repository; ``missing`` makes of 404 None."""
    base = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    url = path if path.startswith("http") else f"{base}/repos/{os.environ['GITHUB_REPOSITORY']}/{path}"
    headers = {"Accept": "application/vnd.github+json", "User-Agent": "signalbox-release"}
    headers["Authorization"] = f"Bearer {os.environ['GITHUB_TOKEN']}"
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if data is not None:
        headers["Content-Type"] = (
            "application/octet-stream" if isinstance(body, bytes) else "application/json"
        )
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            if missing and error.code == 404:
                return None
            raise Refused(f"{method} {url.partition('?')[0]}: {error.code}") from None
    except (OSError, ValueError) as error:
        raise Refused(f"{method} {url.partition('?')[0]}: {type(error).__name__}") from None


def main(argv: list[str]) -> int:
    """Do one thing; exit 1 when it is refused."""
    try:
        match argv:
            case ["check", version]:
                check(version)
            case ["green", sha]:
                green(sha)
            case ["sbom", file, sha]:
                Path(file).write_text(json.dumps(sbom(sha), indent=1) + "\n", "utf-8")
            case ["provenance", file, sha]:
                Path(file).write_text(json.dumps(provenance(sha), indent=1) + "\n", "utf-8")
            case ["notes", version, file]:
                Path(file).write_text(notes(version), "utf-8")
            case ["publish", version, sha, text, *files] if files:
                print(publish(version, sha, Path(text).read_text("utf-8"), [Path(file) for file in files]))
            case ["sums", *files] if files:
                for file in files:
                    print(f"{hashlib.sha256(Path(file).read_bytes()).hexdigest()}  {Path(file).name}")
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
