"""What a hostile text has brought about in a run that it must not."""

from __future__ import annotations

import os
import re
from pathlib import Path

import hostile
from hostile_scenes import WRITES, Input, Scene
from hostile_world import Ran, World
from workflow_files import ROOT, read

from signalbox.decision import ORDERS


def rank(kind: str, verdict: str) -> int:
    return ORDERS[kind].rank(verdict)


def problems(plain: Ran, ran: Ran, given: Input | None, text: str, world: World) -> list[str]:
    """What ``text`` has brought about; ``plain`` is the same run without it."""
    assert given is not None
    scene, found = given.scene, []
    found += _of_the_verdict(scene, plain, ran)
    found += _of_the_log(ran)
    known = declared(scene.script) | set(plain.outputs)
    found += [f"an output that nobody declares: {name[:60]!r}" for name in ran.outputs if name not in known]
    found += [f"GITHUB_{name.upper()} was written" for name, content in ran.others.items() if content]
    found += [f"summary: {trouble}" for trouble in hostile.problems_of_markdown(ran.summary)]
    for comment in ran.comments:
        found += [f"comment: {trouble}" for trouble in hostile.problems_of_markdown(comment)]
        if not comment.startswith("<!-- signalbox:"):
            found.append("comment: its marker does not come first")
    if len(ran.comments) > 1 or "success" in ran.states:
        found.append(f"{len(ran.comments)} comments, states {ran.states}")
    found += _of_the_files(plain, ran, given, text, world)
    if "a fault in" in ran.stderr or "escaped:" in ran.stderr:
        found.append("a fault: " + ran.stderr.strip()[-600:])
    if ran.code not in (0, 1, 2, 3):
        found.append(f"exit code {ran.code}")
    if "canary:x" in ran.stdout + ran.stderr + ran.summary:
        found.append("a file outside was shown")
    return found


def _of_the_verdict(scene: Scene, plain: Ran, ran: Ran) -> list[str]:
    verdict = ran.outputs.get("verdict", "")
    if scene.kind and verdict:
        if verdict not in ORDERS[scene.kind].verdicts:
            # A script may decide several kinds; then only the exit code below speaks.
            return [f"the verdict is {verdict[:60]!r}"] if scene.script != "check_gate" else []
        permissive = rank(scene.kind, verdict) == 0 and rank(scene.kind, plain.outputs["verdict"]) > 0
        if permissive:
            return [f"{plain.outputs['verdict']} became {verdict}"]
    if not scene.permits and ran.code == 0 and ran.outputs.get("mode", "enforce") == "enforce":
        return [f"exit code {plain.code} became 0"]
    return []


ALLOWED = {"error", "warning", "notice"}


def _of_the_log(ran: Ran) -> list[str]:
    found = []
    for name, log in (("stdout", ran.stdout), ("stderr", ran.stderr)):
        allowed = ALLOWED if name == "stdout" else set()
        for command, properties, value in hostile.commands(log):
            keys = {part.partition("=")[0].strip() for part in properties.split(",") if part.strip()}
            if command not in allowed or keys - {"title", "file", "line"}:
                found.append(f"{name}: command {command} {properties[:60]} {value[:80]!r}")
    # What a terminal would carry out; tabs and newlines are layout.
    for name, log in (("stdout", ran.stdout), ("stderr", ran.stderr)):
        hidden = [c for c in hostile.invisible(log) if c not in ("U+0009",)]
        if hidden:
            found.append(f"{name}: invisible {', '.join(hidden[:5])}")
    return found


def _of_the_files(plain: Ran, ran: Ran, given: Input, text: str, world: World) -> list[str]:
    places = {world.temp, *plain.changed}
    if given.name in WRITES:
        place = world.work / text.removeprefix("git:").split("\0")[0]
        places |= {
            Path(os.path.normpath(f"{place}{more}")) for more in ("", ".probes", ".lock", ".audit.jsonl")
        }
        places |= {Path(os.path.normpath(world.work / text.strip()))}
    elif given.name == "repo":
        # The working tree is the caller's to name; what is written lies below it.
        places.add(Path(os.path.normpath(world.work / text)))
    known = places | {above for place in places for above in place.parents}
    found = []
    for path in ran.changed:
        if path.name == hostile.PWNED:
            found.append(f"a command ran: {path}")
        elif path not in known and not any(place in path.parents for place in places):
            found.append(f"outside its place: {path.relative_to(world.root)!s:.120}")
    return found


def declared(script: str) -> set[str]:
    """Outputs that the script's action declares, under the names the script sets them by."""
    action = ROOT / "actions" / script.replace("_", "-") / "action.yml"
    always = {"mode", "verdict", "decision-id", "bundle", "bundle-sha256"}
    if not action.exists():
        return always
    values = " ".join(one["value"] for one in read(action)["outputs"].values())
    return always | set(re.findall(r"steps\.run\.outputs\.([\w-]+)", values))
