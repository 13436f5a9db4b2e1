"""The path: every way on which nothing moves. That it leads to production is in test_path_gates."""

import act
import pytest
import shop


@pytest.fixture
def reviewed(github):
    """The repository's environments, and grace's review of the run."""

    def make(reviewers=1):
        repository = github.state.repositories["acme/shop"]
        rule = {"id": 1, "type": "required_reviewers", "prevent_self_review": True, "reviewers": []}
        rule["reviewers"] = [
            {"type": "User", "reviewer": {"login": "grace", "id": 7}} for _ in range(reviewers)
        ]
        rules = [rule] if reviewers else []
        repository.environments.append({"id": 1, "name": "promotion-review", "protection_rules": rules})
        github.add_run("acme/shop")
        repository.runs[-1]["id"] = 4242
        repository.runs[-1]["approvals"] = [
            {"state": "approved", "user": "grace", "environments": ["promotion-review"]}
        ]

    return make


def records(github):
    git = github.state.git("acme/shop")
    refs = git.line("for-each-ref", "--format=%(refname)", "refs/signalbox/").split()
    names = [name for ref in refs for name in git.line("ls-tree", "-r", "--name-only", ref).split()]
    return sorted(name.split("/")[-1].rsplit("-", 5)[0] for name in names)


def test_observing_decides_reports_records_and_moves_nothing(runner, repository, github):
    made = repository(shop.FILES | {".github/signalbox.yml": shop.POLICY.replace("enforce", "observe")})
    made.commit("slower", {"shop/price.py": shop.SLOWER})
    inputs = {"environment": "production", "traffic": "proxy:http://127.0.0.1:9"}
    # A label that nobody serves would leave its jobs out, and with them their records.
    inputs |= {"runner": act.LABEL, "deploy-runner": act.LABEL}
    run = runner.start(made, "path-to-production.yml", inputs)
    assert run.code == 0, run.explain()
    assert run.result("deploy") == run.result("review") == "skipped"
    assert "nothing moves" in " ".join(run.annotations("notice"))
    found = records(github)
    # The outcomes: what the runners really took, and what the tests that a plan would skip had found.
    outcomes = ["outcome", "outcome"]
    assert found == ["concurrency", "gate", "gate", "gate", *outcomes, "promotion", "test-plan"], found
    # One that is not green would hold a merge up, one that is would let it through.
    assert github.state.repositories["acme/shop"].statuses == []
    # Everything ran, so the test jobs have recorded the index, and nothing is recorded again.
    assert any(name.startswith("signalbox-impact-") for name in run.artifacts)
    recording = [e for e in run.events if e["jobID"] == "index" and "Main Record" in e.get("msg", "")]
    assert run.result("index") == "success"
    assert recording == []
    assert any(call["kind"] == "save" and "signalbox-index" in call["inputs"]["key"] for call in run.calls)


ANSWERS = {
    "select": ("success", {"runners": "2", "builds": "0", "pytest": "true", "bundle-sha256s": ""}),
    "check": ("success", {}),
    "artifact": ("success", {"digest": "sha256:" + "ab" * 32}),
    "gate-3": ("success", {"verdict": "PASS"}),
    "score": ("success", {"verdict": "auto-promote", "mode": "enforce"}),
    "gate-5": ("success", {"verdict": "PASS"}),
}


@pytest.mark.parametrize(
    ("change", "way"),
    [
        ({}, "deploy"),
        ({"score": ("success", {"verdict": "manual-review", "mode": "enforce"})}, "review"),
        ({"score": ("success", {"verdict": "auto-promote", "mode": "observe"})}, "none"),
        ({"score": ("success", {"verdict": "block", "mode": "advise"})}, "none"),
        ({"score": ("success", {"verdict": "", "mode": "observe"})}, "none"),
        ({"score": ("failure", {"verdict": "block", "mode": "enforce"})}, ""),
        ({"score": ("success", {"verdict": "", "mode": "enforce"})}, ""),
        ({"score": ("skipped", {})}, ""),
        ({"score": ("success", {"verdict": "proceed", "mode": "enforce"})}, ""),
        ({"check": ("failure", {})}, ""),
        ({"check": ("skipped", {})}, ""),
        ({"gate-3": ("failure", {"verdict": "FAIL"})}, ""),
        ({"gate-5": ("failure", {"verdict": "NOT_VERIFIED"})}, ""),
        ({"gate-5": ("skipped", {})}, ""),
        ({"gate-5": ("skipped", {}), "score": ("success", {"verdict": "block", "mode": "advise"})}, "none"),
    ],
)
def test_only_a_verdict_that_permits_finds_a_way(runner, repository, change, way):
    inputs = {"traffic": "proxy:http://127.0.0.1:9"}
    made = repository({"a": "b"})
    run = runner.only(made, "path-to-production.yml", ["promotion"], ANSWERS | change, inputs=inputs)
    assert run.outputs("way").get("way", "") == way, run.explain()
    assert (run.result("promotion") == "success") is bool(way)


