"""Run a workflow with ``act`` on this machine: no Docker, no network, every event kept."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import library
from caller import Repository
from workflow_files import asked, read

from doubles.github import GitHubDouble

ACT = Path(sys.executable).with_name("act")
RUN_ID = "4242"
LABEL = "in-cluster"
"""Of a runner of the adopter's own; act skips a job that asks for a label it does not know."""


@dataclass
class Run:
    """What one run did, read from act's JSON events."""

    code: int
    events: list[dict[str, Any]]
    raw: str
    store: Path

    @property
    def results(self) -> dict[str, str]:
        """Job (as act names it, matrix jobs numbered) → success or failure; a skipped job is not there."""
        named = [(e["job"].strip(), e["jobResult"]) for e in self.events if e.get("jobResult")]
        return {name.split("/")[-1] if name.count("/") < 2 else name: result for name, result in named}

    def result(self, job: str) -> str:
        """The result of the job of this id over all its matrix; ``skipped`` when it did not run."""
        found = {e["jobResult"] for e in self.events if e.get("jobResult") and e["jobID"] == job}
        return "failure" if "failure" in found else "success" if found else "skipped"

    def outputs(self, step: str, job: str = "") -> dict[str, str]:
        """Outputs of the step with this id that are not empty (the last one set counts)."""
        wanted = [e for e in self.events if e.get("command") == "set-output" and e["stepID"][0] == step]
        values = {e["name"]: e["arg"] for e in wanted if not job or e["jobID"] == job}
        return {name: value for name, value in values.items() if value}

    @property
    def summaries(self) -> str:
        return "\n".join(
            e["content"] for e in self.events if e.get("command") == "summary" and len(e["stepID"]) == 1
        )

    def annotations(self, level: str) -> list[str]:
        return [e["arg"] for e in self.events if e.get("command") == level]

    @property
    def log(self) -> str:
        return "".join(e["msg"] for e in self.events if e.get("raw_output"))

    @property
    def failed_steps(self) -> list[str]:
        failed = [e for e in self.events if e.get("stepResult") == "failure" and e.get("stage") == "Main"]
        return [e["step"] for e in failed]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls of third-party actions, in order."""
        path = self.store / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def artifacts(self) -> dict[str, Path]:
        return {f.parent.name: f for f in self.store.glob(f"runs/{RUN_ID}/*/content.zip")}

    def file(self, artifact: str, name: str = "") -> bytes:
        """One file of an artifact, by default its only one."""
        with zipfile.ZipFile(self.artifacts[artifact]) as archive:
            [name] = [name] if name else archive.namelist()
            return archive.read(name)

    def explain(self) -> str:
        """What a person needs to see when an assertion on this run fails."""
        shown = ("raw_output", "jobResult", "command")
        shown = ("raw_output", "jobResult", "command")
        keep = [
            f"{e.get('job', '')} [{e.get('step', '')[:40]}] {e['msg'].rstrip()}"
            for e in self.events
            if (any(e.get(k) for k in shown) or e.get("stepResult") == "failure")
            and e.get("command") not in ("set-output", "summary")
        ]
        return "\n".join([*keep[-150:], self.raw[-3000:]])


@dataclass
class Runner:
    """Runs workflows of one library copy; one instance per test."""

    copy: Path
    folder: Path
    tools: Path
    github: GitHubDouble
    environment: dict[str, str] = field(default_factory=dict)

    def run(
        self,
        repository: Repository,
        workflow: str | Path,
        event: str = "workflow_dispatch",
        payload: dict[str, Any] | None = None,
        secrets_: dict[str, str] | None = None,
        variables: dict[str, str] | None = None,
        permissions: dict[str, str] | None = None,
        timeout: float = 120,
    ) -> Run:
        """Run ``workflow``, a path from the repository's root, as ``event`` with ``payload``.

        The token of the run holds exactly ``permissions``: the double answers 403 beyond them.
        """
        event_file = self.folder / f"event-{secrets.token_hex(4)}.json"
        event_file.write_text(json.dumps(payload or {}))
        empty = self.folder / "empty"
        empty.touch()
        token = f"ghs_{secrets.token_hex(18)}"
        held = {scope.replace("-", "_"): level for scope, level in (permissions or {}).items()}
        self.github.add_token(token, "github-actions[bot]", "installation", held)
        environment = {
            "GITHUB_API_URL": self.github.url,
            "GITHUB_RUN_ID": RUN_ID,
            "SIGNALBOX_TOOL_DIR": str(self.tools),
            "STUB_STORE": str(self.folder / "store"),
            "STUB_PYTHON": sys.executable,
            **repository.environment,
            **self.environment,
        }
        command = [str(ACT), event, "-C", str(repository.path), "-W", str(workflow), "-e", str(event_file)]
        for label in ("ubuntu-latest", LABEL):
            command += ["-P", f"{label}=-self-hosted"]
        command += ["--json", "--pull=false", "--no-cache-server"]
        command += ["--no-skip-checkout", "--action-cache-path", str(self.folder / "cache")]
        # A .env, .secrets or .vars lying in the work tree must not be read by act itself.
        for option in ("--env-file", "--secret-file", "--var-file", "--input-file"):
            command += [option, str(empty)]
        for name, value in {"GITHUB_TOKEN": token, **(secrets_ or {})}.items():
            command += ["-s", f"{name}={value}"]
        for name, value in (variables or {}).items():
            command += ["--var", f"{name}={value}"]
        for name, value in environment.items():
            command += ["--env", f"{name}={value}"]
        for mapping in library.mappings(self.copy):
            command += ["--local-repository", mapping]
        kept = {"PATH": f"{self._bin()}:{os.environ['PATH']}", "HOME": str(self.folder), "LANG": "C.UTF-8"}
        kept |= {k: v for k, v in os.environ.items() if k.endswith(("_CERT_FILE", "_CERT_DIR", "_CA_BUNDLE"))}
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=kept)
        # Not splitlines: a value may hold what Python takes for the end of a line, and JSON does not.
        lines = done.stdout.split("\n")
        events = [json.loads(line) for line in lines if line.startswith("{")]
        raw = done.stderr + "".join(f"{x}\n" for x in lines if not x.startswith("{"))
        return Run(done.returncode, events, raw, self.folder / "store")

    def _bin(self) -> Path:
        """A folder whose ``python`` is the caller's interpreter: one that has pytest."""
        program = self.folder / "bin" / "python"
        if not program.exists():
            program.parent.mkdir()
            program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
            program.chmod(0o755)
        return program.parent

    def call(self, repository: Repository, workflow: str, inputs: dict[str, Any], **how: Any) -> Run:
        """Call a reusable workflow as an adopter does, from a workflow of the repository's own.

        When it succeeds, the job ``after`` holds its outputs: ``run.outputs("called")``.
        """
        called_workflow = self.copy / ".github/workflows" / workflow
        outputs = read(called_workflow)["on"]["workflow_call"].get("outputs", {})
        called: dict[str, Any] = {
            "uses": f"{library.NAME}/.github/workflows/{workflow}@{library.REF}",
            "permissions": asked(called_workflow),
            "with": inputs,
        }
        if how.get("secrets_"):
            called["secrets"] = {name: expression(f"secrets.{name}") for name in how["secrets_"]}
        lines = "".join(f'echo "{name}=$O{i}" >> "$GITHUB_OUTPUT"\n' for i, name in enumerate(outputs))
        environment = {f"O{i}": expression(f"needs.call.outputs.{name}") for i, name in enumerate(outputs)}
        how.setdefault("permissions", asked(called_workflow))
        step = {"id": "called", "run": lines or "true", "env": environment}
        after = {"needs": "call", "runs-on": "ubuntu-latest", "steps": [step]}
        return self._as_caller(repository, {"call": called, "after": after}, how)

    def start(self, repository: Repository, workflow: str, inputs: dict[str, Any], **how: Any) -> Run:
        """Start a public workflow by hand, as a maintainer does in the repository it lies in."""
        path = repository.path / ".github/workflows" / workflow
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((self.copy / ".github/workflows" / workflow).read_text())
        how.setdefault("permissions", asked(path))
        payload = {"inputs": {name: str(value) for name, value in inputs.items()}}
        return self.run(repository, path.relative_to(repository.path), payload=payload, **how)

    def only(
        self,
        repository: Repository,
        workflow: str,
        jobs: list[str],
        answers: dict[str, tuple[str, dict[str, str]]],
        **how: Any,
    ) -> Run:
        """Run some jobs of a workflow, the jobs they need answering as given: (result, outputs).

        For what act cannot show: jobs that follow a called workflow that failed. ``needs`` stands in
        expressions only, so its values are written in there; everything else of the jobs is left as it is.
        """
        body = read(self.copy / ".github/workflows" / workflow)
        kept = {name: body["jobs"][name] for name in jobs}
        values = {f"{job}.result": result for job, (result, _) in answers.items()}
        for job, (_, outputs) in answers.items():
            values |= {f"{job}.outputs.{name}": value for name, value in outputs.items()}

        def known(match: re.Match[str]) -> str:
            return match[0] if match[1].split(".")[0] in jobs else f"'{values.get(match[1], '')}'"

        def settle(tree: Any) -> Any:
            if isinstance(tree, dict):
                return {key: settle(value) for key, value in tree.items()}
            if isinstance(tree, list):
                return [settle(value) for value in tree]
            if isinstance(tree, str):
                return re.sub(r"needs\.([\w-]+(?:\.outputs)?\.[\w-]+)", known, tree)
            return tree

        for name, job in kept.items():
            kept[name] = settle(job) | {"needs": [n for n in _listed(job.get("needs")) if n in jobs]}
        path = repository.path / ".github/workflows" / workflow
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"on": body["on"], "jobs": kept}))
        how.setdefault("permissions", asked(path))
        payload = {"inputs": how.pop("inputs", {})}
        return self.run(repository, path.relative_to(repository.path), payload=payload, **how)

    def leave_artifact(self, name: str, files: dict[str, bytes], run: str = RUN_ID) -> int:
        """An artifact as an earlier job of the run (or another run) left it; its id."""
        folder = self.folder / "store" / "runs" / run / name
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "content.zip", "w") as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        number = 1 + len(list(self.folder.glob("store/ids/*")))
        (self.folder / "store" / "ids" / str(number)).mkdir(parents=True)
        about = {"id": number, "name": name, "digest": "", "retention": ""}
        (folder / "about.json").write_text(json.dumps(about))
        return number

    def use(self, repository: Repository, action: str, inputs: dict[str, Any], **how: Any) -> Run:
        """Use one action, in a job that has checked the repository out with its whole history.

        ``before`` and ``after`` are further steps. Its outputs: ``run.outputs("used")``.
        """
        history = {"fetch-depth": "0", "persist-credentials": "false"}
        steps = [
            {"uses": library.pinned("actions/checkout", self.copy), "with": history},
            *how.pop("before", []),
            {
                "id": "used",
                "uses": f"{library.NAME}/actions/{action}@{library.REF}",
                "with": inputs,
                "env": how.pop("step_environment", {}),
            },
            *how.pop("after", []),
        ]
        return self._as_caller(repository, {"use": {"runs-on": "ubuntu-latest", "steps": steps}}, how)

    def _as_caller(self, repository: Repository, jobs: dict[str, Any], how: dict[str, Any]) -> Run:
        event = how.get("event", "workflow_dispatch")
        path = repository.path / ".github/workflows" / f"caller-{secrets.token_hex(4)}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"on": {event: None}, "jobs": jobs}))
        try:
            return self.run(repository, path.relative_to(repository.path), **how)
        finally:
            path.unlink()


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def expression(text: str) -> str:
    return f"${{{{ {text} }}}}"
