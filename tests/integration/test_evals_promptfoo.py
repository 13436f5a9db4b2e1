"""run_evals.py with the real promptfoo, and stand-ins for target and judge on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from doubles import evals_rig as rig
from doubles.model import ModelDouble
from signalbox.evals.runner import find_runner

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
POLICY = "evals: {request-seconds: 3, session-seconds: 120, margin: 0.2, concurrency: 20}\n"
# Without re-judging, for what is about the target alone: each start of promptfoo takes its time.
QUICK = ".github/quick.yml"


@dataclass(frozen=True)
class Ran:
    """One run: its exit code, what it printed, its decision if there is one, and the calls it made."""

    code: int
    said: str
    decision: dict[str, Any]
    target_calls: int
    judge_calls: int

    @property
    def verdict(self) -> str:
        return str(self.decision["verdict"])

    @property
    def codes(self) -> set[str]:
        """Codes of the reasons that hold the verdict."""
        return {r["code"] for r in self.decision["reasons"] if r.get("effect") == self.verdict}


class Rig:
    """A suite in a folder, and a way to run it against any target and judge."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.paths = folder, rig.lay_out(folder)
        (folder / ".github").mkdir(exist_ok=True)
        (folder / ".github" / "signalbox.yml").write_text(POLICY, "utf-8")
        (folder / QUICK).write_text(POLICY.replace("margin", "judge: {rejudge: 0}, margin"), "utf-8")

    def run(
        self,
        *options: str,
        target: dict[str, Any] | None = rig.GOOD_TARGET,
        judge: dict[str, Any] | None = rig.GOOD_JUDGE,
        **environ: str,
    ) -> Ran:
        """Run it; a target or judge that is None is down."""
        out = self.folder / "decision.json"
        out.unlink(missing_ok=True)
        with ModelDouble(target or {}) as answering, ModelDouble(judge or {}) as judging:
            for model, wanted in ((answering, target), (judging, judge)):
                if wanted is None:
                    model.stop()
            urls = {"EVALS_TARGET_URL": answering.url, "EVALS_JUDGE_URL": judging.url}
            done = self._call("--promptfoo", str(self.paths["config"]), *options, **urls, **environ)
            calls = len(answering.asked), len(judging.asked)
        decision = json.loads(out.read_bytes()) if out.is_file() else {}
        return Ran(done.returncode, done.stdout + done.stderr, decision, *calls)

    def read(self, *options: str, **environ: str) -> Ran:
        """Judge results that are there; nothing is run."""
        done = self._call(*options, **environ)
        decision = json.loads((self.folder / "decision.json").read_bytes())
        return Ran(done.returncode, done.stdout + done.stderr, decision, 0, 0)

    def _call(self, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
        out = str(self.folder / "decision.json")
        command = [sys.executable, str(ROOT / "scripts" / "run_evals.py"), "--repo", str(self.folder)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "PROMPTFOO_"))}
        return subprocess.run(
            [*command, "--out", out, *options],
            env={**kept, **environ},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=200,
        )

    def judged(self, *options: str, **models: Any) -> Ran:
        """Against the recorded baseline, with anchors."""
        given = ["--baseline", str(self.paths["baseline"]), "--anchors", str(self.paths["anchors"])]
        return self.run(*given, *options, **models)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """A suite with a baseline of a target that does everything right."""
    find_runner(ROOT / "evals")
    made = Rig(tmp_path_factory.mktemp("evals"))
    ran = made.run("--write-baseline", str(made.paths["baseline"]), "--rounds", "12")
    assert ran.code == 0, ran.said
    assert ran.target_calls == 12 * 8
    return made


@dataclass(frozen=True)
class Equal:
    """The run of a candidate that equals the baseline, shared by all that it shows."""

    ran: Ran
    given: tuple[str, ...]
    folder: Path


