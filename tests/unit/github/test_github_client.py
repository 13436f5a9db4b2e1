"""The client against the double: every exchange is held to GitHub's own description."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from doubles.github import GitHubDouble as Double
from doubles.github.faults import permission, secondary_limit
from doubles.github.fixtures import github_double as github_double
from signalbox.github import Expected, GitHub, GitHubError, Limits, Retry, Unavailable

REPO = "acme/shop"
BOT = "github-actions[bot]"


class Waits(list[float]):
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0

    def sleep(self, seconds: float) -> None:
        self.append(seconds)
        self.now += seconds


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def client(github_double: Double, waits: Waits) -> Iterator[GitHub]:
    github_double.add_repository(REPO)
    with connect(github_double, waits) as made:
        yield made


def connect(double: Double, waits: Waits, **options: Any) -> GitHub:
    token = options.pop("token", "ghs_double")
    environ = double.environ(REPO, token)
    defaults: dict[str, Any] = {
        "sleep": waits.sleep,
        "clock": lambda: waits.now,
        "jitter": lambda: 0.5,
        "timeout": 2,
    }
    return GitHub.from_environ(environ, **{**defaults, **options})


def bodies(double: Double) -> list[str]:
    return [row["body"] for row in double.state.repositories[REPO].comments]


def test_a_comment_is_made_once_and_then_kept_up_to_date(client: GitHub, github_double: Double) -> None:
    number = github_double.add_issue(REPO)
    first = client.upsert_comment(number, "plan", "one")
    second = client.upsert_comment(number, "plan", "two")
    other = client.upsert_comment(number, "risk", "three")
    assert (first.created, second.created, other.created) == (True, False, True)
    assert first.id == second.id != other.id
    assert bodies(github_double) == ["<!-- signalbox:plan -->\ntwo", "<!-- signalbox:risk -->\nthree"]


def test_an_unchanged_comment_is_not_written_again(client: GitHub, github_double: Double) -> None:
    number = github_double.add_issue(REPO)
    client.upsert_comment(number, "plan", "one")
    before = github_double.count("PATCH", "/comments/")
    client.upsert_comment(number, "plan", "one")
    assert github_double.count("PATCH", "/comments/") == before


def test_the_comment_is_found_on_a_later_page(client: GitHub, github_double: Double) -> None:
    number = github_double.add_issue(REPO)
    for n in range(230):
        github_double.add_comment(REPO, number, f"chatter {n}")
    mine = github_double.add_comment(REPO, number, "<!-- signalbox:plan -->\nold", login=BOT)
    assert client.upsert_comment(number, "plan", "new").id == mine
    assert github_double.count("GET", "/comments") == 3


def test_a_marker_of_someone_else_or_inside_a_text_is_not_ours(client: GitHub, github_double: Double) -> None:
    number = github_double.add_issue(REPO)
    mark = "<!-- signalbox:plan -->"
    forged = github_double.add_comment(REPO, number, f"{mark}\nforged", login="mallory")
    quoted = github_double.add_comment(REPO, number, f"> {mark}\n{mark}", login=BOT)
    assert client.upsert_comment(number, "plan", "real").id not in (forged, quoted)
    assert bodies(github_double)[:2] == [f"{mark}\nforged", f"> {mark}\n{mark}"]


def test_duplicates_of_a_race_are_cleaned(client: GitHub, github_double: Double) -> None:
    number = github_double.add_issue(REPO)
    ids = [github_double.add_comment(REPO, number, "<!-- signalbox:plan -->\nx", login=BOT) for _ in range(3)]
    kept = client.upsert_comment(number, "plan", "y")
    assert (kept.id, kept.removed) == (ids[0], 2)
    assert bodies(github_double) == ["<!-- signalbox:plan -->\ny"]


@pytest.mark.parametrize("wire", ["reset", "truncate", "garbage"])
@pytest.mark.parametrize("after_effect", [True, False])
def test_a_comment_whose_answer_is_lost_is_not_written_twice(
    client: GitHub, github_double: Double, wire: str, after_effect: bool
) -> None:
    number = github_double.add_issue(REPO)
    github_double.fail("POST", "*/comments", wire=wire, after_effect=after_effect)
    client.upsert_comment(number, "plan", "one")
    assert bodies(github_double) == ["<!-- signalbox:plan -->\none"]


def test_a_comment_that_is_too_long_is_cut_with_a_note(client: GitHub, github_double: Double) -> None:
    number = github_double.add_issue(REPO)
    client.upsert_comment(number, "plan", "😀 line\n" * 20_000)
    assert "cut here" in bodies(github_double)[0]
    client.upsert_comment(number, "plan", "😀 line\n" * 20_000)
    assert github_double.count("PATCH", "/comments/") == 0


def test_the_login_of_each_kind_of_token(client: GitHub, github_double: Double, waits: Waits) -> None:
    github_double.add_token("ghp_x", "octocat")
    with connect(github_double, waits, token="ghp_x") as person:
        assert (client.login(), person.login()) == (BOT, "octocat")
        assert person.login() == "octocat"
    assert github_double.count("POST", "/graphql") == 2


def test_the_login_where_graphql_is_not_served(client: GitHub, github_double: Double) -> None:
    github_double.fail("POST", "/graphql", status=404, message="Not Found", times=-1)
    assert client.login() == BOT


def test_a_status_is_cut_to_what_github_takes(client: GitHub, github_double: Double) -> None:
    sha = github_double.commit(REPO, "main", {"a": "1"})
    client.set_status(sha, "signalbox", "success", "word " * 60, "https://example.com/run")
    client.set_status(sha, "signalbox", "failure", "short", "javascript:alert(1)")
    rows = github_double.state.repositories[REPO].statuses
    assert [len(row["description"]) <= 140 for row in rows] == [True, True]
    assert [row["target_url"] for row in rows] == ["https://example.com/run", None]


def test_a_pull_request_is_opened_once(client: GitHub, github_double: Double) -> None:
    github_double.commit(REPO, "promote/x", {"a": "1"})
    github_double.commit(REPO, "other", {"a": "2"})
    github_double.add_pull(REPO, "other")
    first = client.upsert_pull("promote/x", "main", "Promote", "body")
    second = client.upsert_pull("promote/x", "main", "Promote again", "body 2")
    assert (first.created, second.created, first.number) == (True, False, second.number)
    rows = {row["number"]: row for row in github_double.state.repositories[REPO].issues}
    assert (rows[first.number]["title"], rows[first.number]["body"]) == ("Promote again", "body 2")


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_pull_request_whose_answer_is_lost_is_opened_once(
    client: GitHub, github_double: Double, after_effect: bool
) -> None:
    github_double.commit(REPO, "promote", {"a": "1"})
    github_double.fail("POST", "*/pulls", wire="reset", after_effect=after_effect)
    client.upsert_pull("promote", "main", "Promote", "body")
    assert len(github_double.state.repositories[REPO].pulls) == 1


def test_a_pull_request_without_commits_is_an_error_that_says_so(
    client: GitHub, github_double: Double
) -> None:
    tip = github_double.state.git(REPO).resolve("refs/heads/main")
    github_double.state.git(REPO).run("update-ref", "refs/heads/empty", str(tip))
    with pytest.raises(GitHubError, match="No commits between") as raised:
        client.upsert_pull("empty", "main", "Promote", "body")
    assert raised.value.status == 422


def test_the_latest_word_on_our_deployments_is_ours(github_double: Double, client: GitHub) -> None:
    sha = github_double.commit(REPO, "main", {"a": "1"})
    one = client.create_deployment(sha, "staging", key="rollout web a")
    two = client.create_deployment(sha, "staging", key="rollout web b")
    client.create_deployment(sha, "staging", key="rollout webshop a")
    client.create_deployment(sha, "production", key="rollout web c")
    client.set_deployment_status(one.id, "in_progress", "at 10%", log="https://github.com/acme/shop/runs/1")
    repo = github_double.state.repositories[REPO]
    # Somebody else's word, and GitHub's own empty one when a newer deployment takes over.
    repo.deployment_statuses.append(
        {**repo.deployment_statuses[-1], "creator": "mallory", "description": "fine"}
    )
    repo.deployment_statuses.append({**repo.deployment_statuses[0], "state": "inactive", "description": ""})
    found = client.standings("staging", "rollout web ")
    assert [(row.id, row.key, row.description) for row in found] == [
        (two.id, "rollout web b", ""),
        (one.id, "rollout web a", "at 10%"),
    ]
    assert (found[1].state, found[1].log) == ("in_progress", "https://github.com/acme/shop/runs/1")
    assert [row.key for row in client.standings("staging", "rollout web ", 1)] == ["rollout web b"]


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_deployment_is_recorded_once_per_key(
    client: GitHub, github_double: Double, after_effect: bool
) -> None:
    sha = github_double.commit(REPO, "main", {"a": "1"})
    github_double.fail("POST", "*/deployments", status=502, after_effect=after_effect)
    first = client.create_deployment(sha, "staging", key="decision-1", description="d")
    again = client.create_deployment(sha, "staging", key="decision-1")
    other = client.create_deployment(sha, "staging", key="decision-2")
    assert first.id == again.id != other.id
    assert len(github_double.state.repositories[REPO].deployments) == 2
    client.set_deployment_status(
        first.id, "success", "at 100%", "https://shop.example", "https://log.example"
    )
    assert [s["state"] for s in github_double.state.repositories[REPO].deployment_statuses] == ["success"]


def test_files_are_put_under_a_new_ref_and_read_back(client: GitHub, github_double: Double) -> None:
    files = {"a/one.json": b'{"x":1}\n', "two.bin": bytes(range(256))}
    pushed = client.put_files("refs/signalbox/runs/7-1", files, "record run 7")
    assert client.put_files("refs/signalbox/runs/7-1", files, "record run 7") == pushed
    git = github_double.state.git(REPO)
    for path, content in files.items():
        assert git.run("cat-file", "blob", f"{pushed.ref}:{path}") == content
        assert client.contents(path, pushed.commit) == content


def test_a_ref_that_is_taken_is_never_moved(client: GitHub, github_double: Double) -> None:
    first = client.put_files("refs/signalbox/runs/7-1", {"a": b"1"}, "one")
    second = client.put_files("refs/signalbox/runs/7-1", {"a": b"2"}, "two")
    assert (first.ref, second.ref) == ("refs/signalbox/runs/7-1", "refs/signalbox/runs/7-1-1")
    assert github_double.state.git(REPO).resolve(first.ref) == first.commit


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_ref_whose_answer_is_lost(client: GitHub, github_double: Double, after_effect: bool) -> None:
    github_double.fail("POST", "*/git/refs", wire="reset", after_effect=after_effect)
    if not after_effect:
        with pytest.raises(GitHubError, match="did not answer"):
            client.put_files("refs/signalbox/x", {"a": b"1"}, "m")
    pushed = client.put_files("refs/signalbox/x", {"a": b"1"}, "m")
    assert [ref for ref, _ in github_double.state.git(REPO).refs("refs/signalbox/")] == [pushed.ref]


def test_appending_survives_a_quicker_writer(client: GitHub, github_double: Double) -> None:
    client.append_files("ledger", {"one": b"1"}, "first")
    github_double.fail("PATCH", "*/git/refs/heads/ledger", status=422, message="Update is not a fast forward")
    github_double.commit(REPO, "ledger", {"theirs": "x"})
    client.append_files("ledger", {"two": b"2"}, "second")
    tree = github_double.state.git(REPO).entries("refs/heads/ledger")
    assert [row[3] for row in tree] == ["one", "theirs", "two"]


def test_a_large_file_is_read_as_a_blob(client: GitHub) -> None:
    large = b"x" * 1_200_000
    pushed = client.put_files("refs/signalbox/large", {"f": large}, "m")
    assert client.contents("f", pushed.commit) == large
    assert isinstance(client.contents("f", pushed.commit, limit=1000), Unavailable)


def test_queue_depth_counts_waiting_jobs_over_pages(client: GitHub, github_double: Double) -> None:
    for _ in range(101):
        github_double.add_run(
            REPO, [{"status": "queued", "conclusion": None}], status="queued", conclusion=None
        )
    jobs = [{"status": "completed"}, {"status": "waiting", "conclusion": None, "labels": ["gpu"]}]
    github_double.add_run(REPO, jobs, status="waiting", conclusion=None)
    github_double.add_run(REPO, [{"status": "completed"}])
    depth = client.queue_depth()
    assert not isinstance(depth, Unavailable)
    assert (depth.runs, depth.jobs) == (102, 102)
    assert depth.by_label == {"gpu": 1, "ubuntu-latest": 101}
    spent = github_double.rate_remaining
    assert client.queue_depth() == depth
    assert github_double.rate_remaining == spent  # every page was unchanged
    assert github_double.requests[-1].status == 304


def test_a_queue_that_cannot_be_read_is_not_an_empty_queue(client: GitHub, github_double: Double) -> None:
    github_double.faults.add(permission("GET", "*/actions/runs", "actions=read"))
    depth = client.queue_depth()
    assert isinstance(depth, Unavailable)
    assert (depth.status, depth.permission) == (403, "actions: read")
    assert "permissions:" in depth.fix


def test_a_later_page_that_fails_spoils_the_whole_list(client: GitHub, github_double: Double) -> None:
    for _ in range(150):
        github_double.add_run(REPO)
    github_double.fail("GET", "*/actions/runs", status=500, skip=1, times=-1)
    assert isinstance(client.last_runs(150), Unavailable)


def test_no_more_pages_than_needed(client: GitHub, github_double: Double) -> None:
    for _ in range(150):
        github_double.add_run(REPO)
    found = client.last_runs(20)
    assert isinstance(found, tuple)
    assert [run.id for run in found] == sorted((run.id for run in found), reverse=True)
    assert github_double.count("GET", "/actions/runs") == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_retried_with_growing_waits(
    client: GitHub, github_double: Double, waits: Waits, status: int
) -> None:
    github_double.fail("GET", f"/repos/{REPO}", status=status, times=3)
    assert client.default_branch() == "main"
    assert waits == [0.75, 1.5, 3.0]


@pytest.mark.parametrize("wire", ["reset", "truncate", "garbage", "hang"])
def test_a_broken_answer_is_retried(github_double: Double, waits: Waits, wire: str) -> None:
    github_double.add_repository(REPO)
    github_double.fail("GET", f"/repos/{REPO}", wire=wire, seconds=3 if wire == "hang" else 0)
    with connect(github_double, waits, timeout=1) as client:
        assert client.default_branch() == "main"
    assert len(waits) == 1


def test_retries_end(client: GitHub, github_double: Double, waits: Waits) -> None:
    github_double.fail("GET", f"/repos/{REPO}", status=503, times=-1)
    found = client.default_branch()
    assert isinstance(found, Unavailable)
    assert found.status == 503
    assert github_double.count("GET", f"/repos/{REPO}") == Retry().attempts
    assert len(waits) == Retry().attempts - 1


@pytest.mark.parametrize("status", [403, 429])
def test_retry_after_is_honoured_also_for_a_post(
    client: GitHub, github_double: Double, waits: Waits, status: int
) -> None:
    number = github_double.add_issue(REPO)
    github_double.faults.add(secondary_limit("POST", "*/comments", retry_after=17, status=status))
    client.upsert_comment(number, "plan", "one")
    assert waits == [17]
    assert len(bodies(github_double)) == 1


def test_a_wait_past_the_budget_is_not_begun(client: GitHub, github_double: Double, waits: Waits) -> None:
    github_double.rate_remaining = 0
    github_double.rate_reset = int(waits.now) + 3000
    found = client.default_branch()
    assert isinstance(found, Unavailable)
    assert "rate limit" in found.reason
    assert "3001 s" in found.reason
    assert waits == []


def test_a_missing_permission_is_named_once_and_not_retried(
    client: GitHub, github_double: Double, waits: Waits
) -> None:
    sha = github_double.commit(REPO, "main", {"a": "1"})
    github_double.state.tokens["ghs_double"].permissions = {"contents": "read"}
    with pytest.raises(GitHubError) as raised:
        client.set_status(sha, "signalbox", "success")
    assert raised.value.permission == "statuses: write"
    assert "POST /repos/acme/shop/statuses/" in str(raised.value)
    assert "`statuses: write` under `permissions:`" in str(raised.value)
    assert waits == []


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "token is not valid"), (404, "not found, or hidden"), (422, "refused the content")],
)
def test_refusals_say_what_to_think(client: GitHub, github_double: Double, status: int, says: str) -> None:
    sha = github_double.commit(REPO, "main", {"a": "1"})
    github_double.fail("POST", "*/statuses/*", status=status, message="GitHub's words")
    with pytest.raises(GitHubError, match=says) as raised:
        client.set_status(sha, "signalbox", "success")
    assert "GitHub's words" in str(raised.value)
    assert raised.value.status == status


def test_without_a_token_reads_work_and_writes_say_why_not(github_double: Double, waits: Waits) -> None:
    github_double.add_repository(REPO)
    with connect(github_double, waits, token="") as client:
        assert client.default_branch() == "main"
        with pytest.raises(GitHubError, match="no token"):
            client.upsert_comment(1, "plan", "x")
    assert github_double.count("POST", "/") == 0


def test_a_token_never_shows_in_an_error(client: GitHub, github_double: Double, waits: Waits) -> None:
    github_double.fail("*", "*", status=500, message="failed", times=-1)
    with pytest.raises(GitHubError) as raised:
        client.upsert_comment(1, "plan", "x")
    assert "ghs_double" not in f"{raised.value!r} {raised.value} {vars(raised.value)}"


def test_an_artifact_is_fetched_and_checked(client: GitHub, github_double: Double, tmp_path: Path) -> None:
    run = github_double.add_run(REPO, event="push")
    artifact = github_double.add_artifact(REPO, run, "bundle", {"a/b.json": b"{}", "c.txt": b"c"})
    files = client.fetch_artifact(
        artifact, tmp_path / "out", Expected(run=run, events=("push",), name="bundle")
    )
    assert files == (tmp_path / "out/a/b.json", tmp_path / "out/c.txt")
    assert (tmp_path / "out/a/b.json").read_bytes() == b"{}"
    found = client.artifacts_of_run(run, "bundle")
    assert isinstance(found, tuple)
    assert [a.id for a in found] == [artifact]


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        (Expected(run=1), "its run is"),
        (Expected(name="other"), "its name is"),
        (Expected(events=("push",)), "its event is 'pull_request'"),
        (Expected(head_sha="0" * 40), "its commit is"),
        (Expected(head_branch="main"), "its branch is 'feature'"),
        (Expected(), "made by code of mallory/shop"),
    ],
)
def test_an_artifact_from_elsewhere_is_refused(
    client: GitHub, github_double: Double, tmp_path: Path, expected: Expected, why: str
) -> None:
    run = github_double.add_run(
        REPO, event="pull_request", head_branch="feature", head_repository="mallory/shop"
    )
    artifact = github_double.add_artifact(REPO, run, "bundle", {"a": b"1"})
    found = client.fetch_artifact(artifact, tmp_path / "out", expected)
    assert isinstance(found, Unavailable)
    assert why in found.reason
    assert list(tmp_path.iterdir()) == []
    assert isinstance(client.fetch_artifact(artifact, tmp_path / "out", Expected(forks=True)), tuple)


def test_an_archive_that_was_changed_is_refused(
    client: GitHub, github_double: Double, tmp_path: Path
) -> None:
    run = github_double.add_run(REPO)
    artifact = github_double.add_artifact(REPO, run, "bundle", {"a": b"1"})
    file = github_double.state.blob_file(artifact)
    file.write_bytes(file.read_bytes() + b"more")
    found = client.fetch_artifact(artifact, tmp_path / "out")
    assert isinstance(found, Unavailable)
    assert hashlib.sha256(file.read_bytes()).hexdigest() in found.reason


def test_an_archive_over_the_cap_is_not_read_to_its_end(
    client: GitHub, github_double: Double, tmp_path: Path
) -> None:
    run = github_double.add_run(REPO)
    artifact = github_double.add_artifact(REPO, run, "bundle", b"x" * 2_000_000)
    small = Limits(archive=1000)
    assert isinstance(client.fetch_artifact(artifact, tmp_path / "o", limits=small), Unavailable)
    row = github_double.state.repositories[REPO].artifacts[0]
    row["size"] = 10  # the index lies
    found = client.fetch_artifact(artifact, tmp_path / "o", limits=small)
    assert isinstance(found, Unavailable)
    assert "larger than 1000" in found.reason


@pytest.mark.parametrize("wire", ["truncate", "answer"])
def test_a_broken_download_is_tried_again(
    client: GitHub, github_double: Double, tmp_path: Path, waits: Waits, wire: str
) -> None:
    run = github_double.add_run(REPO)
    artifact = github_double.add_artifact(REPO, run, "bundle", {"a": b"1"})
    github_double.fail("GET", "/_blobs/*", status=503, wire=wire)
    assert isinstance(client.fetch_artifact(artifact, tmp_path / "out"), tuple)
    assert len(waits) == 1


def test_an_expired_artifact_is_no_evidence(client: GitHub, github_double: Double, tmp_path: Path) -> None:
    run = github_double.add_run(REPO)
    artifact = github_double.add_artifact(REPO, run, "bundle", {"a": b"1"})
    github_double.state.repositories[REPO].artifacts[0]["expired"] = True
    found = client.fetch_artifact(artifact, tmp_path / "out")
    assert isinstance(found, Unavailable)
    assert "expired" in found.reason


def test_a_next_page_on_another_host_is_not_followed(
    client: GitHub, github_double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    github_double.add_run(REPO)
    real = client.transport.call

    def elsewhere(method: str, path: str, *rest: Any, **more: Any) -> Any:
        reply = real(method, path, *rest, **more)
        return type(reply)(reply.status, {"link": '<https://evil.example/x>; rel="next"'}, reply.body)

    monkeypatch.setattr(client.transport, "call", elsewhere)
    found = client.last_runs(5)
    assert isinstance(found, Unavailable)
    assert "another host" in found.reason


def test_environments_and_rules(client: GitHub, github_double: Double) -> None:
    repository = github_double.state.repositories[REPO]
    repository.environments.append(
        {"id": 1, "name": "production", "protection_rules": [{"id": 2, "type": "branch_policy"}]}
    )
    check = {"context": "signalbox", "integration_id": 15368}
    parameters = {"required_status_checks": [check], "strict_required_status_checks_policy": False}
    rules = [{"type": "required_status_checks", "parameters": parameters}, {"type": "deletion"}]
    repository.rulesets.append({"id": 5, "name": "main", "rules": rules})
    environments = client.environments()
    assert isinstance(environments, tuple)
    assert [(e.name, e.rules, e.reviewers) for e in environments] == [("production", ("branch_policy",), 0)]
    found = client.branch_rules("main")
    assert not isinstance(found, Unavailable)
    assert (found.kinds, found.checks) == (("deletion", "required_status_checks"), (("signalbox", 15368),))
    policy = client.actions_policy()
    assert isinstance(policy, dict)
    assert policy["default_permissions"] == "read"


def test_changed_files_of_a_commit(client: GitHub, github_double: Double) -> None:
    many = {f"src/{n}.py": "x" for n in range(130)}
    sha = github_double.commit(REPO, "main", many)
    assert client.changed_files(sha) == tuple(sorted(many))
    assert isinstance(client.changed_files("0" * 40), Unavailable)


def test_changed_files_of_all_commits_of_a_pull_request(client: GitHub, github_double: Double) -> None:
    github_double.commit(REPO, "feature", {"tox.ini": "x"})
    last = github_double.commit(REPO, "feature", {"a.py": "x"})
    github_double.add_pull(REPO, "feature")
    assert client.changed_files(last) == ("a.py", "tox.ini")


def test_caches_of_a_branch(client: GitHub, github_double: Double) -> None:
    for key, ref in (("signalbox-index-1", "refs/heads/main"), ("signalbox-index-2", "refs/pull/1/merge")):
        github_double.state.repositories[REPO].caches.append({"id": 1, "key": key, "ref": ref})
    assert client.caches("signalbox-index", "refs/heads/main") == ("signalbox-index-1",)


def test_jobs_that_comment_at_once_leave_one_comment(github_double: Double) -> None:
    github_double.add_repository(REPO)
    number = github_double.add_issue(REPO)
    together = Barrier(4)

    def comment(n: int) -> int:
        with GitHub.from_environ(github_double.environ(REPO)) as client:
            together.wait(10)
            return client.upsert_comment(number, "plan", f"from job {n}").id

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(comment, range(4)))
    rows = github_double.state.repositories[REPO].comments
    assert [row["id"] for row in rows] == [min(ids)]
    assert rows[0]["body"].startswith("<!-- signalbox:plan -->\nfrom job ")


def test_jobs_that_record_at_once_lose_nothing(github_double: Double) -> None:
    github_double.add_repository(REPO)
    together = Barrier(4)

    def record(n: int) -> tuple[str, bytes]:
        with GitHub.from_environ(github_double.environ(REPO)) as client:
            together.wait(10)
            pushed = client.put_files("refs/signalbox/runs/7", {"bundle.json": b"%d" % n}, f"job {n}")
            client.append_files("ledger", {f"{n}.json": b"%d" % n}, f"job {n}")
            return pushed.ref, b"%d" % n

    with ThreadPoolExecutor(4) as pool:
        written = dict(pool.map(record, range(4)))
    git = github_double.state.git(REPO)
    assert len(written) == 4
    assert {ref: git.run("show", f"{ref}:bundle.json") for ref in written} == written
    assert [row[3] for row in git.entries("refs/heads/ledger")] == ["0.json", "1.json", "2.json", "3.json"]
