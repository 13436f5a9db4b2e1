"""The shop in production: its repository, the version that serves now, and what the demo keeps about it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from console import Console
from journal import Journal
from processes import Children
from repository import Repository, unpack

NAME = "storefront"
LOAD_SECONDS = 170.0


@dataclass(frozen=True)
class Release:
    """One version of the shop that runs: its commit, its artifact's digest, its process' name and address."""

    commit: str
    digest: str
    process: str
    url: str


@dataclass(frozen=True)
class Ports:
    """Where the proxy takes traffic and where it is controlled."""

    traffic: str
    control: str


class Shop:
    """The repository, the artifacts and the running versions, all below `out`."""

    def __init__(self, console: Console, children: Children, root: Path, out: Path, rate: float) -> None:
        self.console, self.children, self.root, self.out, self.rate = console, children, root, out, rate
        self.source = root / "examples" / "storefront"
        self.folder, self.ledger, self.index = out / "shop", out / "ledger", out / "index.sqlite"
        self.baseline = out / "baseline"
        self.journal = Journal(console, children, root)
        self.repository = Repository(self.folder)
        self.serving: Release | None = None

    def open(self) -> None:
        """Make the repository with its first commit, and put that commit into production."""
        policy = self.source / ".github" / "signalbox.yml"
        added = (Path(__file__).parent / "policy.yml").read_text(encoding="utf-8")
        self.repository = Repository.make(
            self.folder, self.source, {".github/signalbox.yml": policy.read_text(encoding="utf-8") + added}
        )
        base = self.repository.head()
        self.console.say(
            f"A git repository with the shop: {self.console.path(str(self.folder))}, commit {base[:12]}."
        )
        self.learn()
        artifact, digest = self.repository.build(base, self.out / "artifacts")
        self.serving = self.start(base, digest, artifact)
        self.console.say(f"In production: {base[:12]} at {self.serving.url}, its dashboard too.")

    def learn(self) -> None:
        """Run the whole suite of what is on main and record what each test depends on.

        Its reports are kept in `baseline`: what the next commit is compared with.
        """
        self.baseline = self.out / "baseline" / self.repository.head()[:12]
        self.baseline.mkdir(parents=True)
        self.console.say("On main the whole suite runs, recorded: which test executes and reads what.")
        suite: list[str | Path] = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            f"--junitxml={self.baseline / 'full-1-of-1.xml'}",
        ]
        script: list[str | Path] = [
            sys.executable,
            "-I",
            self.root / "scripts" / "index_tests.py",
            "--repo",
            self.folder,
        ]
        self.journal.run([*script, "--index", self.index, "--", *suite])

    def start(self, commit: str, digest: str, artifact: Path) -> Release:
        """Unpack an artifact and start it as a process of its own."""
        folder = unpack(artifact, self.out / "releases" / commit[:12])
        process, port_file = f"{NAME} {commit[:12]}", folder.with_suffix(".port")
        argv: list[str | Path] = [sys.executable, "-m", "storefront", "--port", "0", "--port-file", port_file]
        argv += ["--version", commit[:12], "--stop-with-stdin"]
        self.children.serve(process, argv, cwd=folder, log=folder.with_suffix(".log"), ready=port_file)
        return Release(commit, digest, process, f"http://127.0.0.1:{port_file.read_text(encoding='utf-8')}")

    def split(self, baseline: Release, canary: Release, folder: Path) -> Ports:
        """Start the proxy before two versions, all traffic to the baseline."""
        ports_file = folder / "ports.json"
        argv: list[str | Path] = [sys.executable, self.source / "weighted_proxy.py"]
        argv += ["--baseline", baseline.url, "--canary", canary.url, "--ports-file", ports_file]
        argv += ["--port", "0", "--control-port", "0", "--stop-with-stdin"]
        self.children.serve("proxy", argv, cwd=self.out, log=folder / "proxy.log", ready=ports_file)
        ports = json.loads(ports_file.read_text(encoding="utf-8"))
        return Ports(f"http://127.0.0.1:{ports['port']}", f"http://127.0.0.1:{ports['control_port']}")

    def send_shoppers(self, ports: Ports, seen: Path) -> None:
        """Start the load; it is bounded in time whatever becomes of the demo."""
        argv: list[str | Path] = [sys.executable, Path(__file__).parent / "traffic.py", "--out", seen]
        argv += ["--url", ports.traffic, "--rate", f"{self.rate:g}", "--seconds", f"{LOAD_SECONDS:g}"]
        argv.append("--stop-with-stdin")
        self.children.serve("shoppers", argv, cwd=self.out, log=seen.with_suffix(".log"), ready=seen)
