"""Every workflow and action: two linters that other people wrote, and this repository's own rules."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_files import (
    ACTIONS,
    CALLERS,
    LOCAL,
    PUBLIC,
    ROOT,
    WORKFLOWS,
    asked,
    name_of,
    read,
    steps,
    uses,
    walk,
)

HERE = Path(__file__).parent
TESTS = ROOT / "tests"
EVERY = [*WORKFLOWS, *ACTIONS, *CALLERS]
PINNED = re.compile(r"uses: +(\S+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$")


@pytest.fixture(scope="session")
def language_service(tmp_path_factory):
    """GitHub's language service in one file; esbuild puts it together."""
    bundle = tmp_path_factory.mktemp("language-service") / "service.mjs"
    needs = 'import{createRequire as r}from"node:module";const require=r(import.meta.url);'
    command = [TESTS / "node_modules/.bin/esbuild", HERE / "languageservice.mjs", "--bundle", "--format=esm"]
    command += ["--platform=node", f"--banner:js={needs}", f"--outfile={bundle}", "--log-level=warning"]
    subprocess.run(command, check=True, cwd=TESTS)

    def check(root, files):
        stand_ins = TESTS / "workflows/stubs"
        known = {
            action: (stand_ins / folder / "action.yml").read_text()
            for action, folder in json.loads((stand_ins / "names.json").read_text()).items()
        }
        for caller in (ROOT / "actions").glob("*/action.yml"):
            known[f"OWNER/signalbox/actions/{caller.parent.name}"] = caller.read_text()
        command = ["node", bundle, root, json.dumps(known), *files]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return check


def zizmor(*paths):
    """zizmor's findings at its strictest, as (file, audit)."""
    program = Path(sys.executable).with_name("zizmor")
    command = [program, "--offline", "--persona=auditor", "--no-progress", "--quiet", "--format=json", *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "WARN" not in done.stderr, done.stderr
    return [(_file(one), one["ident"]) for one in json.loads(done.stdout)]


def _file(finding):
    return Path(finding["locations"][0]["symbolic"]["key"]["Local"]["verbatim_path"]).name


def test_zizmor_finds_nothing():
    assert zizmor(*WORKFLOWS, *ACTIONS) == []


def test_zizmor_finds_nothing_in_what_adopters_copy(tmp_path):
    """As README says to pin it, and but for the one trigger that a fork's comment cannot do without."""
    pinned = f"@{'0' * 40} # v1.0.0"
    for number, caller in enumerate(CALLERS):
        text = re.sub(r"(OWNER/signalbox/\S+)@v1$", rf"\1{pinned}", caller.read_text(), flags=re.MULTILINE)
        assert "@v1" not in text
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / caller.name).write_text(text)
    found = zizmor(*sorted(tmp_path.glob("*/*.yml")))
    assert found == [("comment.yml", "dangerous-triggers")]


def test_zizmor_does_find_mistakes(tmp_path):
    bad = tmp_path / "bad.yml"
    bad.write_text("on: push\njobs: {a: {runs-on: x, steps: [{run: 'echo ${{ github.head_ref }}'}]}}\n")
    assert ("bad.yml", "template-injection") in zizmor(bad)


def test_zizmor_ignores_nothing():
    assert not list(ROOT.glob(".github/zizmor.y*ml"))
    assert not list(ROOT.glob("zizmor.y*ml"))
    assert [p for p in EVERY if "zizmor:" in p.read_text()] == []


def test_githubs_language_service_finds_nothing(language_service):
    found = language_service(ROOT, [str(path.relative_to(ROOT)) for path in EVERY])
    # Its list of events lacks this one's payload; GitHub's own page of events has base_sha in it.
    missing = ("examples/callers/change.yml", "Context access might be invalid: merge_group")
    assert [row for row in found if (row["file"], row["message"]) != missing] == []


def test_the_language_service_does_find_mistakes(language_service, tmp_path):
    action = ACTIONS[0].parent.name
    bad = f"""on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: $/actions/{action}
        with: {{no-such-input: x}}
      - run: echo $X
        env: {{X: "${{{{ steps.nobody.outputs.x }}}}"}}
"""
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/bad.yml").write_text(bad)
    (tmp_path / "actions").symlink_to(ROOT / "actions")
    messages = [row["message"] for row in language_service(tmp_path, [".github/workflows/bad.yml"])]
    assert any("no-such-input" in message for message in messages)
    assert any("nobody" in message for message in messages)


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_no_expression_stands_in_a_script(path):
    for place, value in walk(read(path)):
        if place[-1] in ("run", "script", "shell", "working-directory"):
            assert "${{" not in str(value), place


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_third_party_actions_are_pinned_with_their_version(path):
    pinned = dict(match.group(1, 2) for match in map(PINNED.search, path.read_text().splitlines()) if match)
    for use in uses(read(path)):
        if use.startswith(LOCAL):
            continue
        action, _, ref = use.partition("@")
        assert pinned.get(action) == ref, f"{use}: a full commit and `# vX.Y.Z` behind it"


