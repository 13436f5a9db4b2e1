"""The corpus, in bundles, through every text input of every public workflow and every action, under act.

A bundle is many strings joined, so that one run tries them all; what any of them would do shows in the run.
"""

import hostile
import pytest
import shop
from workflow_files import ACTIONS, PUBLIC, name_of, read

SHORT = [t for t in hostile.STRINGS.values() if hostile.is_text_for_a_process(t) and 0 < len(t) < 200]
# One line each where a line is a value; and all together, lines and all.
BUNDLES = [" ".join(" ".join(SHORT[n::3]).split()) for n in range(3)] + ["\n".join(SHORT)]
# The caller's own commands: running them is what they are for.
COMMANDS = {"setup-command", "start-command", "command", "integration", "e2e", "suites", "setup"}


def texts(inputs):
    """Inputs that take free text, commands left out."""
    return [
        name
        for name, one in inputs.items()
        if one.get("type", "string") == "string" and name not in COMMANDS and "token" not in name
    ]


def check(run, folder):
    assert not list(folder.rglob(hostile.PWNED)), "a command ran"
    for event in run.events:
        if event.get("command") == "set-output":
            assert event["name"] != hostile.FORGED
        assert event.get("command") not in ("set-env", "add-path", "save-state"), event
    assert not [line for line in run.annotations("error") if line == "forged"]


@pytest.mark.parametrize("bundle", range(len(BUNDLES)))
@pytest.mark.parametrize("path", PUBLIC, ids=name_of)
def test_no_text_in_a_workflows_inputs_does_anything(path, bundle, runner, repository, tmp_path):
    made = repository(shop.FILES)
    inputs = read(path)["on"]["workflow_dispatch"].get("inputs", {})
    given = dict.fromkeys(texts(inputs), BUNDLES[bundle])
    run = runner.start(made, path.name, given, timeout=300)
    check(run, tmp_path)


@pytest.mark.parametrize("bundle", range(len(BUNDLES)))
@pytest.mark.parametrize("path", ACTIONS, ids=name_of)
def test_no_text_in_an_actions_inputs_does_anything(path, bundle, runner, repository, tmp_path):
    made = repository(shop.FILES)
    given = dict.fromkeys(texts(read(path)["inputs"]), BUNDLES[bundle])
    run = runner.use(made, path.parent.name, given, timeout=300)
    check(run, tmp_path)
    assert not set(run.outputs("used")) - set(read(path)["outputs"])