@pytest.mark.parametrize(
    ("environment", "gates", "way"),
    [
        ("development", ("skipped", "skipped"), "deploy"),
        ("staging", ("success", "skipped"), "deploy"),
        ("staging", ("skipped", "skipped"), ""),
        ("prodution", ("success", "skipped"), ""),
        ("prodution", ("success", "success"), "deploy"),
    ],
)
def test_a_name_that_is_no_place_before_production_takes_every_gate(
    runner, repository, environment, gates, way
):
    answers = ANSWERS | {f"gate-{n}": (result, {}) for n, result in zip((3, 5), gates, strict=True)}
    inputs = {"traffic": "proxy:http://127.0.0.1:9", "environment": environment}
    made = repository({"a": "b"})
    run = runner.only(made, "path-to-production.yml", ["promotion"], answers, inputs=inputs)
    assert run.outputs("way").get("way", "") == way, run.explain()


@pytest.mark.parametrize(
    ("verdict", "asked", "way", "reviewers"),
    [
        ("auto-promote", "[]", "deploy", "[]"),
        ("auto-promote", '["plan", "platform"]', "review", '["plan","platform"]'),
        ("manual-review", '["platform"]', "review", '["platform","promotion-review"]'),
        ("manual-review", "platform", "", ""),
    ],
)
def test_who_is_waited_for_before_a_deployment(runner, repository, verdict, asked, way, reviewers):
    answers = ANSWERS | {"score": ("success", {"verdict": verdict, "mode": "enforce"})}
    inputs = {"traffic": "proxy:http://127.0.0.1:9", "gate-6-environments": asked}
    made = repository({"a": "b"})
    run = runner.only(made, "path-to-production.yml", ["promotion"], answers, inputs=inputs)
    found = run.outputs("way")
    assert (found.get("way", ""), found.get("reviewers", "")) == (way, reviewers), run.explain()


def test_without_traffic_to_move_nothing_is_deployed(runner, repository):
    run = runner.only(repository({"a": "b"}), "path-to-production.yml", ["promotion"], ANSWERS)
    assert run.outputs("way")["way"] == "none"


def test_a_review_that_nobody_guards_stops_before_it_is_asked_for(runner, repository, reviewed):
    made = repository({"a": "b"})
    reviewed(reviewers=0)
    inputs = {"environments": '["promotion-review"]'}
    run = runner.call(made, "review.yml", inputs)
    assert run.result("guard") == "failure"
    assert run.result("review") == "skipped"
    assert "no required reviewers" in " ".join(run.annotations("error"))


@pytest.mark.parametrize("result", ["failure", "skipped", "cancelled"])
def test_no_review_no_deployment(runner, repository, result):
    answers = ANSWERS | {"promotion": ("success", {"way": "review"}), "review": (result, {})}
    run = runner.only(repository({"a": "b"}), "path-to-production.yml", ["deploy"], answers)
    assert run.result("deploy") == "skipped"
    assert not run.calls


def test_decisions_are_recorded_when_everything_before_failed(runner, repository, github):
    from bundles import bundle

    name, data = bundle()
    runner.leave_artifact(f"signalbox-decision-{name}", {name: data})
    answers = dict.fromkeys(("select", "check", "artifact", "score", "promotion", "deploy"), ("failure", {}))
    run = runner.only(repository({"a": "b"}), "path-to-production.yml", ["feedback"], answers)
    assert run.code == 0, run.explain()
    assert records(github) == ["promotion"]


@pytest.mark.parametrize(
    ("built", "given", "good"),
    [
        ({}, "", True),
        ({"app.bin": b"x"}, "", True),
        ({"digest": b"sha256:" + b"cd" * 32}, "", True),
        ({"digest": b"latest; touch /tmp/x"}, "", False),
        ({}, "sha256:" + "ef" * 32, True),
        ({}, "latest", False),
    ],
)
def test_the_artifact_is_named_by_a_digest_or_not_at_all(runner, repository, built, given, good):
    made = repository({"a": "b"})
    if built:
        runner.leave_artifact("signalbox-build-app", built)
    run = runner.only(made, "path-to-production.yml", ["artifact"], ANSWERS, inputs={"digest": given})
    digest = run.outputs("digest").get("digest", "")
    assert (run.result("artifact") == "success") is good is bool(digest), run.explain()
    if given:
        assert digest in (given, "")
    if "digest" in built and good:
        assert digest == built["digest"].decode()


@pytest.mark.parametrize(
    "staging", ['{"urll": "http://127.0.0.1:9"}', "[]", "not json", '{"deploy": "true",}']
)
def test_a_mistyped_description_of_staging_tests_nothing(runner, repository, staging):
    inputs = {"digest": "sha256:" + "ab" * 32, "staging": staging, "moves": True}
    run = runner.call(repository({"a": "b"}), "staging.yml", inputs)
    assert run.result("deploy") == "failure", run.explain()
    assert run.result("e2e") == run.result("evals") == "skipped"
    assert "no JSON object of the keys" in " ".join(run.annotations("error"))
