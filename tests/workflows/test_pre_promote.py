"""The gate between dev and prod: both halves against a live endpoint, one status bound to the digest."""

import http.server
import json
import os
import subprocess
import sys
import threading

import library
import msgspec
import pytest
import yaml

from doubles.model import ModelDouble
from signalbox.decision import digest_of
from signalbox.github import GitHub
from signalbox.github.transport import Transport
from signalbox.golden.record import GoldenCase

DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
POLICY_PATH = "clusters/prod/shop.yaml"
CASES = 3
CONFIG = {
    "description": "shop",
    "prompts": ["{{task}}"],
    "providers": [
        {
            "id": "openai:chat:{{env.EVALS_TARGET_MODEL}}",
            "config": {
                "apiBaseUrl": "{{env.EVALS_TARGET_URL}}",
                "apiKeyEnvar": "EVALS_TARGET_KEY",
                "maxRetries": 0,
            },
        }
    ],
    "defaultTest": {
        "options": {
            "provider": {
                "id": "openai:chat:{{env.EVALS_JUDGE_MODEL}}",
                "config": {
                    "apiBaseUrl": "{{env.EVALS_JUDGE_URL}}",
                    "apiKeyEnvar": "EVALS_JUDGE_KEY",
                    "maxRetries": 0,
                },
            }
        }
    },
    "tests": [
        {
            "metadata": {"id": f"case.{n}", "role": "qa-agent", "layer": "behavioural"},
            "vars": {"task": f"question {n}"},
            "assert": [{"type": "llm-rubric", "value": "says all is well"}],
        }
        for n in range(CASES)
    ],
}
ANCHORS = [
    {
        "metadata": {"id": f"{kind}.{n}", "anchor": kind},
        "providerOutput": f"{text} {n}",
        "assert": [{"type": "llm-rubric", "value": "says all is well"}],
    }
    for kind, text in (("good", "all is well"), ("bad", "nothing works"))
    for n in range(2)
]
POLICY = "mode: enforce\nevals: {margin: 0.5, judge: {least-anchors: 2}}\n"
SUITE = (
    "import os, urllib.request\n\n\ndef test_it_serves():\n"
    "    assert urllib.request.urlopen(os.environ['BASE_URL'] + '/api').status == 200\n"
)
FILES = {
    ".github/signalbox.yml": POLICY,
    "evals/promptfooconfig.yaml": yaml.safe_dump(CONFIG),
    "evals/anchors.yaml": yaml.safe_dump(ANCHORS),
    "e2e/test_api.py": SUITE,
    "integration/test_all.py": SUITE,
    POLICY_PATH: "digest: sha256:" + "00" * 32 + "\n",
}
INTEGRATION = 'python -m pytest -p no:cacheprovider integration --junitxml="$JUNIT"'


class Dev:
    """The environment under test: which digest runs, a plain call, an admin call."""

    def __init__(self):
        self.digests, self.admin = [DIGEST], 403
        dev = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                digest = dev.digests.pop(0) if len(dev.digests) > 1 else dev.digests[0]
                code = dev.admin if self.path == "/admin" else 200
                body = json.dumps({"digest": digest}).encode() if self.path == "/version" else b"{}"
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def model():
    """Target and judge: the target says what passes; the judge looks for it in the answer it is shown."""
    judged = {"do": "judge", "pass_if": "(?s)<Output>.*all is well.*</Output>"}
    rules = [
        {"when": {"model": "judge"}, **judged},
        {"when": {"model": "dev"}, "do": "say", "text": "all is well"},
    ]
    with ModelDouble({"rules": rules}) as double:
        yield double


@pytest.fixture
def dev():
    with Dev() as running:
        yield running


@pytest.fixture(scope="session")
def baseline(tmp_path_factory):
    """Recorded once, as a maintainer does: 40 draws of each case."""
    folder = tmp_path_factory.mktemp("baseline")
    (folder / "config.yaml").write_text(FILES["evals/promptfooconfig.yaml"])
    judged = {"do": "judge", "pass_if": "(?s)<Output>.*all is well.*</Output>"}
    rules = [{"when": {"model": "judge"}, **judged}, {"do": "say", "text": "all is well"}]
    with ModelDouble({"rules": rules}) as double:
        environment = {f"EVALS_{name}_URL": double.url for name in ("TARGET", "JUDGE")}
        environment |= {"EVALS_TARGET_MODEL": "dev", "EVALS_JUDGE_MODEL": "judge"}
        environment |= {"EVALS_TARGET_KEY": "k", "EVALS_JUDGE_KEY": "k", "PATH": os.environ["PATH"]}
        command = [
            sys.executable,
            library.ROOT / "scripts/run_evals.py",
            "--promptfoo",
            folder / "config.yaml",
        ]
        command += ["--write-baseline", folder / "baseline.json", "--rounds", "40", "--repo", folder]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "baseline.json").read_text()


@pytest.fixture
def runner(runner):
    """The runner's own promptfoo, so that a run does not install one."""
    shared, there = library.ROOT / "evals/node_modules", runner.copy / "evals/node_modules"
    if shared.is_dir() and not there.exists():
        there.symlink_to(shared)
    return runner


