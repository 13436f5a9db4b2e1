"""The runner's lock: one for Linux and macOS on x64 and arm64, with no more than is needed and no address."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

EVALS = Path(__file__).resolve().parents[3] / "evals"
LOCK = json.loads((EVALS / "package-lock.json").read_bytes())
WANTED = json.loads((EVALS / "package.json").read_bytes())


@pytest.fixture(scope="module")
def relock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("evals_relock", EVALS / "relock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lock_is_what_relock_writes(relock: ModuleType) -> None:
    assert relock.faults(LOCK, WANTED) == []


@pytest.mark.parametrize("os", ["linux", "darwin"])
@pytest.mark.parametrize("cpu", ["x64", "arm64"])
def test_each_platform_has_its_build_of_the_native_library(os: str, cpu: str) -> None:
    fitting = [one for one in LOCK["packages"].values() if one.get("os") == [os] and one.get("cpu") == [cpu]]
    assert fitting
    assert all(one["optional"] and one["integrity"].startswith("sha512-") for one in fitting)


def test_no_package_is_optional_but_these_and_no_address_is_written() -> None:
    optional = [place for place, one in LOCK["packages"].items() if one.get("optional")]
    assert {place.split("/")[1] for place in optional} == {"@libsql"}
    assert all("resolved" not in one for one in LOCK["packages"].values())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lock: lock["packages"].pop("node_modules/@libsql/darwin-arm64"), "5 builds"),
        (lambda lock: lock["packages"][""]["dependencies"].update(promptfoo="1.0.0"), "other versions"),
        (lambda lock: lock["packages"]["node_modules/promptfoo"].pop("integrity"), "no integrity"),
        (lambda lock: lock["packages"]["node_modules/promptfoo"].update(resolved="x"), "more than is needed"),
        (lambda lock: lock["packages"].update(x={"optional": True, "integrity": "i"}), "more than is needed"),
    ],
)
def test_a_lock_that_is_not_it_is_named(relock: ModuleType, change: object, says: str) -> None:
    lock = copy.deepcopy(LOCK)
    change(lock)  # type: ignore[operator]
    assert any(says in fault for fault in relock.faults(lock, WANTED))
