"""Package URLs, as far as matching needs them."""

from __future__ import annotations

import re
from urllib.parse import unquote

# A purl's type for each ecosystem that OSV names, in lower case and without ".io".
ECOSYSTEMS = {
    "npm": "npm",
    "pypi": "pypi",
    "crates": "cargo",
    "go": "golang",
    "maven": "maven",
    "rubygems": "gem",
    "nuget": "nuget",
    "packagist": "composer",
    "hex": "hex",
    "pub": "pub",
    "github actions": "githubactions",
    "vscode": "vscode",
}


def parse(purl: str) -> tuple[str, str, str] | None:
    """Type, name (with its namespace before a slash) and version of a purl; None for what is no purl."""
    if not purl.startswith("pkg:"):
        return None
    head = purl[4:].partition("#")[0].partition("?")[0].lstrip("/")
    kind, _, rest = head.partition("/")
    at = rest.rfind("@")
    name, version = (rest[:at], rest[at + 1 :]) if at > rest.rfind("/") else (rest, "")
    if not kind or not name:
        return None
    return kind.lower(), normal(kind, unquote(name)), unquote(version)


def normal(kind: str, name: str) -> str:
    """The name as its ecosystem compares it."""
    kind, name = kind.lower(), name.strip("/")
    if kind == "pypi":
        return re.sub(r"[-_.]+", "-", name).lower()
    if kind == "maven":
        return name.replace(":", "/")
    return name.lower() if kind in ("npm", "github", "githubactions", "composer", "nuget", "oci") else name