@pytest.fixture(scope="module")
def equal(suite: Rig, tmp_path_factory: pytest.TempPathFactory) -> Equal:
    """With a ledger, a digest that is told, and a .env in the checkout that would break everything."""
    folder = tmp_path_factory.mktemp("equal")
    given = ("--digest", rig.DIGEST, "--ledger", str(folder / "ledger"), "--bundles", str(folder))
    env = suite.folder / ".env"
    env.write_text("EVALS_TARGET_URL=http://127.0.0.1:9/v1\nPROMPTFOO_FAILED_TEST_EXIT_CODE=0\n", "utf-8")
    try:
        with telling(rig.DIGEST) as url:
            ran = suite.judged(*given, "--digest-url", url, "--work", str(folder / "work"))
    finally:
        env.unlink()
    return Equal(ran, given, folder)


def test_an_equal_candidate_passes_and_says_what_it_cost(equal: Equal) -> None:
    ran = equal.ran
    assert (ran.code, ran.verdict) == (0, "PASS"), ran.said
    spent = ran.decision["outputs"]["spent"]
    assert (spent["target_calls"], spent["judge_calls"]) == (ran.target_calls, ran.judge_calls)
    # Anchors and stored outputs cost the judge, and never the target.
    assert ran.judge_calls == ran.target_calls + 20 + 20
    (bundle,) = equal.folder.glob("evals-*.json")
    replayed = subprocess.run([sys.executable, str(ROOT / "scripts" / "replay.py"), str(bundle)])
    assert replayed.returncode == 0


def test_the_digest_is_read_before_between_and_after(equal: Equal) -> None:
    seen = next(item for item in equal.ran.decision["evidence"] if item["kind"] == "evals-digest")
    assert seen["facts"]["digest"] == rig.DIGEST
    assert seen["facts"]["readings"] >= 3


def test_the_same_digest_is_not_asked_twice_unless_the_suite_changed(suite: Rig, equal: Equal) -> None:
    again = suite.judged(*equal.given)
    assert (again.verdict, again.target_calls, again.judge_calls) == ("PASS", 0, 0)
    assert "reused" in {reason["code"] for reason in again.decision["reasons"]}
    (suite.paths["config"].parent / "note.txt").write_text("the suite changed", "utf-8")
    # The judge is down now, which is noticed before the target is asked.
    changed = suite.judged(*equal.given, judge=None)
    assert (changed.verdict, changed.target_calls) == ("NOT_VERIFIED", 0)
    assert "judge-outage" in changed.codes


def test_results_that_were_left_give_the_same_verdict_unless_failures_exit_with_0(
    suite: Rig, equal: Equal
) -> None:
    given = ["--baseline", str(suite.paths["baseline"]), "--anchors", str(suite.paths["anchors"])]
    for path in sorted((equal.folder / "work").glob("*.json")):
        given += ["--results", str(path)]
    config = json.loads((equal.folder / "work" / "results-002.json").read_bytes())["config"]
    urls = {
        "EVALS_TARGET_URL": config["providers"][0]["config"]["apiBaseUrl"],
        "EVALS_JUDGE_URL": config["defaultTest"]["options"]["provider"]["config"]["apiBaseUrl"],
    }
    assert suite.read(*given, **urls).verdict == "PASS"
    # Drawn from endpoints that the caller does not name: some other server said all that.
    assert suite.read(*given).codes == {"other-setup", "weakened-case"}
    masked = suite.read(*given, **urls, PROMPTFOO_FAILED_TEST_EXIT_CODE="0")
    assert (masked.verdict, masked.codes) == ("NOT_VERIFIED", {"exit-code-masked"})


def test_a_wrong_candidate_fails_after_few_calls(suite: Rig) -> None:
    ran = suite.judged(target=rig.BAD_TARGET)
    assert (ran.code, ran.verdict, ran.codes) == (1, "FAIL", {"inferior"}), ran.said
    assert ran.target_calls < 12 * 8


