"""Every example of the published contract, asked of the deployed shop."""

import json
from pathlib import Path

import pytest

CONTRACT = json.loads((Path(__file__).resolve().parents[1] / "contract/storefront.json").read_text())
KINDS = {"string": str, "integer": int, "array": list, "object": dict}
EXAMPLES = [
    (path, method, int(code), response)
    for path, methods in CONTRACT["paths"].items()
    for method, operation in methods.items()
    for code, response in operation["responses"].items()
]


def schema_of(response):
    ref = response["content"]["application/json"]["schema"]["$ref"]
    return CONTRACT["components"]["schemas"][ref.rpartition("/")[2]]


@pytest.mark.parametrize(
    ("path", "method", "code", "response"), EXAMPLES, ids=[f"{m} {p} {c}" for p, m, c, _ in EXAMPLES]
)
def test_an_answer_is_what_the_contract_says(api, path, method, code, response):
    example = response["x-example"]
    body = json.dumps(example["body"]) if "body" in example else None
    headers = {"Content-Type": "application/json"}
    answer = api.fetch(example.get("path", path), method=method.upper(), data=body, headers=headers)
    assert answer.status == code
    given = answer.json()
    for name, schema in schema_of(response)["properties"].items():
        kind = KINDS.get(schema.get("type", "object"), dict)
        assert isinstance(given[name], kind), name
