"""The plan from a large index: seconds and memory of select_tests.py for 100,000 tests over 5,000 files.

The repository and the index are made up (seeded): each test executes twenty footprints and imports five
modules; the change is one line of one function.

    python bench/selection_size.py [--tests 100000] [--files 5000]
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from results import Figure, report

from signalbox.selection.schema import APPLICATION_ID, LOOKUPS, TABLES, VERSION, pack_starts

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "select_tests.py"
SEED, RUNS, PER_FILE, FOOTPRINTS = 1, 5, 100, 8


def git(repo: Path, *arguments: str) -> str:
    """Run git in the made-up repository."""
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=repo, check=True, capture_output=True, text=True)
    return done.stdout


def make_repo(repo: Path, tests: int, files: int) -> dict[str, str]:
    """Write and commit it; path → blob id."""
    body = "".join(f"def f{k}():\n    return {k}\n\n" for k in range(30))
    names = [f"src/p{i // 50}/m{i}.py" for i in range(files)]
    names += [f"tests/test_{i}.py" for i in range(-(-tests // PER_FILE))]
    for name in names:
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(f"# {name}\n{body}")
    git(repo, "init", "-q", "-b", "main")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "one")
    rows = (line.split("\t") for line in git(repo, "ls-tree", "-r", "HEAD").splitlines())
    return {path: about.split()[2] for about, path in rows}


def make_index(path: Path, blobs: dict[str, str], tests: int) -> None:
    """Write the index of a recording that never was."""
    draw = random.Random(SEED)
    starts = pack_starts([(3 * k + 2, 0) for k in range(30)] + [(3 * k + 3, 4) for k in range(30)])
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};")
    connection.executescript(TABLES)
    sources = sorted(name for name in blobs if name.startswith("src/"))
    files = len(sources)

    def many(table: str, marks: int, rows: object) -> None:
        connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * marks)})", rows)

    suites = sorted(set(blobs) - set(sources))
    many("file", 4, ((i, name, blobs[name], starts) for i, name in enumerate(sources)))
    many("file", 4, ((files + i, name, blobs[name], None) for i, name in enumerate(suites)))
    many("node", 5, ((i, "import", name, i, None) for i, name in enumerate(sources)))
    many("node", 5, ((files + i, "test", "", None, None) for i in range(tests)))
    places = ((i, f"tests/test_{i // PER_FILE}.py") for i in range(tests))
    many("test", 6, ((files + i, f"{at}::test_{i}", at, "passed", 0.01, 0) for i, at in places))
    seen = (
        (k, k // FOOTPRINTS, draw.getrandbits(60).to_bytes(8, "little")) for k in range(files * FOOTPRINTS)
    )
    many("footprint", 3, seen)
    edges = ((draw.randrange(files * FOOTPRINTS), files + i) for i in range(tests) for _ in range(20))
    many("seen", 2, edges)
    many("uses", 2, ((draw.randrange(files), files + i) for i in range(tests) for _ in range(5)))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    meta = {"commit": "a" * 40, "recorded_at": now, "python": "3.11.7", "salt": "s", "complete": "yes"}
    many("meta", 2, (meta | {"rootdir": ".", "invocation": "."}).items())
    connection.commit()
    connection.executescript(LOOKUPS)
    connection.close()


def main() -> int:
    """Make it, plan five times, print the median."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tests", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=5_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        place = Path(folder)
        repo, index, policy = place / "repo", place / "index.sqlite", place / "policy.yml"
        repo.mkdir()
        blobs = make_repo(repo, args.tests, args.files)
        make_index(index, blobs, args.tests)
        size = index.stat().st_size / args.tests
        policy.write_text("selection: {audit-rate: 0}\n")
        changed = repo / "src/p0/m7.py"
        changed.write_text(changed.read_text().replace("return 5\n", "return 55\n"))
        git(repo, "commit", "-q", "-a", "-m", "two")
        command = [sys.executable, str(SCRIPT), "--base", "HEAD~1", "--index", str(index)]
        command += ["--config", str(policy), "--format", "json", "--out", str(place / "out.json")]
        seconds, memory = [], 0
        for _ in range(RUNS):
            began = time.perf_counter()
            with subprocess.Popen(command, cwd=repo, stdout=subprocess.DEVNULL) as process:
                _, status, used = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            seconds.append(time.perf_counter() - began)
            memory = max(memory, used.ru_maxrss)
            if process.returncode:
                raise SystemExit(f"select_tests.py ended with {process.returncode}")
    figures = [
        Figure("plan, median", sorted(seconds)[RUNS // 2], "s", n=RUNS, seed=SEED, goal="<= 1"),
        Figure("memory, peak", memory / 1024, "MB", n=RUNS, seed=SEED, goal="<= 300"),
        Figure("index", size, "bytes a test", n=args.tests, seed=SEED, goal="<= 2048"),
    ]
    return report("selection_size", figures)


if __name__ == "__main__":
    sys.exit(main())
