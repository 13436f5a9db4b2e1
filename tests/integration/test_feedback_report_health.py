"""`report_health.py` over real ledgers."""

import html.parser
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.records import bundle, outcome
from signalbox.decision import Subject
from signalbox.ledger import open_ledger

SCRIPT = Path(__file__).parents[2] / "scripts" / "report_health.py"


def call(*arguments: object, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "SIGNALBOX_", "RUNNER_"))}
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT), *map(str, arguments)],
        cwd=cwd,
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Page(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href") and v and not v.startswith("#")]


@pytest.fixture(params=["folder", "git"])
def url(request, tmp_path) -> str:
    if request.param == "folder":
        return str(tmp_path / "ledger")
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "repo"], check=True)
    return f"git:{tmp_path / 'repo'}"


def test_a_page_markdown_and_text(url, tmp_path):
    ledger = open_ledger(url)
    subject = Subject(digest="sha256:1", commit="c", environment="production")
    ledger.record(
        bundle("promotion", id="p", subject=subject, verdict="auto-promote", outputs={"score": 0.9})
    )
    ledger.record(bundle("rollout", id="r", subject=subject, verdict="rollback"))
    hostile = "<script>alert(1)</script>](https://evil.example)"
    ledger.record_outcome(outcome(id="o", decision="p", links=[hostile]))
    done = call(
        *("--ledger", url, "--out", "r.html", "--markdown", "r.md", "--now", "2026-03-10T00:00:00Z"),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Automatic promotions turned out bad: too few to say (1 observed")
    text = (tmp_path / "r.html").read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert page.addresses == []
    assert "svg" in page.tags
    assert len(text) < 900_000
    assert "](https://evil.example)" not in (tmp_path / "r.md").read_text()


def test_an_empty_period_says_so(url, tmp_path):
    open_ledger(url).record(bundle())
    done = call("--ledger", url, "--now", "2020-01-01T00:00:00Z", "--out", "r.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Nothing was decided in this period")


def test_a_repository_without_records_is_reported_as_such(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path / "repo"], check=True)
    done = call("--ledger", "git:", "--repo", "repo", "--out", "r.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Nothing was decided in this period")
    assert (tmp_path / "r.html").is_file()


def test_outputs_and_summary_under_actions(url, tmp_path):
    open_ledger(url).record(bundle())
    output, summary = tmp_path / "output", tmp_path / "summary"
    done = call(
        *("--ledger", url, "--now", "2026-03-10T00:00:00Z"),
        cwd=tmp_path,
        GITHUB_ACTIONS="true",
        GITHUB_OUTPUT=str(output),
        GITHUB_STEP_SUMMARY=str(summary),
    )
    assert done.returncode == 0, done.stderr
    assert "recommendation" in output.read_text()
    assert "### Delivery (DORA)" in summary.read_text()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--ledger", "absent"), "no ledger here yet"),
        ((), "no ledger is named"),
        (("--ledger", ".", "--days", "0"), "--days"),
        (("--ledger", ".", "--days", "many"), "--days"),
        (("--ledger", ".", "--now", "yesterday"), "--now"),
    ],
)
def test_wrong_calls_end_with_2_and_a_sentence(arguments, word, tmp_path):
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert word in done.stderr
    assert "fault" not in done.stderr


def test_damage_is_said_first(tmp_path):
    ledger = open_ledger(str(tmp_path / "ledger"))
    name = ledger.record(bundle())
    ledger.record(bundle())
    (tmp_path / "ledger" / name).write_text(json.dumps({"decision": {}}))
    done = call("--ledger", "ledger", "--now", "2026-03-10T00:00:00Z", cwd=tmp_path)
    assert done.stdout.startswith("1 record cannot be counted")
    assert name[:60] in done.stdout
    assert "corrupt" in done.stdout