def gate(runner, made, dev, model, how="call", **changes):
    inputs = {
        "digest": DIGEST,
        "digest-url": f"{dev.url}/version",
        "url": dev.url,
        "target-url": model.url,
        "target-model": "dev",
        "judge-url": model.url,
        "judge-model": "judge",
        "setup": "true",
        "integration": INTEGRATION,
        "e2e-dir": "e2e",
        "admin-url": f"{dev.url}/admin",
        "probe-url": f"{dev.url}/api",
        **changes,
    }
    secrets = {"dev-api-key": "dev-key"}
    if how == "start":
        return runner.start(made, "pre-promote.yml", inputs, timeout=300)
    return runner.call(made, "pre-promote.yml", inputs, secrets_=secrets, timeout=300)


def statuses(github, sha, where="acme/shop"):
    rows = github.state.repositories[where].statuses
    return {row["context"]: (row["state"], row["description"]) for row in rows if row["sha"] == sha}


def promotion(made, github, content):
    """An open pull request that writes ``content`` as the image policy; its head commit."""
    made.branch("promote")
    head = made.commit("promote", {POLICY_PATH: content})
    made.git("checkout", "-q", "main")
    token = github.add_token("pull-opener", "ada")
    with GitHub("acme/shop", Transport(github.url, token)) as client:
        assert client.upsert_pull("promote", "main", "Promote", "").created
    return head


def test_an_event_runs_the_gate_and_its_promotion_elsewhere_gets_the_status(
    runner, repository, github, dev, model, baseline
):
    """By the door: the payload names commit and digest, every address is a variable of the repository."""
    made = repository({**FILES, "evals/baseline.json": baseline})
    # The candidate brings an easier suite; what counts is that of the branch the event runs on.
    easier = json.loads(json.dumps(CONFIG).replace("says all is well", "says anything"))
    made.branch("candidate")
    tested = made.commit("easier", {"evals/promptfooconfig.yaml": yaml.safe_dump(easier)})
    made.git("checkout", "-q", "main")
    github.add_repository("acme/clusters")
    github.commit("acme/clusters", "main", {POLICY_PATH: FILES[POLICY_PATH]})
    head = github.commit("acme/clusters", "promote", {POLICY_PATH: f"digest: {DIGEST} # tested\n"})
    token = github.add_token("clusters-token", "ada")
    with GitHub("acme/clusters", Transport(github.url, token)) as client:
        assert client.upsert_pull("promote", "main", "Promote", "").created
    variables = {
        "DEV_URL": dev.url,
        "DEV_DIGEST_URL": f"{dev.url}/version",
        "DEV_ADMIN_URL": f"{dev.url}/admin",
        "DEV_PROBE_URL": f"{dev.url}/api",
        "TARGET_URL": model.url,
        "TARGET_MODEL": "dev",
        "JUDGE_URL": model.url,
        "JUDGE_MODEL": "judge",
        "INTEGRATION": INTEGRATION,
        "PROMOTIONS": "acme/clusters",
        "IMAGE_POLICY": POLICY_PATH,
    }
    payload = {"sha": tested, "digest": DIGEST}
    run = runner.call(
        made,
        "dispatch.yml",
        {"event-type": "signalbox-pre-promote", "payload": json.dumps(payload)},
        event="repository_dispatch",
        payload={"action": "signalbox-pre-promote", "client_payload": payload},
        secrets_={"dev-api-key": "dev-key", "status-token": token},
        variables={f"SIGNALBOX_{name}": value for name, value in variables.items()},
        timeout=300,
    )
    assert run.code == 0, run.explain()
    assert run.outputs("called")["capability"] == "pre-promote"
    for where, sha in (("acme/shop", tested), ("acme/clusters", head)):
        state, description = statuses(github, sha, where)["dev-evals-green"]
        assert state == "success", run.explain()
        assert DIGEST in description
    assert "no ruleset requires dev-evals-green on main of acme/clusters" in run.summaries
    assert set(run.artifacts) >= {"signalbox-evals", "signalbox-results-e2e"}


def test_a_candidate_that_is_replaced_while_it_is_tested_is_green_nowhere(
    runner, repository, github, dev, model, baseline
):
    made = repository({**FILES, "evals/baseline.json": baseline})
    head = promotion(made, github, f"digest: {DIGEST} # tested\n")
    dev.digests = [DIGEST, DIGEST, DIGEST, OTHER]
    run = gate(runner, made, dev, model, **{"image-policy-path": POLICY_PATH})
    for sha in (made.git("rev-parse", "HEAD"), head):
        assert statuses(github, sha)["dev-evals-green"][0] == "error", run.explain()


