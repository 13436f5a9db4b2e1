"""GitHub's OpenAPI description, made small once and validated against on every exchange.

The description is 13 MB of JSON inside an npm package. The first use strips what no validation
needs and turns its OpenAPI 3.0 schemas into JSON Schema 2020-12; the result is cached beside
the package version, so that later starts read about 1 MB.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = Path("node_modules/@octokit/openapi")
FORMAT = 1  # bump when compact() changes, so that old caches are not read
NOISE = frozenset({"description", "example", "examples", "title", "externalDocs", "x-github", "deprecated"})
METHODS = ("get", "post", "put", "patch", "delete")


class DescriptionMissing(RuntimeError):
    """The npm package with GitHub's description is not installed."""


@dataclass(frozen=True)
class Operation:
    """One described endpoint: ``parameters`` by (place, name), schemas by status."""

    method: str
    template: str
    wide: list[str]  # path parameters that span slashes
    parameters: dict[str, dict[str, Any]]
    body: dict[str, Any] | None
    body_required: bool
    responses: dict[str, dict[str, Any] | None]


def package_folder() -> Path:
    """Return where the npm package lies, from ``SIGNALBOX_OPENAPI`` or ``tests/node_modules``."""
    chosen = os.environ.get("SIGNALBOX_OPENAPI")
    folder = Path(chosen) if chosen else ROOT / "tests" / PACKAGE
    if not (folder / "generated/api.github.com.json").is_file():
        raise DescriptionMissing(f"{folder} has no GitHub API description; run: npm ci --prefix tests")
    return folder


def json_schema(schema: Any) -> Any:
    """Turn an OpenAPI 3.0 schema into JSON Schema 2020-12; ``nullable`` becomes a type."""
    if isinstance(schema, list):
        return [json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:  # in OpenAPI 3.0 everything beside a reference is ignored
        return {"$ref": schema["$ref"].replace("#/components/schemas/", "#/$defs/")}
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: json_schema(part) for name, part in value.items()}
        elif key in ("enum", "default", "required"):
            result[key] = value
        elif key not in NOISE and key not in ("nullable", "readOnly"):
            result[key] = json_schema(value)
    result.pop("default", None)
    if not schema.get("nullable"):
        return result
    if isinstance(result.get("type"), str) and not any(k in result for k in ("oneOf", "anyOf", "allOf")):
        result["type"] = [result["type"], "null"]
        if "enum" in result and None not in result["enum"]:
            result["enum"] = [*result["enum"], None]
        return result
    return {"anyOf": [result, {"type": "null"}]}


