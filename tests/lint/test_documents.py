"""What a stranger reads is true: links lead somewhere, and examples are the tested files."""

import re
import subprocess

import pytest
from workflow_files import ROOT

# Written in parts, so that this file does not hold what it looks for.
HOSTS = [
    ".".join(parts)
    for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("crates", "io"))
]


def tracked():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


FILES = tracked()
PAGES = [path for path in FILES if path.suffix == ".md"]


def anchors(text):
    """The anchors GitHub gives the headings of a page."""
    found = re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", h).lower()).replace(" ", "-") for h in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page):
    text = re.sub(r"^(```|~~~).*?^\1", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z][a-z+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target}: there is no such file"
        assert there.is_relative_to(ROOT), f"{target} leads out of the repository"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there.read_text()), f"{target}: there is no such heading"


NAMED = re.compile(r"<!-- tested file: (\S+) -->\n```\w*\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_an_example_that_names_its_file_is_that_file(page):
    for name, block in re.findall(
        r"<!-- tested file: (\S+) -->\n```\w*\n(.*?)```", page.read_text(), re.DOTALL
    ):
        assert block == (ROOT / name).read_text(), name


def test_the_readmes_adoption_is_a_tested_file_of_at_most_ten_lines():
    found = re.findall(
        r"<!-- tested file: (\S+) -->\n```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    assert found
    assert all(len(block.splitlines()) <= 10 for _, block in found)


def test_no_package_registry_is_named():
    found = []
    for path in FILES:
        data = path.read_bytes()
        if b"\0" not in data[:8192]:
            found += [(str(path.relative_to(ROOT)), host) for host in HOSTS if host.encode() in data]
    assert found == []


def test_there_is_no_second_lock_file():
    assert [
        path for path in FILES if path.name in ("uv.lock", "poetry.lock", "Pipfile.lock", "NOTES.md")
    ] == []


def test_the_npm_lock_names_no_host():
    assert '"resolved"' not in (ROOT / "tests/package-lock.json").read_text()