def test_by_hand_without_a_judge_or_a_key_nothing_is_verified(
    runner, repository, github, dev, model, baseline
):
    made = repository({**FILES, "evals/baseline.json": baseline})
    run = gate(
        runner, made, dev, model, how="start", **{"judge-url": "http://127.0.0.1:9/v1", "mode": "observe"}
    )
    state, description = statuses(github, made.git("rev-parse", "HEAD"))["dev-evals-green"]
    assert (state, description.split()[0]) == ("error", "NOT_VERIFIED"), run.explain()


def test_run_e2e_takes_another_command_and_fails_on_a_failing_test(runner, repository, dev):
    failing = {**FILES, "e2e/test_api.py": "def test_it():\n    assert False\n"}
    inputs = {"e2e": 'python -m pytest e2e --junitxml="$JUNIT"', "results": "reports", "minutes": "2"}
    inputs |= {
        "url": dev.url,
        "integration": INTEGRATION,
        "digest": DIGEST,
        "digest-url": f"{dev.url}/version",
    }
    run = runner.use(repository(failing), "run-e2e", inputs)
    assert run.outputs("used")["verdict"] == "FAIL", run.explain()
    assert run.outputs("used")["results"].endswith("/reports")


def test_run_evals_records_a_baseline_and_reads_results_that_were_left(runner, repository, model):
    known = {name: {"url": model.url, "model": name} for name in ("dev", "judge")}
    made = repository({**FILES, "evals/runtimes.yaml": yaml.safe_dump(known)})
    tools = {"tools": str(library.ROOT / "evals")}
    given = {"runtime": "dev", "judge-runtime": "judge", "paid": "true", "require-telemetry": "true"}
    given |= {"suite": "behavioural", "target-url": "http://127.0.0.1:9/v1"}
    record = {"promptfoo": "evals/promptfooconfig.yaml", "rounds": "2", "work": "left", **given, **tools}
    run = runner.use(made, "run-evals", {**record, "write-baseline": "recorded.json"})
    assert run.code == 0, run.explain()
    assert "wrote recorded.json" in run.log
    inputs = {"results": "e2e.xml", "skip": "adversarial=no judge here", "out": "e2e.json"}
    left = [{"run": "echo '<testsuite><testcase name=\"a\"/></testsuite>' > e2e.xml"}]
    run = runner.use(made, "run-evals", inputs, before=left)
    assert run.outputs("used")["verdict"] == "PASS", run.explain()


def test_run_evals_says_what_a_release_lacks(runner, repository):
    shown = {"kind": "evals", "verdict": "PASS", "subject": {"digest": DIGEST}, "outputs": {}}
    made = repository({"e2e.json": json.dumps(shown), "evals.json": json.dumps(shown)})
    inputs = {"release": "true", "evals-decision": "evals.json", "e2e-decision": "e2e.json"}
    run = runner.use(made, "run-evals", {**inputs, "digest": DIGEST})
    assert "| behavioural | not known |" in run.summaries, run.explain()
    assert "| end-to-end | met |" in run.summaries


def test_post_status_tells_a_promotion_from_any_other_change(runner, repository, github):
    made = repository(FILES)
    head = promotion(made, github, f"digest: {DIGEST}\n")
    rights = {"statuses": "write", "pull-requests": "read", "contents": "read"}
    inputs = {"pull": "1", "image-policy-path": POLICY_PATH, "base": "main", "context": "dev-evals-green"}
    inputs |= {"tested": "acme/shop", "tested-by": "github-actions[bot]"}
    run = runner.use(made, "post-status", inputs, permissions=rights)
    assert run.code == 0, run.explain()
    assert statuses(github, head) == {}
    run = runner.use(made, "post-status", {**inputs, "image-policy-path": "other.yaml"}, permissions=rights)
    assert run.code == 0, run.explain()
    state, description = statuses(github, head)["dev-evals-green"]
    assert (state, description.split(":")[0]) == ("success", "not applicable")


def test_add_golden_case_writes_only_what_was_proved(runner, repository, model):
    golden = {
        "vars": {"task": "Is all well?"},
        "rubric": "says all is well",
        "bad_output": "nothing works",
        "good_output": "all is well",
    }
    shown = msgspec.convert(golden, GoldenCase)
    attested = {"by": "ada", "at": "2026-01-02T03:04:05Z", "method": "invented", "sha256": digest_of(shown)}
    record = json.dumps({"id": "INC-7", "golden_case": golden, "anonymisation": attested})
    made = repository({**FILES, "incident.json": record})
    inputs = {"role": "qa-agent", "incident": "incident.json", "promptfoo": "evals/promptfooconfig.yaml"}
    inputs |= {"times": "1", "judge-url": model.url, "judge-model": "judge", "judge-key": "k"}
    inputs |= {"tools": str(library.ROOT / "evals"), "repo": "."}
    after = [
        {"id": "look", "run": "echo found=$(grep -c INC-7 evals/promptfooconfig.yaml) >> $GITHUB_OUTPUT"}
    ]
    run = runner.use(made, "add-golden-case", inputs, after=after)
    used = run.outputs("used")
    assert (used["case"], used["added"], used["proof"]) == ("qa-agent.incident.inc-7", "true", "proved")
    assert run.outputs("look")["found"] == "1"