def test_a_lenient_judge_is_found_before_the_target_is_asked(suite: Rig) -> None:
    ran = suite.judged(target=rig.BAD_TARGET, judge=rig.LENIENT_JUDGE)
    assert (ran.code, ran.verdict, ran.target_calls) == (3, "NOT_VERIFIED", 0)
    assert "judge-lenient" in ran.codes


# What the judge answers to the known-good output of each number, and what that is.
GARBLED = [
    ({"do": "say", "text": "I think it is fine."}, "judge-unparsable"),
    ({"do": "wrong-schema"}, "judge-unparsable"),
    ({"do": "say", "text": '{"reason": "terrible", "score": 0}'}, "judge-unparsable"),
    ({"do": "garbage"}, "judge-unparsable"),
    ({"do": "hang"}, "judge-timeout"),
    ({"do": "status", "code": 500}, "judge-outage"),
    ({"do": "status", "code": 401}, "judge-outage"),
]


def test_a_judge_that_answers_garbage_late_or_not_at_all_is_no_verdict(suite: Rig, tmp_path: Path) -> None:
    rules = [
        {"when": {"contains": f"{rig.RIGHT} ({number})"}, **answer}
        for number, (answer, _) in enumerate(GARBLED)
    ]
    ran = suite.judged("--work", str(tmp_path), judge={"rules": rules, **rig.GOOD_JUDGE})
    assert (ran.code, ran.verdict, ran.target_calls) == (3, "NOT_VERIFIED", 0)
    assert ran.codes >= {"judge-unparsable", "judge-timeout", "judge-outage"}, ran.said
    troubles = rows_of(tmp_path)
    assert [troubles[f"anchor-good-{n}"] for n in range(10)] == [*(code for _, code in GARBLED), "", "", ""]


# What the target answers to each case, and what that is.
BROKEN = [
    ({"do": "status", "code": 502}, "target-outage"),
    ({"do": "hang"}, "target-timeout"),
    ({"do": "say", "text": ""}, "masked-output"),
    ({"do": "garbage"}, "target-outage"),
]


def test_a_target_that_does_not_answer_is_not_a_regression(suite: Rig, tmp_path: Path) -> None:
    names = [f"case-{r}-{c}" for r in range(2) for c in range(4)]
    rules = [
        {"when": {"contains": f"please do {name}"}, **answer}
        for name, (answer, _) in zip(names, BROKEN, strict=False)
    ]
    given = ("--baseline", str(suite.paths["baseline"]), "--config", QUICK, "--work", str(tmp_path))
    ran = suite.run(*given, target={"rules": rules, **rig.GOOD_TARGET})
    assert (ran.code, ran.verdict) == (3, "NOT_VERIFIED")
    assert ran.codes >= {"target-outage", "target-timeout", "masked-output"}, ran.said
    troubles = rows_of(tmp_path)
    assert [troubles[name] for name in names] == [*(code for _, code in BROKEN), "", "", "", ""]


def test_a_target_that_refuses_the_token_in_a_rollout_and_one_that_is_down(suite: Rig) -> None:
    given = ("--baseline", str(suite.paths["baseline"]), "--config", QUICK, "--digest", rig.DIGEST)
    with telling(rig.DIGEST, rig.DIGEST, rig.OTHER_DIGEST) as url:
        refuses = {"default": {"do": "status", "code": 401}}
        ran = suite.run(*given, "--digest-url", url, target=refuses)
    assert (ran.code, ran.verdict) == (3, "NOT_VERIFIED")
    assert ran.codes >= {"target-outage", "rollout-mid-run"}, ran.said
    down = suite.run(*given, target=None)
    assert (down.code, down.verdict, "target-outage" in down.codes) == (3, "NOT_VERIFIED", True)


