"""The storefront all the way to production: each gate lets it pass once, and once ends the path."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request

import library
import pytest
import yaml
from test_deploy import ENFORCED, inputs
from test_environment_gate import leave, now
from test_path import records
from test_pre_promote import ANCHORS, CONFIG, baseline, model, runner  # noqa: F401

from doubles.github import routes_gates  # noqa: F401  (its endpoints register themselves)
from doubles.rollout_rig import DIGEST as ROLLED
from doubles.rollout_rig import PROXY, free_port, process, proxy_rig, proxy_share, set_faults, wait_for

SHOP = library.ROOT / "examples" / "storefront"
DIGEST = "sha256:" + "ab" * 32
SUITE = (
    "import os, urllib.request\n\n\ndef test_it_answers():\n"
    "    urllib.request.urlopen(os.environ['BASE_URL'] + '{}')\n"
)
ROLES = {
    "developer": "dora", "qualified-reviewer": "quinn", "qa-lead": "quincy", "security-engineer": "sue",
    "compliance-officer": "carl", "plan-reviewer": "paula", "platform-engineer": "pete",
}  # fmt: skip
BY_ENVIRONMENT = ("qa-lead", "security-engineer", "compliance-officer", "plan-reviewer", "platform-engineer")
POLICY = {
    "mode": "enforce",
    "suites": {
        "unit": {"minutes": 1, "paths": ["**"], "tests": ["tests/unit/test_pricing.py"]},
        "full": {"minutes": 1, "paths": [], "tests": ["tests/unit/test_pricing.py"]},
    },
    "selection": {"audit-rate": 0},
    "evals": {"margin": 0.5, "judge": {"least-anchors": 2}},
    "rollout": {
        "slices": [50, 100], "look-seconds": 0.5, "slice-seconds": 20, "soak-seconds": 1,
        "min-excess": 0.05, "min-slow-excess": 0.05, "error-objective": 0.02, "latency-objective-ms": 500,
        "latency-quantile": 0.95,
    },
    "environments": {
        "roles": {role: [login] for role, login in ROLES.items()},
        "environment-roles": {f"sign-{role}": role for role in BY_ENVIRONMENT},
        "people": {"ada": {"emails": ["ada@example.com"]}},
    },
}  # fmt: skip
# What an adopter's own scanners would have left in the run before the path; the rest the path shows itself.
SHOWN = {
    "lint": {}, "sast-critical": {}, "coverage": {"percent": 91}, "sast": {}, "dast": {},
    "dependency-scan": {}, "licence-scan": {}, "no-open-findings": {}, "simulated-load": {},
    "compliance-pack": {"items": {"sbom": "ab"}}, "monitoring": {"query": "count(up)", "series": 2},
}  # fmt: skip
NOTHING_OPEN = {"by_severity": dict.fromkeys(("critical", "high", "medium", "low", "unknown"), 0)}


def storefront():
    listed = subprocess.run(["git", "ls-files", "."], cwd=SHOP, capture_output=True, text=True, check=True)
    kept = ("storefront/", "tests/unit/test_pricing.py", "tests/data/", "contract/", "pyproject.toml")
    files = {name: (SHOP / name).read_text() for name in listed.stdout.split() if name.startswith(kept)}
    return files | {
        ".gitignore": "__pycache__/\n.pytest_cache/\n.signalbox/\n",
        ".github/signalbox.yml": yaml.safe_dump(POLICY),
        "evals/promptfooconfig.yaml": yaml.safe_dump(CONFIG),
        "evals/anchors.yaml": yaml.safe_dump(ANCHORS),
        "incidents/INC-1.json": '{"id": "INC-1", "severity": "critical", "status": "resolved"}\n',
        "integration/test_shop.py": SUITE.format("/products"),
        "e2e/test_shop.py": SUITE.format("/healthz"),
    }


def merged(made, github):
    """The change, reviewed by two who may and merged; the commit that the push is about."""
    made.branch("feature")
    page = made.path / "storefront" / "dashboard.html"
    made.commit("word\n\nAI-Usage: none", {"storefront/dashboard.html": page.read_text() + "<!-- hi -->\n"})
    number = github.add_pull("acme/shop", "feature")
    head = made.git("rev-parse", "HEAD")
    made.git("checkout", "-q", "main")
    made.git("merge", "-q", "--no-ff", "-m", f"Merge pull request #{number}", "feature")
    made.git("push", "-q", "origin", "main")
    sha = made.git("rev-parse", "HEAD")
    row = github.state.repositories["acme/shop"].pulls[-1]
    row |= {"merge_commit_sha": sha, "merged_at": "2026-01-01T00:00:00Z", "state": "closed"}
    row["reviews"] = [
        {"id": n, "user": who, "commit": head, "state": "APPROVED"}
        for n, who in enumerate(("dora", "quinn"), 1)
    ]
    return sha


def shown(runner, sha, **change):  # noqa: F811
    scans = ("sast-critical", "sast", "dast", "dependency-scan", "no-open-findings")
    facts = {name: {"facts": NOTHING_OPEN if name in scans else fact} for name, fact in SHOWN.items()}
    facts["monitoring"]["tier"] = "live-acceptance"
    rows = {name: fact | change.get(name, {}) for name, fact in facts.items()}
    leave(runner, sha, *rows, **{name: {"subject": {"commit": sha}} | row for name, row in rows.items()})


def answered(github, roles=BY_ENVIRONMENT):
    """The environments of the roles, each with a required reviewer, and who has let this run into which."""
    repository = github.state.repositories["acme/shop"]
    rule = {"id": 1, "type": "required_reviewers", "prevent_self_review": True,
            "reviewers": [{"type": "User", "reviewer": {"login": "grace", "id": 7}}]}  # fmt: skip
    for number, name in enumerate(("promotion-review", *(f"sign-{role}" for role in BY_ENVIRONMENT)), 1):
        repository.environments.append({"id": number, "name": name, "protection_rules": [rule]})
    github.add_run("acme/shop")
    repository.runs[-1]["id"] = 4242
    repository.runs[-1]["approvals"] = [
        {"state": "approved", "user": ROLES[role], "environments": [f"sign-{role}"]} for role in roles
    ]


@contextlib.contextmanager
def shops(*versions):
    """Storefronts that serve, one a version; their ports."""
    with contextlib.ExitStack() as stack:
        ports = [free_port() for _ in versions]
        for port, version in zip(ports, versions, strict=True):
            stack.enter_context(process(*serve(port, version), cwd=SHOP))
            wait_for(lambda port=port: answers(port), what=f"storefront on {port}")
        yield ports


def serve(port, version):
    return (sys.executable, "-m", "storefront", "--port", str(port), "--version", version)


def answers(port, path="/healthz"):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@contextlib.contextmanager
def split(folder, canary, stable, name, customers=2):
    """A weighted proxy before two shops, with customers; the URL that moves its traffic."""
    file = folder / f"{name}.ports"
    arms = (("canary", canary), ("baseline", stable))
    urls = [f"--{arm}=http://127.0.0.1:{port}" for arm, port in arms]
    with process(sys.executable, PROXY, *urls, "--port=0", "--control-port=0", "--ports-file", file):
        wait_for(file.exists, what="ports of the proxy")
        found = json.loads(file.read_text())
        done = threading.Event()

        def shop():
            while not done.wait(0.03):
                answers(found["port"], "/products")

        threads = [threading.Thread(target=shop) for _ in range(customers)]
        for thread in threads:
            thread.start()
        try:
            yield f"proxy:http://127.0.0.1:{found['control_port']}"
        finally:
            done.set()
            for thread in threads:
                thread.join()


def test_the_storefront_goes_all_the_way_to_production(
    runner,  # noqa: F811
    repository,
    github,
    model,  # noqa: F811
    baseline,  # noqa: F811
    tmp_path,
):
    made = repository(storefront() | {"evals/baseline.json": baseline})
    sha = merged(made, github)
    shown(runner, sha)
    answered(github)
    staged, pid = free_port(), tmp_path / "staged.pid"
    deploy = f'setsid python -m storefront --port {staged} --version "$DIGEST" > /dev/null 2>&1 & '
    wait = f"until curl -sf http://127.0.0.1:{staged}/healthz; do sleep 0.1; done"
    deploy += f"echo $! > {pid}; timeout 60 sh -c '{wait}'"
    with contextlib.ExitStack() as stack:
        canary, stable, tested = stack.enter_context(shops("new", "old", "drilled"))
        traffic = stack.enter_context(split(tmp_path, canary, stable, "production"))
        drilled = stack.enter_context(split(tmp_path, tested, stable, "staging", customers=0))
        stack.callback(lambda: os.killpg(int(pid.read_text()), signal.SIGTERM) if pid.exists() else None)
        staging = {
            "deploy": deploy,
            "traffic": drilled,
            "url": f"http://127.0.0.1:{staged}",
            "digest-url": f"http://127.0.0.1:{staged}/healthz",
            "integration": 'python -m pytest -p no:cacheprovider integration --junitxml="$JUNIT"',
            **{
                "target-url": model.url,
                "target-model": "dev",
                "judge-url": model.url,
                "judge-model": "judge",
            },
        }
        inputs = {
            "staging": json.dumps(staging),
            "setup-command": "true",
            "incidents": "incidents",
            "gate-5-environments": json.dumps([f"sign-{role}" for role in BY_ENVIRONMENT[:3]]),
            "gate-6-environments": json.dumps([f"sign-{role}" for role in BY_ENVIRONMENT[3:]]),
            "deployment": "shop",
            "traffic": traffic,
            "metrics": f"canary=http://127.0.0.1:{canary}/metrics\nbaseline=http://127.0.0.1:{stable}/metrics",
        }
        run = runner.call(made, "path-to-production.yml", inputs, timeout=500)
        assert run.code == 0, run.explain()
        assert share(traffic) == 100
    assert posted(github) == dict.fromkeys(
        (*(f"signalbox/gate-{n}" for n in (3, 5, 6, 7)), "dev-evals-green"), "success"
    )
    standing = json.loads(run.file("signalbox-gate-gate-6-1", "standing-approval.json"))
    assert (standing["approved_by"], standing["role"]) == ("pete", "platform-engineer")
    assert run.outputs("called")["decision"] == "manual-review"
    # act hands on a nested call's outputs only when a plain job follows it, so this is read where it was set.
    assert run.outputs("monitor")["verdict"] == "proceed"
    assert run.result("review") == run.result("guard") == run.result("index") == "success"
    assert set(records(github)) == {
        "concurrency",
        "evals",
        "gate",
        "outcome",
        "promotion",
        "rollout",
        "test-plan",
    }
    assert run.outputs("record")["missing"] == "0"
    saved = {call["inputs"]["key"].rsplit("-", 1)[0] for call in run.calls if call["kind"] == "save"}
    assert saved == {"signalbox-index", "signalbox-baseline"}


def share(traffic):
    with urllib.request.urlopen(f"{traffic.removeprefix('proxy:')}/_weights", timeout=5) as answer:
        found = json.load(answer)
    return 100 * found["canary"] / (found["canary"] + found["baseline"])


def posted(github):
    return {row["context"]: row["state"] for row in github.state.repositories["acme/shop"].statuses}


HERE = ("success", {"digest": DIGEST})
BEFORE = {
    "select": ("success", {"mode": "enforce", "risk_tier": "low"}),
    "check": ("success", {}),
    "artifact": HERE,
    "gate-3": ("success", {}),
    "staging": ("success", {"state": "success"}),
    "promotion": ("success", {"way": "deploy", "adapter": "proxy"}),
    "deploy": ("failure", {}),
    "outcome": ("success", {}),
}


@pytest.mark.parametrize(
    ("gate", "behind", "answers", "state", "handed"),
    [
        (
            "gate-3",
            "staging",
            {"check": ("failure", {})},
            "failure",
            ("unit-tests", "developer-agent", "fix-code"),
        ),
        (
            "gate-5",
            "",
            {"staging": ("failure", {"state": "failure"})},
            "failure",
            ("dev-evals-green", "developer-agent", "fix-code"),
        ),
        ("gate-6", "deploy", {}, "pending", ("rollback-tested", "platform-agent", "answer-feedback")),
        ("gate-7", "", {}, "pending", ("health", "ops-agent", "look-into-it")),
    ],
)
def test_a_gate_that_refuses_ends_the_path(
    runner,  # noqa: F811
    repository,
    github,
    gate,
    behind,
    answers,
    state,
    handed,
):
    made = repository(storefront())
    shown(runner, merged(made, github))
    answered(github)
    jobs = [job for job in (gate, behind) if job]
    inputs = {"incidents": "incidents", "traffic": "proxy:http://127.0.0.1:9", "staging": "{}"}
    run = runner.only(made, "path-to-production.yml", jobs, BEFORE | answers, inputs=inputs)
    assert run.result("gate") == "failure", run.explain()
    assert posted(github)[f"signalbox/{gate}"] == state
    rows = json.loads(run.file(f"signalbox-gate-{gate}-1", "hand-over.json"))
    assert handed in [(row["check"], row["to"], row["task"]) for row in rows]
    assert not behind or run.result(behind) == "skipped"


def test_a_gate_that_only_observes_lets_an_enforced_path_on(runner, repository, github):  # noqa: F811
    made = repository(storefront())
    inputs = {"gates": "observe"}
    run = runner.only(made, "path-to-production.yml", ["gate-3"], BEFORE, inputs=inputs)
    assert run.result("gate") == "success", run.explain()
    found = run.outputs("gate")
    assert (found["verdict"], found["mode"]) == ("NOT_VERIFIED", "observe")
    assert posted(github) == {}


@pytest.mark.parametrize(
    ("digest", "left"), [(ROLLED, 0), (DIGEST[:-1] + "0", None)], ids=["its own", "another's"]
)
def test_the_standing_approval_of_gate_six_covers_exactly_its_rollouts_rollback(
    runner,  # noqa: F811
    repository,
    tmp_path,
    digest,
    left,
):
    approval = {"deployment": "web", "digest": digest, "environment": "production", "approved_by": "pete"}
    approval |= {"role": "platform-engineer", "approved_at": now(), "expires_at": "2999-01-01T00:00:00Z"}
    files = {"standing-approval.json": json.dumps(approval).encode(), "hand-over.json": b"[]"}
    number = runner.leave_artifact("signalbox-gate-gate-6-1", files)
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, errors=0.5)
        more = {"environment": "production", "standing-approval-id": str(number)}
        run = runner.call(repository(ENFORCED), "deploy.yml", inputs(rig, **more))
        found = proxy_share(rig)
    assert run.result("deploy") == "failure", run.explain()
    assert (found == 0) is (left == 0), run.explain()
