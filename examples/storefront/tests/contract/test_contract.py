"""The service keeps to `contract/storefront.json`: every path, code and field that it promises."""

import json
from pathlib import Path

import pytest
from client import ask

ROOT = Path(__file__).parents[2]

CONTRACT = json.loads((ROOT / "contract" / "storefront.json").read_text(encoding="utf-8"))
TYPES = {"string": str, "integer": int, "array": list, "object": dict}


def check(value, schema, where="body"):
    schema = (
        CONTRACT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    )
    assert isinstance(value, TYPES[schema["type"]]), where
    assert not isinstance(value, bool), where
    if schema["type"] == "array":
        for number, item in enumerate(value):
            check(item, schema["items"], f"{where}[{number}]")
    if schema["type"] == "object":
        assert set(value) == set(schema["properties"]), where
        for name, part in schema["properties"].items():
            check(value[name], part, f"{where}.{name}")


PROMISES = [
    (path, method, code, promise)
    for path, methods in CONTRACT["paths"].items()
    for method, operation in methods.items()
    for code, promise in operation["responses"].items()
]


@pytest.mark.parametrize(
    ("path", "method", "code", "promise"), PROMISES, ids=[f"{m} {p} {c}" for p, m, c, _ in PROMISES]
)
def test_answers_as_promised(server, path, method, code, promise):
    example = promise["x-example"]
    got, headers, body = ask(server, method.upper(), example.get("path", path), example.get("body"))
    assert str(got) == code
    assert headers.get_content_type() == "application/json"
    check(body, promise["content"]["application/json"]["schema"])


def test_every_route_of_the_service_is_in_the_contract(server):
    assert server.shop.routes == set(CONTRACT["paths"])