def rows_of(work: Path) -> dict[str, str]:
    """Case → the trouble of its rows, as the results left in a folder tell."""
    from signalbox.evals import read_results

    (path,) = work.glob("*.json")
    return {row.case: row.trouble for row in read_results(path.read_bytes(), source=path.name).rows}


@contextmanager
def telling(*digests: str) -> Iterator[str]:
    """A version endpoint that tells one digest after the other, the last for ever."""
    left = list(digests)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"image": left.pop(0) if len(left) > 1 else left[0]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/version"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.mark.parametrize(("told", "code"), [(rig.OTHER_DIGEST, "stale-image"), ("***", "digest-unknown")])
def test_another_image_is_not_asked_at_all(suite: Rig, told: str, code: str) -> None:
    with telling(told) as url:
        ran = suite.judged("--digest", rig.DIGEST, "--digest-url", url)
    assert (ran.verdict, ran.target_calls, ran.judge_calls) == ("NOT_VERIFIED", 0, 0)
    assert code in ran.codes


def changed(tmp_path: Path, suite: Rig, **values: Any) -> Rig:
    """A suite of its own with the shared baseline, its config changed."""
    made = Rig(tmp_path / "own")
    made.paths["baseline"] = suite.paths["baseline"]
    config = json.loads(made.paths["config"].read_text("utf-8"))
    made.paths["config"].write_text(json.dumps({**config, **values}), "utf-8")
    return made


def test_a_suite_that_became_easier_stops_after_one_batch(suite: Rig, tmp_path: Path) -> None:
    tests = json.loads(suite.paths["config"].read_text("utf-8"))["tests"][1:]
    tests[0]["assert"] = [{"type": "llm-rubric", "value": "answers something"}]
    own = changed(
        tmp_path, suite, tests=tests, description="easy", providers=[rig.provider("weak-agent", "TARGET")]
    )
    ran = own.run("--baseline", str(suite.paths["baseline"]), "--config", QUICK)
    assert ran.codes >= {"deleted-case", "weakened-case", "other-suite", "other-model"}, ran.said
    assert ran.target_calls <= 12 * 8 / 2


def test_a_config_that_makes_bad_answers_good_is_named(suite: Rig, tmp_path: Path) -> None:
    """Every answer is rewritten, every row patched, and under the same name another server is asked."""
    (tmp_path / "own" / "evals").mkdir(parents=True)
    patch = "module.exports = {kind: async (_, c) => { if (c.result) c.result.success = true; return c; }};"
    with ModelDouble(rig.GOOD_TARGET) as kinder:
        asked = {"apiBaseUrl": kinder.url, "apiKey": "none", "maxRetries": 0}
        options = {"provider": rig.provider("judge", "JUDGE"), "transform": f"'{rig.RIGHT}'"}
        own = changed(
            tmp_path,
            suite,
            providers=[{"id": "openai:chat:agent", "config": asked}],
            defaultTest={"options": options},
            extensions=["file://patch.js:kind"],
        )
        (own.paths["config"].parent / "patch.js").write_text(patch, "utf-8")
        ran = own.run("--baseline", str(suite.paths["baseline"]), "--config", QUICK, target=rig.BAD_TARGET)
    assert (ran.verdict, ran.target_calls) == ("NOT_VERIFIED", 0)
    assert ran.codes >= {"rewritten-results", "other-setup", "weakened-case"}, ran.said


def test_a_config_without_cases_and_one_that_is_refused(suite: Rig, tmp_path: Path) -> None:
    ran = changed(tmp_path, suite, tests=[]).run("--config", QUICK)
    assert ran.verdict == "NOT_VERIFIED"
    own = Rig(tmp_path / "refused")
    own.paths["config"].write_text("prompts: [a]\nproviders: ['openai:chat:x'\n", "utf-8")
    ran = own.run()
    assert (ran.code, ran.decision) == (2, {})
    assert "promptfoo refuses this config" in ran.said
    assert "deficient indentation" in ran.said or "YAML" in ran.said
