"""Hostile text inside the files that scripts are given, and inside the repository: names and messages."""

import json
import os
import subprocess

import hostile
import pytest
from hostile_judge import problems
from hostile_scenes import SCENES, SCRIPTS, Input
from hostile_world import World, count_leaves, leaves, metrics, one_leaf

from doubles.github import GitHubDouble

EVERYTHING = os.environ.get("SIGNALBOX_HOSTILE") == "all"
STRINGS = sorted(hostile.STRINGS)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    with GitHubDouble(folder / "github") as github, metrics() as port:
        github.add_repository("acme/shop")
        github.add_run("acme/shop", id=1, approvals=[])
        answers = int(github.url.rsplit(":", 1)[1])
        yield World(folder / "world", github, {9: port, answers: answers})


def files_of(scene, world):
    """(input, file) of every file that the scene names, or that lies in a folder it names."""
    found = []
    for name, value in [*scene.options.items(), *((f"argv:{v}", v) for v in scene.argv)]:
        path = world.work / value if value and "\n" not in value and len(value) < 200 else world.work
        if path.is_file():
            found.append((name, path))
        elif path.is_dir() and path != world.work:
            found += [(name, one) for one in sorted(path.glob("*")) if one.is_file()]
    return found


def spoiled(data, text, number):
    """The file with ``text`` in its place; and, where it is JSON, in all its texts, and in one of them."""
    yield text.encode("utf-8", "surrogatepass")
    try:
        tree = json.loads(data)
    except ValueError:
        if b"<testcase" in data:
            escaped = (
                text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace('"', "&quot;")
                .encode("utf-8", "replace")
            )
            yield data.replace(b"bad", escaped)
        return
    yield json.dumps(leaves(tree, lambda _: text)).encode()
    if count_leaves(tree):
        yield json.dumps(one_leaf(tree, number % count_leaves(tree), text)).encode()


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_text_in_a_file_gets_anywhere(script, world):
    found, turn = [], SCRIPTS.index(script) * 7
    for scene in (scene for scene in SCENES if scene.script == script):
        plain = world.run(scene)
        for name, path in files_of(scene, world):
            data = path.read_bytes()
            names = STRINGS if EVERYTHING else [STRINGS[turn % len(STRINGS)]]
            turn += 11
            for number, string in enumerate(names):
                text = hostile.STRINGS[string]
                for changed in spoiled(data, text, turn + number):
                    world.mutate(path, changed)
                    ran = world.run(scene)
                    troubles = problems(plain, ran, Input(scene, name), "", world)
                    if path.suffix in (".yml", ".yaml"):
                        troubles = [one for one in troubles if "outside its place" not in one]
                    found += [f"{scene.title}: {path.name} ← {string}: {one}" for one in troubles]
    assert not found, "\n".join(found)


NAMES = [t for t in hostile.STRINGS.values() if hostile.is_text_for_a_process(t) and "/" not in t]
NAMES = [t for t in NAMES if t.strip("\n") == t and t not in ("", ".") and len(os.fsencode(t)) < 200]


@pytest.fixture(scope="module")
def committed(world, tmp_path_factory):
    """Clones of the world's repository with one more commit: these file names, this message."""

    def commit(names, message):
        place = tmp_path_factory.mktemp("clone") / "repo"
        quiet = {"check": True, "capture_output": True}
        subprocess.run(["git", "clone", "-q", world.work, place], **quiet)
        for name in names:
            (place / "app" / name).write_text("x = 1\n")
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "core.quotePath=false"]
        subprocess.run(["git", "-C", place, "add", "--all"], **quiet)
        message = os.fsencode(message.replace("\0", "")) + b"\n\nend"
        command = ["git", "-C", place, *who, "commit", "-q", "--cleanup=verbatim", "-F", "-"]
        subprocess.run(command, input=message, **quiet)
        return place

    return commit


@pytest.mark.parametrize("scene", [s for s in SCENES if "base" in s.options and s.script != "post_status"])
def test_names_and_messages_of_a_change_change_no_verdict(scene, world, committed):
    good = committed(["plain.py", "other.py"], "a plain message")
    message = "\n".join(hostile.STRINGS[name] for name in STRINGS if len(hostile.STRINGS[name]) < 1000)
    bad = committed(NAMES, message.encode("utf-8", "replace").decode())
    given = Input(scene, "repo")
    plain = world.run(scene, given={"repo": str(good)})
    ran = world.run(scene, given={"repo": str(bad)})
    assert plain.outputs["verdict"] == ran.outputs["verdict"], ran.stderr
    assert problems(plain, ran, given, str(bad), world) == []


SECRETS = {
    "GITHUB_TOKEN": "ghs_0123456789abcdefghijklmnopqrstuvwxyz",
    "REGISTRY_PASSWORD": "registry-password-0123456789",
    "REGISTRY_USER": "registry-user-0123456789",
    "DEV_API_KEY": "dev-api-key-0123456789",
    "SIGNALBOX_ADVISOR_KEY": "sk-0123456789abcdef",
    "SIGNALBOX_SIGNALS_TOKEN": "signals-token-0123456789",
    "EVALS_TARGET_KEY": "target-key-0123456789",
    "EVALS_JUDGE_KEY": "judge-key-0123456789",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token-0123456789",
}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.title)
def test_no_secret_is_shown_or_written(scene, world):
    """GitHub masks what it knows to be a secret; what is written to a file or a ledger it does not."""
    shown = []
    ran = world.run(scene, environ=SECRETS, look=lambda path: shown.append(path.read_bytes()))
    said = "\n".join([ran.stdout, ran.stderr, ran.summary, *ran.outputs.values(), *ran.comments]).encode()
    for name, secret in SECRETS.items():
        assert secret.encode() not in said, name
        assert not [data for data in shown if secret.encode() in data], name
