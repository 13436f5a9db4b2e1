"""What an action costs over its bare script: the same call by act in host mode, and typed in a shell.

Cold: the environment is made from nothing, as on a fresh hosted runner. Warm: it was kept (a second step
of the same job, or a self-hosted runner). What act itself takes, for a job whose step does nothing, is
taken away and shown beside it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from results import Figure, report

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/workflows")]
RUNS = 5
FILES = {"README.md": "# A shop\n", "shop.py": "PRICE = 1\n", "tests/test_shop.py": "def test_it(): pass\n"}


def seconds(call: Callable[[], object], runs: int) -> float:
    """Median wall time; with several runs one before is thrown away."""
    times = []
    for _ in range(runs + (runs > 1)):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:] if runs > 1 else times)


def main() -> int:
    """Measure two actions: one that only reads the work tree, one that also imports a reader's extra."""
    import library
    from act import Runner
    from caller import Repository

    from doubles.github import GitHubDouble

    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy = library.build(folder / "library" / "signalbox")
        with GitHubDouble(folder / "github") as double:
            double.add_repository("acme/shop")
            bare = double.state.git("acme/shop")
            bare.run("update-ref", "-d", "refs/heads/main")
            shop = Repository.create(folder / "work", bare.folder, FILES)
            (shop.path / "evidence").mkdir()
            for action, inputs, options in (
                ("select-tests", {}, []),
                ("score-artifact", {"evidence": "evidence"}, ["--evidence", "evidence"]),
            ):
                script = ROOT / "scripts" / f"{action.replace('-', '_')}.py"
                bare_call = [sys.executable, "-I", str(script), "--repo", str(shop.path), *options]

                def typed(call: list[str] = bare_call) -> None:
                    subprocess.run(call, cwd=shop.path, capture_output=True, check=False)

                tools = Path(tempfile.mkdtemp(dir=folder))

                def runner(kept: Path = tools) -> Runner:
                    return Runner(copy, Path(tempfile.mkdtemp(dir=folder)), kept, double)

                def used(action: str = action, inputs: dict[str, str] = inputs) -> None:
                    run = runner().use(shop, action, inputs)
                    if run.code:
                        raise SystemExit(run.explain())

                def nothing() -> None:
                    steps = {"runs-on": "ubuntu-latest", "steps": [{"run": "true"}]}
                    checked = runner()._as_caller(shop, {"use": steps}, {})
                    if checked.code:
                        raise SystemExit(checked.explain())

                cold = seconds(used, 1)
                warm, idle, plain = seconds(used, RUNS), seconds(nothing, RUNS), seconds(typed, RUNS)
                peers = {"the bare script": plain, "act alone": idle}
                figures += [
                    Figure(f"{action} over its script, cold", cold - idle - plain, "s", peers, goal="<= 5"),
                    Figure(
                        f"{action} over its script, warm", warm - idle - plain, "s", peers, RUNS, goal="<= 5"
                    ),
                ]
    return report("overhead", figures)


if __name__ == "__main__":
    sys.exit(main())
