"""A release happens from a green commit of main or not at all; what it leaves, others can check."""

import importlib.util
import json
from pathlib import Path

import pytest

from doubles.releases import ReleasesDouble
from signalbox.evidence import read

ROOT = Path(__file__).resolve().parents[2]
SHA = "a" * 40


@pytest.fixture
def release(tmp_path, monkeypatch):
    """release.py, in a repository with a version that has notes."""
    spec = importlib.util.spec_from_file_location("release", ROOT / ".github/release/release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "plugin").mkdir()
    for name in ("pyproject.toml", "plugin/pyproject.toml"):
        (tmp_path / name).write_text('[project]\nname = "x"\nversion = "1.2.3"\n')
    text = "# Changelog\n\n## Unreleased\n\n- later\n\n## 1.2.3\n\n- a thing\n\n## 1.2.2\n\n- before\n"
    (tmp_path / "CHANGELOG.md").write_text(text)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


@pytest.fixture
def github(monkeypatch):
    with ReleasesDouble(SHA) as double:
        monkeypatch.setenv("GITHUB_API_URL", double.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
        monkeypatch.setenv("GITHUB_TOKEN", "t")
        yield double


def run(release, tmp_path, *files, version="v1.2.3", sha=SHA):
    notes = tmp_path / "notes.md"
    notes.write_text("notes")
    return release.main(["publish", version, sha, str(notes), *map(str, files)])


def test_a_green_commit_is_released_whole_and_the_major_tag_follows(release, github, tmp_path):
    github.passed()
    file = tmp_path / "x.tar.gz"
    file.write_bytes(b"archive")
    assert run(release, tmp_path, file) == 0
    [made] = github.releases
    assert (made["draft"], made["tag_name"], made["files"]) == (False, "v1.2.3", {"x.tar.gz": b"archive"})
    assert github.tags == {"v1.2.3": SHA, "v1": SHA}


def test_the_major_tag_moves_from_where_it_was(release, github, tmp_path):
    github.passed()
    github.tags["v1"] = "b" * 40
    assert run(release, tmp_path, ROOT / "LICENSE") == 0
    assert github.tags["v1"] == SHA


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "skipped", "neutral", "timed_out", "", None])
def test_a_commit_that_is_not_green_is_not_released(release, github, tmp_path, conclusion):
    github.passed(conclusion)
    assert run(release, tmp_path, ROOT / "LICENSE") == 1
    assert github.releases == []


def test_a_check_that_never_ran_or_that_another_app_forged_is_none(release, github, tmp_path):
    assert run(release, tmp_path, ROOT / "LICENSE") == 1
    github.passed(app="somebody")
    assert run(release, tmp_path, ROOT / "LICENSE") == 1
    github.passed()
    github.passed("failure")
    assert run(release, tmp_path, ROOT / "LICENSE") == 1
    assert github.releases == []


def test_a_commit_that_is_not_on_main_is_not_released(release, github, tmp_path):
    github.passed()
    assert run(release, tmp_path, ROOT / "LICENSE", sha="c" * 40) == 1
    assert github.releases == []


@pytest.mark.parametrize(
    "version", ["1.2.3", "v1.2", "v01.2.3", "v1.2.3-rc1", "v1.2.4", "v1.2.2", "v1.2.3\n", "--help"]
)
def test_another_version_than_the_packages_is_refused(release, github, tmp_path, version):
    github.passed()
    assert run(release, tmp_path, ROOT / "LICENSE", version=version) == 1
    assert github.releases == []


def test_a_version_is_released_once(release, github, tmp_path):
    github.passed()
    github.tags["v1.2.3"] = "b" * 40
    assert run(release, tmp_path, ROOT / "LICENSE") == 1
    assert github.tags == {"v1.2.3": "b" * 40}


@pytest.mark.parametrize("step", ["POST releases/1/assets", "PATCH releases/1", "GET git/ref/heads/main"])
def test_what_breaks_off_publishes_nothing_and_moves_nothing(release, github, tmp_path, step):
    github.passed()
    github.fail_on = step
    assert run(release, tmp_path, ROOT / "LICENSE") == 1
    assert github.tags == {}
    assert all(made["draft"] for made in github.releases)


def test_notes_are_the_versions_own(release, tmp_path):
    assert release.notes("v1.2.3") == "- a thing\n"
    with pytest.raises(release.Refused):
        release.notes("v9.9.9")


def test_our_bill_of_materials_holds_what_is_locked_and_our_own_reader_takes_it(
    release, tmp_path, monkeypatch
):
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    bill = release.sbom(SHA, ROOT)
    file = tmp_path / "signalbox.cdx.json"
    file.write_text(json.dumps(bill))
    evidence = read(file)
    assert (evidence.kind, evidence.status) == ("sbom", "pass")
    by_purl = {row["purl"]: row for row in bill["components"]}
    assert len(by_purl) == len(bill["components"])
    for line in (ROOT / "requirements/core.txt").read_text().splitlines():
        if "==" in line:
            name, version = line.split(" ")[0].split("==")
            assert by_purl[f"pkg:pypi/{name.lower()}@{version}"]["hashes"]
    # Only what is pinned without a digest of content may be without one: actions, whose purl holds a commit.
    bare = [row["purl"] for row in bill["components"] if not row.get("hashes")]
    assert [purl for purl in bare if not purl.startswith("pkg:github/")] == []
    assert any(purl.startswith("pkg:github/actions/checkout@") for purl in bare)
