"""The nightly job: outcomes gathered, the ledger compacted by one writer, policy proposed, a sink fed."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import library
import pytest

from doubles.records import bundle, outcome
from signalbox.decision import Subject
from signalbox.ledger import decision_name, open_ledger, outcome_name

POLICY = "# ours\nmode: enforce\nselection:\n  audit-rate: 0.05 # one in twenty\n"
BRANCH = "refs/heads/signalbox-ledger"


def ledger_of(github):
    return open_ledger(f"git:{github.state.git('acme/shop').folder}")


def seed(github, plans=40, bad=0):
    """Audits, and one deployment; what an incident says of it is gathered."""
    files = {}
    for number in range(plans):
        at = f"2026-01-{1 + number % 28:02}T00:00:00Z"
        made = {"id": f"t-{number}", "verdict": "full", "propensity": 0.05, "decided_at": at}
        data = bundle("test-plan", **made, subject=Subject(commit=f"{number:040x}"))
        label = "bad" if number < bad else "clean"
        told = outcome(id=f"o-{number}", decision=f"t-{number}", label=label, source="audit")
        files |= {decision_name(data): data, outcome_name(told): told}
    subject = Subject(digest="sha256:" + "d" * 64, commit="e" * 40, environment="production")
    data = bundle("rollout", id="r-1", mode="enforce", subject=subject)
    ledger_of(github).write(files | {decision_name(data): data})
    github.add_issue("acme/shop", "Orders are lost", "ada")
    row = github.state.repositories["acme/shop"].issues[-1]
    row |= {"body": "sha256:" + "d" * 64, "labels": ["incident"], "author_association": "MEMBER"}


@pytest.fixture
def collector():
    """Records what is exported to it."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"otlp:http://127.0.0.1:{server.server_address[1]}", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_night(runner, repository, github, collector):
    made = repository({".github/signalbox.yml": POLICY})
    seed(github, bad=20)
    url, got = collector
    run = runner.call(made, "nightly-feedback.yml", {"sink": url, "base": "main"})
    assert run.code == 0, run.explain()
    called = run.outputs("called")
    assert (called["outcomes"], called["proposals"], called["tripwire"]) == ("1", "1", "true")
    refs = dict(github.state.git("acme/shop").refs("refs/"))
    assert refs[BRANCH] == called["compaction"] == refs["refs/signalbox/compacted"]
    assert [ref for ref in refs if ref.startswith("refs/signalbox/ledger/")] == [], "all are in the branch"
    ledger = ledger_of(github)
    assert len(ledger.decisions().entries) == 41
    assert len(ledger.outcomes().entries) == 41
    [pull] = github.state.repositories["acme/shop"].pulls
    assert pull["head"] == "signalbox/refine/selection-audit-rate"
    assert called["pull-requests"].endswith(str(pull["number"]))
    assert len(got) == 82, "each record once"


def test_a_branch_that_was_rewritten_stops_the_compaction_and_loses_nothing(runner, repository, github):
    made = repository({".github/signalbox.yml": "mode: enforce\n"})
    seed(github, 1)
    git = github.state.git("acme/shop")
    stranger = git.commit(git.tree([], None), "not ours", [], "2026-01-01T00:00:00Z")
    git.run("update-ref", BRANCH, stranger)
    before = dict(git.refs("refs/signalbox/ledger/"))
    run = runner.start(made, "nightly-feedback.yml", {"propose": "false", "fail-on": "block", "base": "main"})
    assert run.result("ledger") == "failure"
    assert "changed by somebody else" in " ".join(run.annotations("error"))
    after = dict(git.refs("refs/signalbox/ledger/"))
    assert before.items() <= after.items()
    assert git.resolve(BRANCH) == stranger
    assert run.result("refine") == "success", "what is on record can still be learned from"
    assert github.state.repositories["acme/shop"].pulls == []


def test_a_proposal_that_may_not_be_opened_fails_its_job_and_the_ledger_is_compacted(
    runner, repository, github
):
    made = repository({".github/signalbox.yml": POLICY})
    seed(github, bad=20)
    held = {"contents": "write", "actions": "read", "issues": "read", "deployments": "read"}
    held["pull-requests"] = "read"
    run = runner.start(made, "nightly-feedback.yml", {"base": "main"}, permissions=held)
    assert (run.result("ledger"), run.result("refine")) == ("success", "failure")
    assert "pull-requests: write" in " ".join(run.annotations("error"))
    assert dict(github.state.git("acme/shop").refs(BRANCH))
    assert github.state.repositories["acme/shop"].pulls == []


def test_the_actions_by_themselves(runner, repository, github):
    """gather-outcomes, compact-ledger and refine-policy with what the workflow leaves alone."""
    made = repository({".github/signalbox.yml": POLICY})
    seed(github)
    now = {"ledger": "git:", "now": "2026-06-01T00:00:00Z", "github-token": "x"}
    before = [
        {"run": "git fetch -q origin '+refs/signalbox/*:refs/signalbox/*'"},
        step("gather-outcomes", "gathered", {**now, "github": "none", "days": "10"}),
        step("compact-ledger", "exported", {"ledger": "git:", "export": "all.jsonl"}),
        {"id": "look", "run": "echo rows=$(wc -l < all.jsonl) >> $GITHUB_OUTPUT"},
        step("compact-ledger", "compacted", {**now, "retention-days": "120"}),
        step("compact-ledger", "verified", {"ledger": "git:", "verify": "true"}),
    ]
    given = {**now, "since": "2026-05-01", "into": "acme/shop", "propose": "true"}
    run = runner.use(
        made,
        "refine-policy",
        given,
        before=before,
        permissions={"contents": "write", "pull-requests": "write"},
    )
    assert run.code == 0, run.explain()
    assert run.outputs("gathered")["outcomes"] == "0"
    assert run.outputs("look")["rows"] == "81"
    assert "41 records (41 new" in run.log, "plans of January are past their time"
    assert "the chain holds" in run.log
    assert run.outputs("used")["proposals"] == "0"


def step(action, ident, inputs):
    return {"id": ident, "uses": f"{library.NAME}/actions/{action}@{library.REF}", "with": inputs}
