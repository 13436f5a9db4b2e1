"""The launcher and the harness themselves: what every other test of this lane rests on."""

import json
import os
import shutil
import subprocess

HOSTILE = 'raise SystemExit("a file of the workspace was imported")\n'
FILES = {"README.md": "# A shop\n"}
PAYLOAD = json.dumps({"run-id": "77"})


def test_nothing_in_the_workspace_is_imported_or_obeyed(runner, repository):
    modules = ("msgspec", "sitecustomize", "usercustomize", "pip", "uv", "yaml", "signalbox")
    hostile = {f"{module}.py": HOSTILE for module in modules}
    shop = repository(
        FILES
        | hostile
        | {
            ".env": "SIGNALBOX_EVENT_TYPE=signalbox-deploy\n",
            "pyproject.toml": "this is not TOML",
            "uv.toml": "neither is this",
            "pip.conf": "[global]\nindex-url = http://127.0.0.1:9/\n",
            ".python-version": "2.7\n",
        }
    )
    poison = {
        "PYTHONPATH": str(shop.path),
        "PYTHONHOME": "/nowhere",
        "PYTHONSTARTUP": str(shop.path / "pip.py"),
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_CONFIG_FILE": str(shop.path / "pip.conf"),
        "UV_INDEX_URL": "http://127.0.0.1:9/",
        "UV_PYTHON": "2.7",
        "VIRTUAL_ENV": "/nowhere",
        "SIGNALBOX_CONFIG": "/nowhere",
        "SIGNALBOX_MODE": "nonsense",
    }
    # Built anew, so that the installers too meet all of it.
    runner.tools = runner.folder / "tools"
    inputs = {"event-type": "signalbox-telemetry-feedback", "payload": PAYLOAD}
    # As a job's own `env:` would set it; for the runner itself it would break every step.
    run = runner.use(shop, "validate-dispatch", inputs, step_environment=poison)
    assert run.code == 0, run.explain()
    assert run.outputs("used")["capability"] == "telemetry-feedback"
    assert "was imported" not in run.log


def test_the_workspace_is_left_as_it_was(runner, repository):
    shop = repository(FILES)
    look = {
        "id": "look",
        "run": 'echo "left=$(git status --porcelain --ignored | wc -l)" >> "$GITHUB_OUTPUT"',
    }
    inputs = {"event-type": "signalbox-telemetry-feedback", "payload": PAYLOAD}
    run = runner.use(shop, "validate-dispatch", inputs, after=[look])
    assert run.code == 0, run.explain()
    assert run.outputs("look")["left"] == "0"


def test_an_input_is_never_read_as_shell(runner, repository):
    shop = repository(FILES)
    marker = runner.folder / "executed"
    payload = f'{{"run-id": "$(touch {marker})`touch {marker}`"}}\'"; touch {marker} #'
    run = runner.use(shop, "validate-dispatch", {"event-type": "signalbox-deploy", "payload": payload})
    assert run.code == 1
    assert run.failed_steps
    assert not marker.exists()
    assert "payload" not in run.outputs("used")


def test_the_launcher_refuses_what_is_no_name(runner, repository):
    shop = repository(FILES)
    action = runner.copy / "actions" / "run.sh"
    step = {"id": "x", "run": f"bash {action} ../evil || echo refused=$? >> $GITHUB_OUTPUT"}
    run = runner.use(
        shop, "validate-dispatch", {"event-type": "signalbox-health-report", "payload": "{}"}, before=[step]
    )
    assert run.outputs("x") == {"refused": "2"}


def test_the_stand_ins_refuse_like_the_real_actions(runner, repository):
    import library

    shop = repository(FILES)
    upload = library.pinned("actions/upload-artifact", runner.copy)
    twice = [{"uses": upload, "with": {"name": "same", "path": "README.md"}}] * 2
    run = runner.use(
        shop, "validate-dispatch", {"event-type": "signalbox-health-report", "payload": "{}"}, after=twice
    )
    assert run.code == 1
    assert "409" in run.annotations("error")[-1]
    assert list(run.artifacts) == ["same"]


def test_a_summary_links_to_the_documents_of_its_own_version(runner, tmp_path):
    """A runner keeps an action below _actions/OWNER/REPOSITORY/REF: the one thing that always names it."""
    placed = tmp_path / "_actions" / "acme" / "signalbox" / "releases" / "v1"
    shutil.copytree(runner.copy, placed, ignore=shutil.ignore_patterns(".git"))
    shop = tmp_path / "shop"
    subprocess.run(["git", "init", "-q", shop], check=True)
    summary = tmp_path / "summary.md"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "RUNNER_TEMP": str(tmp_path),
        "SIGNALBOX_TOOL_DIR": str(runner.tools),
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "SIGNALBOX_FORMAT": "github",
        "SIGNALBOX_EVIDENCE": str(tmp_path / "nothing"),
    }
    (tmp_path / "nothing").mkdir()
    done = subprocess.run(
        ["bash", placed / "actions" / "run.sh", "score_artifact"],
        cwd=shop,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    link = "https://github.example/acme/signalbox/blob/releases/v1/docs/why.md#promotion"
    assert f"[what this means]({link})" in summary.read_text()
