"""Writes the parts of the reference that follow from the code: inputs, outputs and each script's --help.

usage: readme.py            rewrite them: actions/*/README.md, docs/{workflows,command-line,permissions}.md
       readme.py --check    exit 1, naming the files, when one is not what would be written
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docs"))
import permissions  # (the page has a generator of its own)

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- from here on written by actions/readme.py -->"
PAGE = ROOT / "docs" / "command-line.md"
HEAD = f"""# The command line

Every script runs on a laptop as it runs in a workflow; the actions are a skin over them. Inside a clone:
`make setup`, then `.venv/bin/python scripts/<name>.py --help`.

{BEGIN}
"""


WORKFLOWS = ROOT / "docs" / "workflows.md"
WORKFLOWS_HEAD = f"""# The workflows

Each is called with `uses: OWNER/signalbox/.github/workflows/NAME@v1`; most can be started by hand as well,
with the same inputs. The permissions are those that the calling job must grant. Callers to copy:
[examples/callers/](../examples/callers/README.md).

{BEGIN}
"""


def help_of(script: Path) -> str:
    """What ``--help`` prints, at a fixed width and with no option taken from the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
    done = subprocess.run(
        [sys.executable, "-I", script, "--help"],
        env=kept | {"COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rstrip()


def script_of(action: Path) -> Path:
    """The script that an action is a skin over."""
    return ROOT / "scripts" / (action.parent.name.replace("-", "_") + ".py")


def generated(action: Path) -> str:
    """The generated half of an action's README."""
    about = yaml.safe_load(action.read_text("utf-8"))
    lines = [BEGIN, "", "## Inputs", "", "| input | default | meaning |", "|---|---|---|"]
    for name, one in about["inputs"].items():
        default = f"`{one['default']}`" if one.get("default") else ""
        lines.append(f"| `{name}` | {default} | {_cell(one['description'])} |")
    lines += ["", "## Outputs", "", "| output | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {_cell(one['description'])} |" for name, one in about["outputs"].items()]
    script = script_of(action)
    lines += ["", "## The same on the command line", "", "```text", help_of(script), "```", ""]
    return "\n".join(lines)


def command_line() -> str:
    """The page of all scripts."""
    parts = [HEAD]
    for script in sorted((ROOT / "scripts").glob("*.py")):
        action = script.stem.replace("_", "-")
        link = ""
        if (ROOT / "actions" / action).is_dir():
            link = f"As an action: [{action}](../actions/{action}/README.md).\n\n"
        parts.append(f"## {script.name}\n\n{link}```text\n{help_of(script)}\n```\n")
    return "\n".join(parts)


def workflows() -> str:
    """The page of all workflows that others can call."""
    parts = [WORKFLOWS_HEAD]
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        text = path.read_text("utf-8")
        about = yaml.load(text, yaml.BaseLoader)  # noqa: S506 (leaves every value a string, and "on" a word)
        called = about["on"].get("workflow_call") if isinstance(about["on"], dict) else None
        if called is None:
            continue
        called = called or {}
        why = re.search(r"^name:.*\n\n((?:#.*\n)+)", text)
        parts.append(f"## {path.name}\n")
        if why:
            parts.append(" ".join(line.lstrip("# ") for line in why[1].splitlines()) + "\n")
        granted = _granted(about)
        if granted:
            parts.append(
                "Permissions: " + ", ".join(f"`{scope}: {level}`" for scope, level in granted) + ".\n"
            )
        if "workflow_dispatch" in about["on"]:
            parts.append("Also by hand.\n")
        parts += _rows("input", called.get("inputs", {}), default=True)
        parts += _rows("secret", called.get("secrets", {}))
        parts += _rows("output", called.get("outputs", {}))
    return "\n".join(parts)


def _granted(about: dict[str, Any]) -> list[tuple[str, str]]:
    """The most that any job of a workflow asks for, scope by scope."""
    most: dict[str, str] = {}
    for job in about["jobs"].values():
        for scope, level in (job.get("permissions") or {}).items():
            if most.get(scope) != "write":
                most[scope] = level
    return sorted(most.items())


def _rows(what: str, found: dict[str, Any], *, default: bool = False) -> list[str]:
    if not found:
        return []
    lines = (
        [f"| {what} | default | meaning |", "|---|---|---|"]
        if default
        else [f"| {what} | meaning |", "|---|---|"]
    )
    for name, one in found.items():
        given = one.get("default", "")
        middle = ""
        if default:
            middle = " required |" if one.get("required") == "true" else f" `{given}` |" if given else "  |"
        lines.append(f"| `{name}` |{middle} {_cell(one.get('description', ''))} |")
    return [*lines, ""]


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def wanted() -> dict[Path, str]:
    """Every file with generated parts → what it should hold."""
    files = {PAGE: command_line(), WORKFLOWS: workflows(), permissions.PAGE: permissions.page()}
    for action in sorted((ROOT / "actions").glob("*/action.yml")):
        readme = action.with_name("README.md")
        own = (
            readme.read_text("utf-8").partition(BEGIN)[0]
            if readme.is_file()
            else f"# {action.parent.name}\n\n"
        )
        files[readme] = own.partition(BEGIN)[0] + generated(action)
    return files


def main() -> int:
    """Write, or check."""
    texts = wanted()
    stale = [path for path, text in texts.items() if not path.is_file() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run python actions/readme.py")
        return 1 if stale else 0
    for path in stale:
        path.write_text(texts[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
