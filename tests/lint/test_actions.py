"""Every action is the thin skin over its script that it claims to be."""

import ast
import os
import re
import subprocess
import sys

import pytest
from workflow_files import ACTIONS, PUBLIC, ROOT, WORKFLOWS, name_of, read, steps, walk

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
# Made for a person at a terminal: nothing of them runs in a workflow.
BY_HAND = {"replay", "doctor", "bench_pairs", "usage_feedback"}


def script_of(action):
    return action.parent.name.replace("-", "_")


def options_of(script):
    """The long options of a script, as its --help lists them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
    command = [sys.executable, "-I", ROOT / "scripts" / f"{script}.py", "--help"]
    text = subprocess.run(command, env=kept, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  (?:-\w, )?--([a-z][a-z0-9-]*)", text, re.MULTILINE)) - {"help", "version"}


def variable(option):
    return "SIGNALBOX_" + option.replace("-", "_").upper()


def run_step(action):
    [step] = [step for step in steps(read(action)) if step.get("id") == "run"]
    return step


def test_every_script_has_its_action_and_every_action_its_script():
    assert {script_of(action) for action in ACTIONS} | BY_HAND == {script.stem for script in SCRIPTS}


@pytest.mark.parametrize("action", ACTIONS, ids=name_of)
def test_every_input_is_forwarded(action):
    used = " ".join(str(value) for value in run_step(action)["env"].values())
    for name in read(action)["inputs"]:
        assert re.search(rf"inputs\.{re.escape(name)}\b(?!-)", used), name


@pytest.mark.parametrize("action", ACTIONS, ids=name_of)
def test_every_option_is_set_so_that_nothing_of_the_job_leaks_in(action):
    env = run_step(action)["env"]
    options = options_of(script_of(action))
    assert {variable(option) for option in options} <= set(env)
    known = {variable(option) for option in options} | {"SIGNALBOX_ADVISOR_KEY", "SIGNALBOX_SIGNALS_TOKEN"}
    assert {name for name in env if name.startswith("SIGNALBOX_")} <= known
    assert env["SIGNALBOX_FORMAT"] == "github"


@pytest.mark.parametrize("action", ACTIONS, ids=name_of)
def test_it_only_starts_the_launcher(action):
    assert read(action)["runs"]["using"] == "composite"
    assert len(steps(read(action))) == 1
    script = script_of(action)
    assert re.fullmatch(
        rf'exec bash "\$GITHUB_ACTION_PATH/\.\./run\.sh" {script}(?: [a-z]+| "\$[A-Z]+")*',
        run_step(action)["run"],
    )


@pytest.mark.parametrize("action", ACTIONS, ids=name_of)
def test_every_output_is_one_its_script_sets(action):
    sources = [ROOT / "scripts" / f"{script_of(action)}.py", *(ROOT / "scripts/signalbox").rglob("*.py")]
    text = "".join(path.read_text() for path in sources)
    for name, one in read(action)["outputs"].items():
        asked = re.fullmatch(r"\$\{\{ steps\.run\.outputs\.([\w-]+) \}\}", one["value"])[1]
        assert re.search(rf'["\']{re.escape(asked)}["\']', text), f"{name}: nobody sets {asked}"


def test_readmes_say_what_the_code_says():
    command = [sys.executable, ROOT / "actions/readme.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("action", ACTIONS, ids=name_of)
def test_its_readme_shows_how_to_use_it(action):
    text = action.with_name("README.md").read_text()
    assert text.startswith(f"# {action.parent.name}\n")
    name = action.parent.name
    assert (
        f"signalbox/actions/{name}@v1" in text
        or f"examples/callers/{name}" in text
        or "callers/comment" in text
    )


def exercised():
    """action → inputs that a workflow which is run, or a test of the act lane, gives it."""
    given = {action.parent.name: set() for action in ACTIONS}
    for path in WORKFLOWS:
        for step in steps(read(path)):
            name = re.fullmatch(r"\$/actions/([\w-]+)", step.get("uses", ""))
            if name:
                given[name[1]] |= set(step.get("with", {}))
    for path in (ROOT / "tests/workflows").glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                inner = list(ast.walk(node))
                text = {n.value for n in inner if isinstance(n, ast.Constant) and isinstance(n.value, str)}
                text |= {n.arg for n in inner if isinstance(n, ast.keyword) and n.arg}
                for name in text & set(given):
                    given[name] |= text
    return given


@pytest.mark.parametrize("action", ACTIONS, ids=name_of)
def test_every_input_is_exercised(action):
    given = exercised()[action.parent.name] | common()
    assert set(read(action)["inputs"]) - given == set()


def common():
    """Inputs that tests/workflows/test_common_inputs.py gives to every action that has them."""
    tree = ast.parse((ROOT / "tests/workflows/test_common_inputs.py").read_text())
    [table] = [n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "COMMON"]
    return {key.value for key in table.keys}


@pytest.mark.parametrize("path", PUBLIC, ids=name_of)
def test_every_public_workflow_is_run(path):
    tests = "".join(p.read_text() for p in (ROOT / "tests/workflows").glob("test_*.py"))
    assert re.search(rf'\b(?:call|start)\([^"]*"{re.escape(path.name)}"', tests)


def test_workflows_give_actions_only_inputs_they_have():
    known = {action.parent.name: set(read(action)["inputs"]) for action in ACTIONS}
    for path in WORKFLOWS:
        for step in steps(read(path)):
            name = re.fullmatch(r"\$/actions/([\w-]+)", step.get("uses", ""))
            if name:
                assert set(step.get("with", {})) <= known[name[1]], (path.name, step["name"])


def test_no_action_reads_its_path_from_an_expression():
    for action in ACTIONS:
        assert "github.action_path" not in action.read_text()
        for place, value in walk(read(action)):
            assert "github.event" not in str(value), place