def test_one_action_has_one_pin():
    pins = {use for path in EVERY for use in uses(read(path)) if not use.startswith(LOCAL)}
    actions = [pin.partition("@")[0] for pin in pins]
    assert sorted(actions) == sorted(set(actions))


@pytest.mark.parametrize("path", [*WORKFLOWS, *CALLERS], ids=name_of)
def test_nothing_is_granted_unless_a_job_says_why(path):
    workflow = read(path)
    assert workflow["permissions"] == {}
    text = path.read_text()
    for job, body in workflow["jobs"].items():
        assert "permissions" in body, f"{job} says which grants it needs, {{}} for none"
        for scope, level in body["permissions"].items():
            if path in CALLERS:
                continue
            line = re.search(rf"^ {{6}}{scope}: {level} +# \w", text, re.MULTILINE)
            assert line, f"{job}: the grant {scope}: {level} has no comment"


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_jobs_end_by_themselves(path):
    for job, body in read(path)["jobs"].items():
        assert "uses" in body or "timeout-minutes" in body, job


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_checkout_leaves_no_token_behind(path):
    for step in steps(read(path)):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_no_secret_is_inherited_and_no_fork_is_trusted(path):
    workflow = read(path)
    assert ("secrets", "inherit") not in [(place[-1], value) for place, value in walk(workflow)]
    assert "pull_request_target" not in (workflow.get("on") or {})


@pytest.mark.parametrize("path", PUBLIC, ids=name_of)
def test_a_public_workflow_is_called_and_started_by_hand_alike(path):
    on = read(path)["on"]
    call, hand = on["workflow_call"].get("inputs", {}), on["workflow_dispatch"].get("inputs", {})
    assert list(call) == list(hand)
    for name, one in call.items():
        other = hand[name]
        same = {"string", "choice", "environment"}
        assert other["type"] == one["type"] or {one["type"], other["type"]} <= same, name
        assert one["description"] == other["description"]
        assert one.get("required", False) == other.get("required", False)
        assert one.get("default") == other.get("default")


@pytest.mark.parametrize("path", PUBLIC, ids=name_of)
def test_a_called_workflow_never_reads_its_callers_event(path):
    for place, value in walk(read(path)):
        assert "github.event." not in str(value), place
        assert "github.workflow_" not in str(value), place


@pytest.mark.parametrize("path", PUBLIC, ids=name_of)
def test_no_pending_decision_is_dropped(path):
    """Either each run is a group of its own, or everyone waits: ``queue: max``."""
    concurrency = read(path)["concurrency"]
    assert concurrency["group"].startswith("signalbox-")
    assert concurrency["queue"] == "max"
    assert concurrency["cancel-in-progress"] is False


@pytest.mark.parametrize("path", PUBLIC, ids=name_of)
def test_every_input_and_output_is_described_and_every_input_used(path):
    text = path.read_text()
    call = read(path)["on"]["workflow_call"]
    for name, one in {**call.get("inputs", {}), **call.get("outputs", {}), **call.get("secrets", {})}.items():
        assert len(one["description"]) > 10, name
    for name in call.get("inputs", {}):
        assert re.search(rf"inputs\.{re.escape(name)}\b", text), f"{name} is never used"
    for name in call.get("secrets", {}):
        assert re.search(rf"secrets\.{re.escape(name)}\b", text), f"{name} is never used"


@pytest.mark.parametrize("path", [*WORKFLOWS, *CALLERS], ids=name_of)
def test_a_call_grants_what_the_called_workflow_asks_for(path):
    """GitHub refuses to start a run whose called workflow asks for more than its caller grants."""
    for job, body in read(path)["jobs"].items():
        target = body.get("uses", "")
        name = re.search(r"/\.github/workflows/([\w-]+\.yml)", target)
        if not name or not target.startswith(LOCAL):
            continue
        for scope, level in asked(ROOT / ".github/workflows" / name[1]).items():
            given = body["permissions"].get(scope, "none")
            assert given in ("write", level), f"{job} grants {scope}: {given}, {name[1]} asks for {level}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_a_call_grants_nothing_beyond_it(path):
    for job, body in read(path)["jobs"].items():
        name = re.search(r"^\$/\.github/workflows/([\w-]+\.yml)$", body.get("uses", ""))
        if name:
            assert body["permissions"] == asked(ROOT / ".github/workflows" / name[1]), job


def test_the_required_check_needs_every_job_of_ci():
    jobs = read(ROOT / ".github/workflows/ci.yml")["jobs"]
    assert set(jobs["all-passed"]["needs"]) == set(jobs) - {"all-passed"}
