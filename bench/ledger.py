"""make bench-ledger: what concurrent and killed writers lose, what recording costs, how long a report takes.

    python bench/ledger.py [--writers 100] [--events 1000]

Each writer is a process of its own. In the folder it records events one by one; in git it writes a ref for
every hundred, as runs do. Some are killed in the middle; what they had been told is recorded must be there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import Figure, report

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from doubles.records import bundle, outcome  # noqa: E402
from signalbox.decision import sha256_hex  # noqa: E402
from signalbox.ledger import FolderLedger, GitLedger  # noqa: E402
from signalbox.ledger.compact import compact, verify  # noqa: E402

BATCH = 100
_AT = "2026-02-01T00:00:00Z"
_TEMPLATES = {kind: bundle(kind, id="IDENTITY", decided_at=_AT) for kind in ("promotion", "rollout")}


def made(ident: str, kind: str = "rollout", day: int = 1) -> tuple[str, bytes]:
    """A bundle and its name, quicker than deciding and encoding each."""
    data = _TEMPLATES[kind].replace(b"IDENTITY", ident.encode())
    data = data.replace(b"b" * 64, sha256_hex(ident.lstrip("pr").encode()).encode())
    data = data.replace(b"2026-02-01T", b"2026-02-%02dT" % day)
    return f"decisions/2026/02/{day:02}/{kind}-{ident}.{sha256_hex(data)[:32]}.json", data


def write(url: str, writer: int, events: int, told: Path) -> None:
    """Record and note what was recorded, each name only after the store had it."""
    with told.open("w", encoding="utf-8") as notes:
        if url.startswith("git:"):
            git = GitLedger(Path(url[4:]), run=f"{writer}-1")
            batch = min(BATCH, max(1, events // 10))
            for start in range(0, events, batch):
                files = dict(
                    made(f"w{writer}-e{i}", day=1 + writer % 28)
                    for i in range(start, min(start + batch, events))
                )
                git.write(files)
                notes.write("".join(f"{name}\n" for name in files))
                notes.flush()
            return
        folder = FolderLedger(Path(url))
        for index in range(events):
            notes.write(folder.record(made(f"w{writer}-e{index}", day=1 + writer % 28)[1]) + "\n")
            notes.flush()


def at_once(url: str, writers: int, events: int, scratch: Path, *, killed: int) -> tuple[set[str], float]:
    """Names that the writers were told are recorded, and the seconds; the first `killed` are killed."""
    context = multiprocessing.get_context("fork")
    notes = [scratch / f"{writer}.txt" for writer in range(writers)]
    started = time.perf_counter()
    # Those that will be killed have more to write than they can finish before.
    running = [
        context.Process(
            target=write, args=(url, writer, events * (1000 if writer < killed else 1), notes[writer])
        )
        for writer in range(writers)
    ]
    for process in running:
        process.start()
    waiting = list(zip(running[:killed], notes, strict=False))
    while waiting:
        # Each as soon as it has recorded something, so that it is in the middle of the rest.
        ready = [pair for pair in waiting if pair[1].is_file() and pair[1].stat().st_size]
        for process, _ in ready:
            process.kill()
        waiting = [pair for pair in waiting if pair not in ready]
        time.sleep(0.005)
    for process in running:
        process.join()
    if sum(process.exitcode == -9 for process in running) != killed:
        raise SystemExit("not every writer that was to be killed was killed")
    took = time.perf_counter() - started
    # A line without its end was cut off by the kill.
    lines = [line for note in notes for line in note.read_text().splitlines(keepends=True)]
    return {line.strip() for line in lines if line.endswith("\n")}, took


def losses(writers: int, events: int) -> list[Figure]:
    """Of what was acknowledged, what cannot be read back; in both stores, with and without kills."""
    figures = []
    for kind, killed in (("folder", 0), ("git", 0), ("folder", writers // 4), ("git", writers // 4)):
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            place = scratch / "ledger"
            if kind == "git":
                subprocess.run(["git", "init", "-q", "--bare", str(place)], check=True)
            # A folder syncs every record to the disk, so a tenth of the events is enough to wait for.
            count = max(1, events // 10) if killed or kind == "folder" else events
            url = f"git:{place}" if kind == "git" else str(place)
            told, took = at_once(url, writers, count, scratch, killed=killed)
            ledger = GitLedger(place) if kind == "git" else FolderLedger(place)
            reading = ledger.decisions()
            lost = len(told - {entry.name for entry in reading.entries})
            what = f"{kind}, {writers} writers x {count} events" + (f", {killed} killed" if killed else "")
            figures.append(Figure(f"lost: {what}", lost, "records", {}, len(told), goal="<= 0"))
            figures.append(
                Figure(f"damaged: {what}", len(reading.damaged), "records", {}, len(told), goal="<= 0")
            )
            figures.append(Figure(f"seconds: {what}", took, "s", {}, len(told)))
            if isinstance(ledger, GitLedger) and not killed:
                started = time.perf_counter()
                done = compact(ledger, seconds=1_772_700_000, retention_days=730)
                took = time.perf_counter() - started
                kept = done.manifest.records if done.manifest else 0
                figures.append(Figure("lost by the compaction", len(told) - kept, "records", goal="<= 0"))
                figures.append(Figure("seconds of the compaction", took, "s", {}, kept))
                figures.append(Figure("flaws of its chain", len(verify(ledger)), "flaws", goal="<= 0"))
    return figures


def speed() -> list[Figure]:
    """One record in process, and the report over 10,000 runs as its command."""
    with tempfile.TemporaryDirectory() as scratch:
        ledger = FolderLedger(Path(scratch) / "one")
        took = []
        for index in range(200):
            data = bundle(id=f"s{index}")
            started = time.perf_counter()
            ledger.record(data)
            took.append(1000 * (time.perf_counter() - started))
        # 10,000 runs, each a promotion and its rollout; what came of one in two is known.
        place = Path(scratch) / "git"
        subprocess.run(["git", "init", "-q", "--bare", str(place)], check=True)
        git = GitLedger(place)
        files: dict[str, bytes] = {}
        for index in range(10_000):
            for kind in ("promotion", "rollout"):
                name, data = made(f"{kind[0]}{index}", kind, 1 + index % 28)
                files[name] = data
            if index % 2:
                ident, label = f"o{index}", "bad" if index % 50 == 1 else "clean"
                data = outcome(id=ident, decision=f"p{index}", label=label)
                files[f"outcomes/2026/03/05/outcome-{ident}.{sha256_hex(data)[:32]}.json"] = data
        git.write(files)
        command = [sys.executable, str(ROOT / "scripts/report_health.py"), "--ledger", f"git:{place}"]
        page = Path(scratch) / "report.html"
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run(
            [*command, "--now", "2026-03-01T00:00:00Z", "--out", str(page), "--repo", scratch],
            check=True,
            capture_output=True,
        )
        seconds = time.perf_counter() - started
        worked = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        size = page.stat().st_size / 1000
    return [
        Figure("recording a decision", statistics.median(took), "ms, median", {}, len(took), goal="<= 100"),
        Figure("report of 10,000 runs", seconds, "s", {}, len(files), goal="<= 5"),
        Figure("its processor time", worked, "s", {}, len(files)),
        Figure("its page", size, "kB", {}, 1, goal="<= 900"),
    ]


_LOADED = """
import runpy, sys
script, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = script
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as ended:
    code = ended.code
