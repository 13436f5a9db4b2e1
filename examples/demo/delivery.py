"""One commit on the whole path: selection, plan, tests, score, approval, rollout, record, replay."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
from charts import Audit
from journal import Journal, Step
from processes import Words
from seen import Seen
from shop import NAME, Ports, Release, Shop

from signalbox import config
from signalbox.config.rollout import Rollout
from signalbox.decision import Decision

RUNNERS = 2
ENVIRONMENT = "production"
APPROVER = "you, who started it"
APPROVAL_HOURS = 1
WARM_UP_SECONDS = 2.0
AFTERMATH_SECONDS = 3.0
PERMITS, DENIES, ASKS = 0, 1, 3
PYTHON = (sys.executable, "-I")
IDENTITY = {"GITHUB_REPOSITORY": "example/storefront"}


@dataclass(frozen=True)
class Shard:
    """One job of the test matrix, as it ran here: its name, how many tests, how long."""

    name: str
    tests: int
    seconds: float


class Delivery:
    """Takes the commit that a patch makes from diff to recorded outcome.

    `story` is what a reader of the report should know beforehand; `reached` the canary's percent of the
    traffic at the end.
    """

    def __init__(
        self, shop: Shop, name: str, patch: Path, story: str, *, slices: str, slice_seconds: float
    ) -> None:
        self.shop, self.name, self.patch, self.story = shop, name, patch, story
        self.slices, self.slice_seconds = slices, slice_seconds
        self.folder = shop.out / name
        self.journal = Journal(shop.console, shop.children, shop.root)
        self.decisions: dict[str, Decision] = {}
        self.base = self.commit = self.subject = self.digest = self.diff = ""
        self.approval: dict[str, Any] = {}
        self.reached = 0.0
        self.audit = Audit(())
        self.seen = Seen(0.0, (), {"canary": (), "baseline": ()})
        self.replayed: Step | None = None
        self.shards: list[Shard] = []

    @property
    def verdict(self) -> str:
        """What became of the rollout, or an empty text before it."""
        return self.decisions["rollout"].verdict if "rollout" in self.decisions else ""

    @property
    def tests_run(self) -> int:
        """How many tests ran for this commit."""
        return sum(shard.tests for shard in self.shards)

    @property
    def tests_known(self) -> int:
        """How many tests the shop has, as far as the index knows."""
        return int(self.decisions["test-plan"].outputs["test_plan"]["known_tests"])

    @property
    def rules(self) -> Rollout:
        """The shop's policy for rollouts."""
        return config.load(self.shop.folder).settings.rollout

    @property
    def approval_file(self) -> Path:
        """The standing approval of this rollout."""
        return self.folder / "standing-approval.json"

    @property
    def expected(self) -> Path:
        """The names of the shards that must have reported."""
        return self.folder / "expected.json"

    @property
    def evidence(self) -> Path:
        """Where the reports of this commit's tests are."""
        return self.folder / "evidence"

    def run(self) -> None:
        """Walk the whole path."""
        for folder in (self.evidence, self.folder / "bundles"):
            folder.mkdir(parents=True)
        self._commit()
        self._select()
        self._plan()
        self._test()
        artifact = self._score()
        self._approve()
        self._deploy(artifact)
        self._record()
        if self.reached == 100:
            self.shop.learn()

    def tell(self) -> None:
        """Say in a line how it ended."""
        say = self.shop.console.good if self.verdict == "proceed" else self.shop.console.bad
        say(f"{self.commit[:12]} “{self.subject}”: {self.verdict}, {self.reached:g}% of the traffic.")
        say(f"    {self.decisions['rollout'].reasons[0].text}")

    def _commit(self) -> None:
        repository = self.shop.repository
        self.base = repository.head()
        self.commit = repository.commit_patch(self.patch)
        self.subject = repository.git("log", "-1", "--format=%s")
        self.diff = repository.git("show", "--format=medium", "--stat", "--patch", self.commit)
        author = repository.git("log", "-1", "--format=%an")
        self.shop.console.chapter(f"“{self.subject}”, {self.commit[:12]} by {author}")

    def _select(self) -> None:
        change: Words = ["--base", self.base, "--head", self.commit, "--index", self.shop.index]
        self._decide("test-plan", "select_tests.py", [*change, "--tests-out", self.folder / "tests.txt"])

    def _plan(self) -> None:
        plan: Words = ["--plan", self.folder / "test-plan.json", "--history", self.shop.index]
        limits: Words = ["--max-runners", str(RUNNERS), "--shards-out", self.folder / "shards"]
        self._decide("concurrency", "plan_concurrency.py", [*plan, *limits])

    def _test(self) -> None:
        """Run the planned shards one after the other, each as a runner would."""
        matrix = self.decisions["concurrency"].outputs["matrix"]["include"]
        names = [f"tests-{entry['shard']}-of-{entry['shards']}" for entry in matrix]
        self.expected.write_text(json.dumps(names) + "\n", encoding="utf-8")
        for name, entry in zip(names, matrix, strict=True):
            report = self.evidence / f"{name}.xml"
            shard = self.folder / "shards" / str(entry["file"])
            pytest = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", f"@{shard}"]
            step = self.journal.run(pytest, cwd=self.shop.folder)
            self.shards.append(Shard(name, _tests_in(report), step.seconds))

    def _score(self) -> Path:
        console = self.shop.console
        artifact, self.digest = self.shop.repository.build(self.commit, self.shop.out / "artifacts")
        console.say(f"Built {console.path(str(artifact))}, {self.digest[:19]}…")
        reports: Words = ["--evidence", self.evidence, "--expected", self.expected]
        subject = ["--digest", self.digest, "--sha", self.commit]
        risk = str(self.decisions["test-plan"].outputs.get("risk_tier", ""))
        subject += ["--risk", risk] if risk else []
        known: Words = ["--baseline", self.shop.baseline, "--ledger", self.shop.ledger]
        arguments: Words = [*reports, *known, *subject]
        self._decide("promotion", "score_artifact.py", arguments, exits=(PERMITS, ASKS))
        return artifact

    def _approve(self) -> None:
        """Give the approvals that a person gives: to deploy, and beforehand to roll back."""
        console = self.shop.console
        now = datetime.now(UTC)
        self.approval = {
            "schema_version": 1,
            "deployment": NAME,
            "digest": self.digest,
            "environment": ENVIRONMENT,
            "approved_by": APPROVER,
            "role": "platform engineer",
            "approved_at": _rfc3339(now),
            "expires_at": _rfc3339(now + timedelta(hours=APPROVAL_HOURS)),
        }
        self.approval_file.write_text(json.dumps(self.approval, indent=2) + "\n", encoding="utf-8")
        console.say(
            "A person must decide: too few outcomes are known yet for anything to be promoted by itself."
        )
        console.good(
            f"Approved, in this demo by {APPROVER}: deploying this digest, and rolling it back\n"
            "if its signals say so. The standing approval, for this digest and for an hour:\n"
            f"{console.path(str(self.approval_file))}"
        )

    def _deploy(self, artifact: Path) -> None:
        console, shop = self.shop.console, self.shop
        baseline = shop.serving
        assert baseline is not None
        canary = shop.start(self.commit, self.digest, artifact)
        ports = shop.split(baseline, canary, self.folder)
        shop.send_shoppers(ports, self.folder / "seen.jsonl")
        console.say(
            f"Canary {canary.url}, baseline {baseline.url}, before both the proxy {ports.traffic},\n"
            f"to which {shop.rate:g} requests a second come, at first all for the baseline."
        )
        # So that both arms have been seen to serve before the first is judged.
        time.sleep(WARM_UP_SECONDS)
        try:
            self._monitor(baseline, canary, ports)
            # A look at what follows the last move; without it the charts would end at the decision.
            time.sleep(AFTERMATH_SECONDS)
        finally:
            shop.children.stop("shoppers")
        self.seen = Seen.read(self.folder / "seen.jsonl")
        self.reached = self._share(ports)
        self.audit = Audit.read(self.folder / "audit.jsonl")
        loser = baseline if self.reached == 100 else canary
        shop.serving = canary if self.reached == 100 else baseline
        shop.children.stop("proxy", loser.process)

    def _monitor(self, baseline: Release, canary: Release, ports: Ports) -> None:
        arguments: list[str | Path] = ["--deployment", NAME, "--digest", self.digest]
        arguments += ["--environment", ENVIRONMENT, "--standing-approval", self.approval_file]
        arguments += ["--metrics-url", f"canary={canary.url}/metrics"]
        arguments += ["--metrics-url", f"baseline={baseline.url}/metrics"]
        arguments += ["--traffic", f"proxy:{ports.control}", "--state", self.shop.out / "rollout-state.json"]
        arguments += ["--audit", self.folder / "audit.jsonl", "--slices", self.slices]
        arguments += ["--slice-seconds", f"{self.slice_seconds:g}", "--look-seconds", "1"]
        ends = (PERMITS, DENIES, ASKS)
        self._decide("rollout", "monitor_rollout.py", arguments, exits=ends)

    def _share(self, ports: Ports) -> float:
        with urllib.request.urlopen(f"{ports.control}/_weights", timeout=5) as answer:
            weights = json.load(answer)
        return 100.0 * float(weights["canary"]) / (float(weights["canary"]) + float(weights["baseline"]))

    def _record(self) -> None:
        """Put every decision and the outcome into the ledger, and make one decision again."""
        outcome_file = self.folder / "outcome.json"
        outcome_file.write_text(json.dumps(self._outcome(), indent=2) + "\n", encoding="utf-8")
        bundles = self.folder / "bundles"
        ledger: Words = ["--decisions", bundles, "--outcome", outcome_file, "--ledger", self.shop.ledger]
        self.journal.run(self._script("record_telemetry.py", ledger))
        bundle = bundles / f"rollout-{self.decisions['rollout'].id}.json"
        self.replayed = self.journal.run([*PYTHON, self.shop.root / "scripts" / "replay.py", bundle])

    def _outcome(self) -> dict[str, Any]:
        """What came of the promotion, as far as it is known now."""
        promotion = self.decisions["promotion"]
        rolled_back = self.verdict == "rollback"
        return {
            "decision": promotion.id,
            "subject": {"commit": self.commit, "digest": self.digest},
            "label": "bad" if rolled_back else "clean",
            # Some seconds without trouble are weak evidence, and the source says so.
            "source": "rollback" if rolled_back else "time-window",
            "observed_at": _rfc3339(datetime.now(UTC)),
            "text": self.decisions["rollout"].reasons[0].text,
        }

    def _decide(
        self,
        kind: str,
        script: str,
        arguments: Words,
        *,
        exits: Sequence[int] = (PERMITS,),
    ) -> None:
        """Run a deciding script and read the decision that it wrote."""
        out = self.folder / f"{kind}.json"
        files: Words = ["--out", out, "--bundles", self.folder / "bundles"]
        self.journal.run(self._script(script, [*arguments, *files]), exits=exits, brief=True, env=IDENTITY)
        self.decisions[kind] = msgspec.json.decode(out.read_bytes(), type=Decision)

    def _script(self, name: str, arguments: Words) -> list[str | Path]:
        return [*PYTHON, self.shop.root / "scripts" / name, "--repo", self.shop.folder, *arguments]


def _tests_in(report: Path) -> int:
    """How many tests a JUnit report of pytest's holds."""
    return sum(int(suite.get("tests", "0")) for suite in ElementTree.parse(report).iter("testsuite"))


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