def compact(raw: dict[str, Any]) -> dict[str, Any]:
    """Keep of the description only what requests and responses are checked against."""
    components = raw["components"]

    def follow(node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            _, _, group, name = node["$ref"].split("/")
            node = components[group][name]
        return node

    def schema_of(holder: dict[str, Any]) -> dict[str, Any] | None:
        content = holder.get("content") or {}
        for kind in ("application/json", "application/scim+json"):
            if kind in content:
                return dict(json_schema(content[kind].get("schema", {})))
        return None

    operations = []
    for template, item in raw["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            found = item[method]
            parameters = [follow(p) for p in [*item.get("parameters", []), *found.get("parameters", [])]]
            wide = [p["name"] for p in parameters if p["in"] == "path" and p.get("x-multi-segment")]
            body = follow(found["requestBody"]) if "requestBody" in found else None
            operations.append(
                {
                    "method": method.upper(),
                    "template": template,
                    "wide": wide,
                    "parameters": {
                        f"{p['in']}:{p['name']}": {
                            "required": p.get("required", False),
                            "schema": json_schema(p.get("schema", {})),
                        }
                        for p in parameters
                    },
                    "body": schema_of(body) if body else None,
                    "body_required": bool(body and body.get("required")),
                    "responses": {
                        status: schema_of(follow(answer)) for status, answer in found["responses"].items()
                    },
                }
            )
    definitions = {name: json_schema(schema) for name, schema in components["schemas"].items()}
    return {"operations": operations, "definitions": definitions}


@cache
def load_description() -> Description:
    """Return the description of the installed package, from the cache when it is there."""
    folder = package_folder()
    version = json.loads((folder / "package.json").read_text("utf-8"))["version"]
    key = hashlib.sha256(f"{folder}:{version}:{FORMAT}".encode()).hexdigest()[:12]
    cached = ROOT / ".cache" / f"github-openapi-{version}-{key}.json"
    if not cached.is_file():
        raw = json.loads((folder / "generated/api.github.com.json").read_bytes())
        cached.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=cached.parent, delete=False, encoding="utf-8") as file:
            json.dump(compact(raw), file, separators=(",", ":"))
        Path(file.name).replace(cached)
    return Description(json.loads(cached.read_bytes()))


class Description:
    """Looks operations up by method and path, and says what of an exchange breaks the description."""

    def __init__(self, data: dict[str, Any]) -> None:
        from jsonschema import FormatChecker

        self._definitions: dict[str, Any] = data["definitions"]
        self._exact: dict[tuple[str, int], list[tuple[re.Pattern[str], Operation]]] = {}
        for entry in data["operations"]:
            operation = Operation(**entry)
            # patterns with a wide parameter match at any depth, which the key -1 stands for
            depth = -1 if operation.wide else operation.template.count("/")
            found = (self._pattern(operation), operation)
            self._exact.setdefault((operation.method, depth), []).append(found)
        for group in self._exact.values():  # the longest template wins, then the most literal one
            group.sort(key=lambda pair: (-pair[1].template.count("/"), pair[1].template.count("{")))
        self._validators: dict[str, Any] = {}
        self._formats = FormatChecker(formats=())
        self._formats.checks("uri")(_is_uri)
        self._formats.checks("date-time")(_is_date_time)

    @staticmethod
    def _pattern(operation: Operation) -> re.Pattern[str]:
        wide = {f"{{{name}}}" for name in operation.wide}
        parts = re.split(r"(\{[^}]+\})", operation.template)
        return re.compile(
            "".join(
                (".+" if part in wide else "[^/]+") if part.startswith("{") else re.escape(part)
                for part in parts
            )
        )

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the described operation for a request, None when GitHub has no such endpoint."""
        for depth in (path.count("/"), -1):
            for pattern, operation in self._exact.get((method, depth), []):
                if pattern.fullmatch(path):
                    return operation
        return None

    def _errors(self, key: str, schema: dict[str, Any], value: Any) -> list[str]:
        from jsonschema import Draft202012Validator

        validator = self._validators.get(key)
        if validator is None:
            whole = {**schema, "$defs": self._definitions}
            validator = self._validators[key] = Draft202012Validator(whole, format_checker=self._formats)
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]

    def request_errors(self, operation: Operation, query: dict[str, str], body: Any) -> list[str]:
        """Say what of a request GitHub would refuse, or (a misspelt field) silently ignore."""
        where = f"{operation.method} {operation.template}"
        errors = []
        for name, value in query.items():
            parameter = operation.parameters.get(f"query:{name}")
            if parameter is None:
                errors.append(f"{where}: query parameter {name!r} is not described")
                continue
            key = f"{where} query {name}"
            errors += [
                f"{key}: {e}" for e in self._errors(key, parameter["schema"], _typed(value, parameter))
            ]
        for name, parameter in operation.parameters.items():
            if name.startswith("query:") and parameter["required"] and name[6:] not in query:
                errors.append(f"{where}: query parameter {name[6:]!r} is required")
        if body is None:
            if operation.body_required:
                errors.append(f"{where}: a request body is required")
        elif operation.body is None:
            errors.append(f"{where}: no request body is described")
        else:
            strict = {"allOf": [operation.body], "unevaluatedProperties": False}
            errors += [f"{where} request: {e}" for e in self._errors(f"{where} request", strict, body)]
        return errors

    def response_errors(self, operation: Operation, status: int, body: Any) -> list[str]:
        """Say where an answer differs from what GitHub promises for that status."""
        where = f"{operation.method} {operation.template} -> {status}"
        if str(status) in operation.responses:
            schema = operation.responses[str(status)]
            if schema is None:
                return [f"{where}: no JSON body is described"] if body not in (None, "") else []
            return [f"{where}: {e}" for e in self._errors(where, schema, body)]
        if status >= 400:  # errors common to every endpoint are not listed at each
            return [
                f"{where}: {e}" for e in self._errors("basic-error", {"$ref": "#/$defs/basic-error"}, body)
            ]
        return [f"{where}: this status is not described"]


def _typed(value: str, parameter: dict[str, Any]) -> Any:
    kind = parameter["schema"].get("type")
    if kind == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return unquote(value) if kind == "array" else value


def _is_uri(value: object) -> bool:
    # the empty string is the default that the description itself gives to links of type uri
    return not isinstance(value, str) or not value or bool(urlsplit(value).scheme)


def _is_date_time(value: object) -> bool:
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    return not isinstance(value, str) or re.fullmatch(pattern, value) is not None
