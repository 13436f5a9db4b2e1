"""An incident escapes: the night's job lowers the agent whose work it was, and nobody else, and only once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.github.fixtures import github_double  # noqa: F401
from doubles.records import bundle, outcome
from signalbox.decision import Subject
from signalbox.ledger import FolderLedger

ROOT = Path(__file__).parents[2]
NAME = "acme/shop"
POLICY = """\
mode: enforce
environments:
  people: {sue: {emails: [sue@example.com]}, carl: {emails: [carl@example.com]}}
  roles: {developer: [], qualified-reviewer: [], qa-lead: [], security-engineer: [sue],
          compliance-officer: [carl], plan-reviewer: [], platform-engineer: []}
"""
LEVEL = "{level: 2, security: sue, compliance: carl}"
BLOCK = "  qa-agent:\n    level: 2\n    security: sue\n    compliance: carl"
TRUST = f"# who is trusted\nagents:\n  developer-agent: {LEVEL}\n{BLOCK}\n"
FILE = ".github/signalbox-trust.yml"


class Shop:
    """A repository with a trust file, a delivery that an agent wrote, and the double that has it all."""

    def __init__(self, double, folder):
        double.add_repository(NAME)
        self.double, self.work, self.ledger = double, folder / "work", folder / "ledger"
        subprocess.run(["git", "clone", "-q", str(double.state.git(NAME).folder), str(self.work)], check=True)
        (self.work / ".github").mkdir()
        (self.work / ".github" / "signalbox.yml").write_text(POLICY)
        (self.work / FILE).write_text(TRUST)
        self.commit("trust", at="2026-01-01T00:00:00Z")
        self.sha = self.commit(
            "work\n\nAI-Usage: generated\nAgent-IDs: developer-agent\n", at="2026-02-01T00:00:00Z"
        )
        subject = Subject(
            repository=NAME, commit=self.sha, digest="sha256:" + "b" * 64, environment="production"
        )
        FolderLedger(self.ledger).record(bundle("rollout", id="r-1", subject=subject))

    def git(self, *arguments, **more):
        kept = {"PATH": os.environ["PATH"], "HOME": str(self.work.parent), "GIT_CONFIG_NOSYSTEM": "1"}
        kept |= {f"GIT_{role}_{key}": f"sue{end}" for role in ("AUTHOR", "COMMITTER")
                 for key, end in (("NAME", ""), ("EMAIL", "@example.com"))}  # fmt: skip
        done = subprocess.run(
            ["git", *arguments], cwd=self.work, env=kept | more, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def commit(self, message, at):
        self.git("add", "-A")
        dates = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
        self.git("commit", "-q", "--allow-empty", "-m", message, **dates)
        self.git("push", "-q", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def bad(self, **fields):
        told = {"decision": "r-1", "source": "incident-link", "observed_at": "2026-02-02T00:00:00Z"}
        FolderLedger(self.ledger).record_outcome(
            outcome(**(told | {"recorded_at": "2026-02-02T00:00:01Z"} | fields))
        )

    def night(self, *more):
        """The command as the scheduled job gives it, on the default branch as it is now."""
        self.git("fetch", "-q", "origin", "main")
        self.git("reset", "-q", "--hard", "FETCH_HEAD")
        command = [sys.executable, str(ROOT / "scripts/check_gate.py"), "--lower-trust", "--publish"]
        command += ["--ledger", str(self.ledger), "--repo", str(self.work), "--format", "text", *more]
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.work.parent), **self.double.environ(NAME)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def trusted(self):
        self.git("fetch", "-q", "origin", "main")
        return self.git("show", "FETCH_HEAD:" + FILE)

    def levels(self):
        from signalbox import config
        from signalbox.gates import trust

        self.git("fetch", "-q", "origin", "main")
        head = self.git("rev-parse", "FETCH_HEAD")
        return trust.read(self.work, config.load(self.work).settings.environments, head)


@pytest.fixture
def shop(github_double, tmp_path):  # noqa: F811
    return Shop(github_double, tmp_path)


def test_the_agent_of_an_escaped_incident_is_at_level_nought_by_morning(shop):
    assert shop.levels() == {"developer-agent": 2, "qa-agent": 2}
    assert "nobody is lowered: 0 escapes" in shop.night()
    shop.bad()
    said = shop.night()
    assert said.startswith("developer-agent: level 0, because of")
    assert shop.sha[:12] in said
    # The job's own commit is a bot's; its line takes a level away, so it is no reason to refuse the file.
    assert shop.levels() == {"developer-agent": 0, "qa-agent": 2}
    assert "# who is trusted" in shop.trusted
    assert shop.trusted.endswith(BLOCK)
    assert "nobody is lowered: 1 escapes" in shop.night()


def test_people_who_raise_it_again_have_seen_what_escaped(shop):
    shop.bad()
    shop.night()
    assert shop.levels()["developer-agent"] == 0
    shop.git("reset", "-q", "--hard", "FETCH_HEAD")
    (shop.work / FILE).write_text(TRUST.replace("level: 2", "level: 1"))
    shop.commit("raise", at="2026-03-01T00:00:00Z")
    assert "nobody is lowered" in shop.night()
    assert shop.levels()["developer-agent"] == 1
    shop.bad(id="o-late", source="revert", observed_at="2026-03-02T00:00:00Z")
    shop.night()
    assert shop.levels()["developer-agent"] == 1, "an incident outranks what was learned of it later"


@pytest.mark.parametrize(
    "change",
    [{"source": "time-window"}, {"label": "clean"}, {"decision": "r-9", "subject": {"commit": "e" * 40}}],
)
def test_what_is_not_sure_or_of_something_else_lowers_nobody(shop, change):
    shop.bad(**change)
    assert "nobody is lowered" in shop.night()


def test_while_observing_nothing_is_written(shop):
    shop.bad()
    assert "only observed" in shop.night("--mode", "observe")
    assert shop.levels()["developer-agent"] == 2


def test_a_trust_file_that_changed_meanwhile_is_not_written_over(shop):
    shop.bad()
    stale = shop.git("rev-parse", "HEAD")
    (shop.work / FILE).write_text(TRUST.replace("level: 2", "level: 3"))
    shop.commit("raise", at="2026-01-15T00:00:00Z")
    command = [sys.executable, str(ROOT / "scripts/check_gate.py"), "--lower-trust", "--publish"]
    command += ["--ledger", str(shop.ledger), "--repo", str(shop.work), "--policy-ref", stale]
    environ = {"PATH": os.environ["PATH"], "HOME": str(shop.work.parent), **shop.double.environ(NAME)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    assert (done.returncode, "has changed since it was read" in done.stderr) == (2, True), done.stderr
    assert json.dumps(shop.levels()) == '{"developer-agent": 3, "qa-agent": 3}'
