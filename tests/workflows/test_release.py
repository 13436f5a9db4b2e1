"""release.yml from end to end: checked, built, attested, published; and nothing of it from a red commit."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from doubles.releases import ReleasesDouble

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    ".github/release/release.py", ".github/workflows/release.yml", "pyproject.toml", "LICENSE", "README.md",
    "evals/package-lock.json", "tests/package-lock.json",
)  # fmt: skip


@pytest.fixture
def made(repository):
    """A repository that is as much of this one as a release takes."""
    paths = [ROOT / name for name in NAMES]
    paths += [ROOT / "plugin" / name for name in ("pyproject.toml", "README.md", "LICENSE")]
    paths += sorted((ROOT / "plugin" / "src").rglob("*.py"))
    paths += sorted((ROOT / "requirements").glob("*.txt"))
    files = {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    return repository(files | {"CHANGELOG.md": "# Changelog\n\n## 0.1.0\n\n- the first\n"})


def start(runner, made, github):
    runner.environment["GITHUB_API_URL"] = github.url
    permissions = {"contents": "write", "checks": "read"}
    return runner.start(made, "release.yml", {"version": "v0.1.0"}, permissions=permissions)


def test_a_green_commit_becomes_a_release_that_can_be_checked(runner, made):
    with ReleasesDouble(made.git("rev-parse", "HEAD")) as github:
        github.passed()
        run = start(runner, made, github)
    assert run.code == 0, run.explain()
    [release] = github.releases
    assert release["draft"] is False
    assert release["body"] == "- the first\n"
    assert github.tags == dict.fromkeys(("v0.1.0", "v0"), github.head)
    files = release["files"]
    assert sorted(files) == [
        "SHA256SUMS",
        "pytest_signalbox-0.1.0-py3-none-any.whl",
        "pytest_signalbox-0.1.0.tar.gz",
        "signalbox-v0.1.0.cdx.json",
        "signalbox-v0.1.0.tar.gz",
    ]
    with tarfile.open(fileobj=io.BytesIO(files["signalbox-v0.1.0.tar.gz"])) as archive:
        assert "signalbox-v0.1.0/pyproject.toml" in archive.getnames()
    with zipfile.ZipFile(io.BytesIO(files["pytest_signalbox-0.1.0-py3-none-any.whl"])) as wheel:
        assert "pytest_signalbox/__init__.py" in wheel.namelist()
    assert json.loads(files["signalbox-v0.1.0.cdx.json"])["bomFormat"] == "CycloneDX"
    attested = [call["inputs"]["predicate-type"] for call in run.calls if call["kind"] == "attest"]
    assert attested == ["https://slsa.dev/provenance/v1", "https://cyclonedx.org/bom"]


def test_nothing_is_built_from_a_red_commit(runner, made):
    with ReleasesDouble(made.git("rev-parse", "HEAD")) as github:
        github.passed("failure")
        run = start(runner, made, github)
    assert run.result("check") == "failure"
    assert {run.result(job) for job in ("build", "attest", "publish")} == {"skipped"}
    assert (github.releases, github.tags) == ([], {})
