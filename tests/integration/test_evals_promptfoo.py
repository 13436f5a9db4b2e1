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
        (folder / ".github").mkdir()
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
            command = [sys.executable, str(ROOT / "scripts" / "run_evals.py"), "--repo", str(self.folder)]
            command += ["--promptfoo", str(self.paths["config"]), "--out", str(out), *options]
            done = subprocess.run(
                command,
                env={
                    **{k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "PROMPTFOO_"))},
                    "EVALS_TARGET_URL": answering.url,
                    "EVALS_JUDGE_URL": judging.url,
                    **environ,
                },
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=200,
            )
            calls = len(answering.asked), len(judging.asked)
        decision = json.loads(out.read_bytes()) if out.is_file() else {}
        return Ran(done.returncode, done.stdout + done.stderr, decision, *calls)

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


def test_an_equal_candidate_passes_and_the_same_digest_is_not_asked_twice(suite: Rig, tmp_path: Path) -> None:
    given = ("--digest", rig.DIGEST, "--ledger", str(tmp_path / "ledger"), "--bundles", str(tmp_path))
    first = suite.judged(*given)
    assert (first.code, first.verdict) == (0, "PASS"), first.said
    spent = first.decision["outputs"]["spent"]
    assert (spent["target_calls"], spent["judge_calls"]) == (first.target_calls, first.judge_calls)
    # Anchors and stored outputs cost the judge, and never the target.
    assert first.judge_calls == first.target_calls + 20 + 20
    (bundle,) = tmp_path.glob("evals-*.json")
    replayed = subprocess.run([sys.executable, str(ROOT / "scripts" / "replay.py"), str(bundle)])
    assert replayed.returncode == 0

    again = suite.judged(*given)
    assert (again.verdict, again.target_calls, again.judge_calls) == ("PASS", 0, 0)
    assert "reused" in {reason["code"] for reason in again.decision["reasons"]}

    (suite.paths["config"].parent / "note.txt").write_text("the suite changed", "utf-8")
    assert suite.judged(*given).target_calls > 0


def test_a_wrong_candidate_fails_after_few_calls(suite: Rig) -> None:
    ran = suite.judged(target=rig.BAD_TARGET)
    assert (ran.code, ran.verdict, ran.codes) == (1, "FAIL", {"inferior"}), ran.said
    assert ran.target_calls < 12 * 8


def test_a_lenient_judge_is_found_before_the_target_is_asked(suite: Rig) -> None:
    ran = suite.judged(target=rig.BAD_TARGET, judge=rig.LENIENT_JUDGE)
    assert (ran.code, ran.verdict, ran.target_calls) == (3, "NOT_VERIFIED", 0)
    assert "judge-lenient" in ran.codes


GARBLED = {
    "prose": {"do": "say", "text": "I think it is fine."},
    "JSON of another shape": {"do": "wrong-schema"},
    "a verdict without pass": {"do": "say", "text": '{"reason": "terrible", "score": 0}'},
    "bytes": {"do": "garbage"},
}


@pytest.mark.parametrize("name", GARBLED)
def test_a_judge_that_answers_garbage_is_no_verdict(suite: Rig, name: str) -> None:
    ran = suite.judged(judge={"default": GARBLED[name]})
    assert (ran.code, ran.verdict) == (3, "NOT_VERIFIED")
    assert "judge-unparsable" in ran.codes, ran.said


def test_a_judge_that_is_down(suite: Rig) -> None:
    ran = suite.judged(judge=None)
    assert (ran.verdict, ran.target_calls) == ("NOT_VERIFIED", 0)
    assert "judge-outage" in ran.codes


def test_a_judge_that_is_slow(suite: Rig) -> None:
    ran = suite.judged(judge={"default": {"do": "hang"}})
    assert ran.verdict == "NOT_VERIFIED"
    assert "judge-timeout" in ran.codes


