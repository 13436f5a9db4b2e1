"""A published project as the selection benches use it: an environment, a checkout, its suite, its index."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parent / "scripts"
CACHE = HERE.parent / ".cache" / "bench"


class About(NamedTuple):
    """A pinned release: its requirement, the folder of its code, what its suite needs, where it is made."""

    release: str
    code: str
    needs: tuple[str, ...]
    home: str
    until: str
    """The tag at which the stretch of real changes ends."""


PROJECTS = {
    "sqlparse": About("sqlparse==0.5.3", "sqlparse", (), "andialbrecht/sqlparse", "0.5.3"),
    "boltons": About("boltons==25.0.0", "boltons", (), "mahmoud/boltons", "25.0.0"),
    "marshmallow": About(
        "marshmallow==4.0.0", "src", ("simplejson",), "marshmallow-code/marshmallow", "3.23.0"
    ),
    "click": About("click==8.2.1", "src", (), "pallets/click", "8.2.1"),
    "jinja": About("jinja2==3.1.6", "src", ("markupsafe", "trio"), "pallets/jinja", "3.1.6"),
}
PEERS = ("pytest-testmon==2.2.0", "pytest-impacted==0.36.0", "pytest-selective==0.4.1")

# Which tests fail, whatever they do to the output; one that never ends is ended and has failed.
REPORT = """
import json, os, signal
bad, ran, limit = set(), [], [float(os.environ.get("FAILED_LIMIT", "20"))]
class Endless(BaseException): pass
def ended(*_):
    limit[0] = max(0.5, limit[0] / 4)
    raise Endless("this test never ends")
def pytest_runtest_setup(item):
    signal.signal(signal.SIGALRM, ended)
    signal.setitimer(signal.ITIMER_REAL, limit[0])
def pytest_runtest_logfinish(nodeid, location):
    signal.setitimer(signal.ITIMER_REAL, 0)
def pytest_runtest_logreport(report):
    if report.when == "setup":
        ran.append(report.nodeid)
    if report.failed:
        bad.add(report.nodeid)
def pytest_collectreport(report):
    if report.failed:
        bad.add("collection:" + report.nodeid)
def pytest_unconfigure(config):
    with open(os.environ["FAILED_OUT"], "w") as file:
        json.dump({"failed": sorted(bad), "ran": ran}, file)
