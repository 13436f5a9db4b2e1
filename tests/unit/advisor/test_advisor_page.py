"""The page says what the code does."""

import re
from pathlib import Path

import msgspec

from signalbox.config import parse
from signalbox.config.advisor import AdvisorSettings

PAGE = (Path(__file__).parents[3] / "docs" / "advisor.md").read_text("utf-8")


def test_the_page_names_every_setting_with_its_default():
    table = {}
    for names, defaults in re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", PAGE, re.M):
        keys, values = re.findall(r"`([^`]+)`", names), [v.strip(" `") for v in defaults.split(",")]
        table |= dict(zip(keys, values * len(keys) if len(values) == 1 else values, strict=False))
    fields = msgspec.structs.fields(AdvisorSettings)
    expected = {f.encode_name: "empty" if f.default == "" else f.default for f in fields}
    assert set(table) == set(expected)
    for key, value in expected.items():
        assert table[key] == str(value) or float(table[key]) == float(value)


def test_the_example_is_a_policy():
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    assert parse(example.encode(), "docs/advisor.md").advisor.model == "qwen2.5:14b"