paths = {n.partition(".")[0]: getattr(m, "__file__", "") or "" for n, m in list(sys.modules.items())}
found = {name for name, path in paths.items() if "site-packages" in path}
print("LOADED", code, *sorted(found), file=sys.stderr)
"""


def packages() -> Figure:
    """What record_telemetry.py imports to record a run, beyond the core's two packages."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "decisions").mkdir()
        (Path(scratch) / "decisions" / "one.json").write_bytes(bundle(id="one"))
        script = str(ROOT / "scripts/record_telemetry.py")
        command = [sys.executable, "-c", _LOADED, script, "--decisions", "decisions", "--ledger", "ledger"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=True)
    _, code, *names = done.stderr.splitlines()[-1].split()
    if code != "0":
        raise SystemExit(f"recording ended with {code}: {done.stderr}")
    # msgspec takes typing_extensions where it happens to be, as in an environment of developers.
    beyond = {name for name in names if not name.startswith("_")} - {"msgspec", "yaml", "typing_extensions"}
    return Figure("packages beyond the core to record a run", len(beyond), "packages", goal="<= 0")


def main() -> int:
    """Everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--writers", type=int, default=100)
    parser.add_argument("--events", type=int, default=1000)
    args = parser.parse_args()
    return report("ledger", [packages(), *speed(), *losses(args.writers, args.events)])


if __name__ == "__main__":
    sys.exit(main())