"""
# Which numbered places each test comes by, in this process or in one that it starts.
FLOOR = """
import os
place = os.open(os.environ["FLOOR_OUT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
known = set()
def hit(number):
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    if (number, test) not in known:
        known.add((number, test))
        os.write(place, ("%d %r\\n" % (number, test)).encode())
"""


class Run(NamedTuple):
    """One run of pytest: seconds of CPU and of the clock, exit code, node ids that failed and that ran."""

    cpu: float
    seconds: float
    code: int
    failed: frozenset[str]
    ran: tuple[str, ...]


class Project:
    """One project in ``folder``, at its release, with an environment shared between runs of the bench."""

    def __init__(self, name: str, folder: Path, python: str = "", source: Path | None = None) -> None:
        self.name, self.about = name, PROJECTS[name]
        self.start(folder, environment(name, python or sys.executable, PROJECTS[name].needs))
        if source is None:
            self._release()
        else:
            subprocess.run(["git", "clone", "-q", source, self.repo], check=True)
        (self.repo / ".git/info/exclude").write_text("__pycache__/\n.pytest_cache/\n.testmondata*\n")
        if source is None:
            self.commit("release")

    def start(self, folder: Path, python: Path) -> None:
        """Make the folder, with what the runs need beside the checkout."""
        self.python = python
        self.folder = folder / self.name
        self.repo = self.folder / "repo"
        self.index = self.folder / "index.sqlite"
        self.repo.parent.mkdir(parents=True)
        (self.folder / "_floor.py").write_text(FLOOR)
        (self.folder / "_failed.py").write_text(REPORT)
        (self.folder / "policy.yml").write_text("selection: {audit-rate: 0}\n")

    def _release(self) -> None:
        store = CACHE / "sdists"
        store.mkdir(parents=True, exist_ok=True)
        wanted, _, version = self.about.release.partition("==")
        if not list(store.glob(f"{wanted}-{version}.tar.gz")):
            download = ("-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", store)
            subprocess.run([self.python, *download, self.about.release], check=False)
        (archive,) = store.glob(f"{wanted}-{version}.tar.gz")
        with tarfile.open(archive) as file:
            file.extractall(self.folder, filter="data")
        next(self.folder.glob(f"{wanted}-{version}")).rename(self.repo)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        """Run git in the project."""
        who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.repo, check=True, capture_output=True, text=True
        )
        return done.stdout

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, "--allow-empty")

    def back(self) -> None:
        """The release again, and nothing else."""
        self.git("checkout", "-q", "-f", "main")
        self.git("clean", "-q", "-f", "-d")

    def environ(self, **more: str) -> dict[str, str]:
        """An environment without anybody else's settings for Python."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "PYTHON", "SIGNALBOX_"))}
        code = self.repo / self.about.code if self.about.code == "src" else self.repo
        paths = os.pathsep.join([str(code), str(self.folder)])
        return kept | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": ""} | more

    def command(self, *arguments: str, peer: str = "") -> list[str]:
        """pytest without the peers' plugins, or with one of them."""
        off = [f"-pno:{name}" for name in ("testmon", "impacted", "selective") if name != peer]
        return [str(self.python), "-m", "pytest", "-q", "--tb=no", *off, *arguments]

    def pytest(self, *arguments: str, limit: float = 150, peer: str = "", **environ: str) -> Run:
        """Run the suite, or the tests that ``arguments`` name. `subprocess.TimeoutExpired` past ``limit``."""
        out = self.folder / "failed.json"
        out.unlink(missing_ok=True)
        named = [] if any(a == "tests" or a.startswith(("tests/", "@")) for a in arguments) else ["tests"]
        cpu, began = spent(), time.perf_counter()
        done = subprocess.run(
            self.command("-p", "_failed", *arguments, *named, peer=peer),
            cwd=self.repo,
            env=self.environ(FAILED_OUT=str(out), **environ),
            capture_output=True,
            timeout=limit,
            check=False,
        )
        seconds = time.perf_counter() - began
        told = json.loads(out.read_text()) if out.exists() else {"failed": [], "ran": []}
        return Run(spent() - cpu, seconds, done.returncode, frozenset(told["failed"]), tuple(told["ran"]))

    def plain(self) -> float:
        """CPU seconds of the suite as anybody runs it."""
        cpu = spent()
        self._quiet([*self.command(), "tests"])
        return spent() - cpu

    def record(self) -> float:
        """Record the index; CPU seconds, reading the recording and writing the index included."""
        cpu = spent()
        script = (SCRIPTS / "index_tests.py", "--index", self.index, "--repo", self.repo, "--")
        done = self._quiet([sys.executable, *script, *self.command(), "tests"])
        if not self.index.exists():
            raise SystemExit(f"{self.name}: nothing recorded:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return spent() - cpu

    def _quiet(self, command: Sequence[object]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(map(str, command)), cwd=self.repo, env=self.environ(), capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    def select(self, base: str = "main") -> tuple[dict[str, Any], float]:
        """The decision for HEAD against ``base``, and the seconds it took by the clock."""
        out = self.folder / "plan.json"
        about = (
            "--base",
            base,
            "--index",
            self.index,
            "--out",
            out,
            "--tests-out",
            self.folder / "tests.txt",
        )
        more = ("--seed", "bench", "--config", self.folder / "policy.yml")
        began = time.perf_counter()
        done = self._quiet([sys.executable, SCRIPTS / "select_tests.py", *about, *more])
        seconds = time.perf_counter() - began
        if done.returncode != 0:
            raise SystemExit(f"{self.name}: no plan:\n{done.stderr[-2000:]}")
        return json.loads(out.read_text()), seconds

    def known(self) -> dict[str, tuple[float, str]]:
        """Recorded node ids → (seconds, outcome)."""
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(self.index)) as connection:
            rows = connection.execute("SELECT nodeid, seconds, outcome FROM test").fetchall()
        return {nodeid: (seconds, outcome) for nodeid, seconds, outcome in rows}


def chosen(decision: dict[str, Any], known: Iterable[str]) -> set[str]:
    """Which of the ``known`` tests a decision runs."""
    plan = decision["outputs"]["test_plan"]
    if plan["full_suite"] or any(suite["how"] == "all" for suite in plan["suites"]):
        return set(known)
    return set(plan["tests"]) & set(known)


def spent() -> float:
    """CPU seconds of all children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def environment(name: str, python: str, needs: Sequence[str]) -> Path:
    """A virtual environment for a project's suite, with the peers in it where they install; made once."""
    version = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    place = CACHE / f"suite-{name}-{version}"
    found = place / "bin" / "python"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([python, "-m", "venv", place], check=True)
        peers = PEERS if version == "3.11" else ()
        wanted = ["pytest>=8.2,<9", *needs, *peers]
        subprocess.run([found, "-m", "pip", "install", "-q", *wanted], check=True)
        (place / "ready").touch()
    return found