BROKEN = {
    "down": (None, "target-outage"),
    "an error": ({"default": {"do": "status", "code": 500}}, "target-outage"),
    "a wrong token": ({"default": {"do": "status", "code": 401}}, "target-outage"),
    "slow": ({"default": {"do": "hang"}}, "target-timeout"),
    "empty answers": ({"default": {"do": "say", "text": ""}}, "masked-output"),
    "a hiccup": (
        {"rules": [{"times": 1, "do": "status", "code": 502}], "default": rig.GOOD_TARGET["default"]},
        "target-outage",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_target_that_does_not_answer_is_not_a_regression(suite: Rig, name: str) -> None:
    target, code = BROKEN[name]
    ran = suite.run("--baseline", str(suite.paths["baseline"]), "--config", QUICK, target=target)
    assert (ran.code, ran.verdict) == (3, "NOT_VERIFIED")
    assert code in ran.codes, ran.said


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


def test_the_digest_is_read_before_and_after(suite: Rig) -> None:
    with telling(rig.DIGEST) as url:
        ran = suite.judged("--digest", rig.DIGEST, "--digest-url", url)
    assert ran.verdict == "PASS"
    seen = next(item for item in ran.decision["evidence"] if item["kind"] == "evals-digest")
    assert seen["facts"]["digest"] == rig.DIGEST
    assert seen["facts"]["readings"] >= 3


def test_a_rollout_in_the_middle(suite: Rig) -> None:
    with telling(rig.DIGEST, rig.DIGEST, rig.OTHER_DIGEST) as url:
        ran = suite.judged("--digest", rig.DIGEST, "--digest-url", url)
    assert (ran.verdict, "rollout-mid-run" in ran.codes) == ("NOT_VERIFIED", True)


@pytest.mark.parametrize(("told", "code"), [(rig.OTHER_DIGEST, "stale-image"), ("***", "digest-unknown")])
def test_another_image_is_not_asked_at_all(suite: Rig, told: str, code: str) -> None:
    with telling(told) as url:
        ran = suite.judged("--digest", rig.DIGEST, "--digest-url", url)
    assert (ran.verdict, ran.target_calls, ran.judge_calls) == ("NOT_VERIFIED", 0, 0)
    assert code in ran.codes


def test_failures_made_to_exit_with_0_are_named(suite: Rig) -> None:
    ran = suite.judged(PROMPTFOO_FAILED_TEST_EXIT_CODE="0")
    assert (ran.verdict, "exit-code-masked" in ran.codes) == ("NOT_VERIFIED", True)


def test_a_dotenv_in_the_checkout_sets_nothing(suite: Rig) -> None:
    env = suite.folder / ".env"
    env.write_text("EVALS_TARGET_URL=http://127.0.0.1:9/v1\nPROMPTFOO_FAILED_TEST_EXIT_CODE=0\n", "utf-8")
    try:
        assert suite.judged().verdict == "PASS"
    finally:
        env.unlink()


def changed(tmp_path: Path, suite: Rig, **values: Any) -> Rig:
    """A suite of its own with the shared baseline, its config changed."""
    made = Rig(tmp_path / "own")
    made.paths["baseline"] = suite.paths["baseline"]
    config = json.loads(made.paths["config"].read_text("utf-8"))
    made.paths["config"].write_text(json.dumps({**config, **values}), "utf-8")
    return made


def test_a_deleted_case_stops_the_session(suite: Rig, tmp_path: Path) -> None:
    tests = json.loads(suite.paths["config"].read_text("utf-8"))["tests"]
    ran = changed(tmp_path, suite, tests=tests[1:]).judged()
    assert ran.codes == {"deleted-case"}
    # One batch showed it; nothing was bought after that.
    assert ran.target_calls <= 12 * 8 / 2


def test_a_weakened_rubric_is_named(suite: Rig, tmp_path: Path) -> None:
    tests = json.loads(suite.paths["config"].read_text("utf-8"))["tests"]
    tests[0]["assert"] = [{"type": "llm-rubric", "value": "answers something"}]
    assert changed(tmp_path, suite, tests=tests).judged().codes == {"weakened-case"}


def test_another_suite_and_another_model_are_named(suite: Rig, tmp_path: Path) -> None:
    other = changed(
        tmp_path, suite, description="easy", providers=[rig.provider("weak-agent", "TARGET")]
    ).judged()
    assert other.codes == {"other-suite", "other-model"}


def test_a_config_without_cases_is_zero_tests(suite: Rig, tmp_path: Path) -> None:
    ran = changed(tmp_path, suite, tests=[]).judged()
    assert ran.verdict == "NOT_VERIFIED"


def test_a_config_that_promptfoo_refuses_is_wrong_input(suite: Rig, tmp_path: Path) -> None:
    own = Rig(tmp_path / "own")
    own.paths["config"].write_text("prompts: [a]\nproviders: ['openai:chat:x'\n", "utf-8")
    ran = own.run()
    assert (ran.code, ran.decision) == (2, {})
    assert "promptfoo refuses this config" in ran.said
    assert "deficient indentation" in ran.said or "YAML" in ran.said
