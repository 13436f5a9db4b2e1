"""How long a script takes to start, and what an action's environment costs, beside the seed's own line.

The seed is the proof of concept this project grew out of: each of its jobs ran
``pip install openai requests prometheus-api-client mlflow`` and imported all four.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import Figure, report

ROOT = Path(__file__).resolve().parent.parent
SEED = ("openai", "requests", "prometheus-api-client", "mlflow")
SEED_IMPORTS = "import openai, requests, prometheus_api_client, mlflow"


def seconds(command: list[str], *, runs: int = 1, **rest: object) -> float:
    """Median wall time of a command that must succeed; one run before is thrown away when runs > 1."""
    times = []
    for _ in range(runs + (runs > 1)):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, **rest)  # type: ignore[call-overload]
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:] if runs > 1 else times)


def megabytes(folder: Path) -> float:
    """What lies in a folder, each file once."""
    return (
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        / 1e6
    )


def packages(python: Path) -> int:
    """How many distributions an environment holds."""
    code = "import importlib.metadata as m; print(len(list(m.distributions())))"
    done = subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True)
    return int(done.stdout)


def script_starts(runs: int) -> list[Figure]:
    """Every script to the end of its --help: parser built, library imported, nothing fetched."""
    figures = []
    for path in sorted((ROOT / "scripts").glob("*.py")):
        value = seconds([sys.executable, "-I", str(path), "--help"], runs=runs)
        figures.append(Figure(f"{path.stem} starts", value, "s", n=runs, goal="<= 0.3"))
    return figures


def environments() -> list[Figure]:
    """The leanest action's environment made from nothing, and the seed's, in fresh folders without caches."""
    with tempfile.TemporaryDirectory() as folder:
        ours, seed = Path(folder, "ours"), Path(folder, "seed")
        ours.mkdir()
        environ = {"PATH": os.environ["PATH"], "HOME": folder, "RUNNER_TEMP": str(ours)}
        environ |= {key: value for key, value in os.environ.items() if "CERT" in key or "CA_BUNDLE" in key}
        launcher = ["bash", str(ROOT / "actions" / "run.sh"), "replay"]
        (Path(folder) / "workspace").mkdir()
        # Without arguments replay says that it wants a bundle, but only after all was installed.
        started = time.perf_counter()
        subprocess.run(launcher, cwd=Path(folder, "workspace"), env=environ, check=False, capture_output=True)
        ours_seconds = time.perf_counter() - started
        made = [path for path in ours.rglob("pyvenv.cfg") if "half" not in str(path)]
        if not made:
            raise SystemExit("the launcher made no environment; run it by hand to see why")
        ours_home = made[0].parent
        ours_python = ours_home / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", seed], check=True)
        pip = [str(seed / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-cache-dir", *SEED]
        seed_seconds = seconds(pip)
        seed_python = seed / "bin" / "python"
        imports = "import signalbox.cli"
        return [
            Figure("cold install of the leanest action", ours_seconds, "s", {"seed": seed_seconds}),
            Figure("its environment", megabytes(ours_home), "MB", {"seed": megabytes(seed)}),
            Figure(
                "all it leaves on the runner, uv included", megabytes(ours), "MB", {"seed": megabytes(seed)}
            ),
            Figure("its packages", packages(ours_python), "packages", {"seed": packages(seed_python)}),
            Figure(
                "its imports",
                seconds([str(ours_python), "-I", "-c", imports], runs=5),
                "s",
                {"seed": seconds([str(seed_python), "-I", "-c", SEED_IMPORTS], runs=5)},
                n=5,
            ),
        ]


def adoption() -> list[Figure]:
    """Lines of YAML in the storefront's caller workflow, comments and blank lines not counted."""
    caller = ROOT / "examples" / "storefront" / ".github" / "workflows" / "path-to-production.yml"
    lines = [
        line for line in caller.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    return [Figure("lines a caller writes", len(lines), "lines", goal="<= 10")]


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=9, help="starts of each script (default 9)")
    parser.add_argument("--offline", action="store_true", help="leave out what must be installed first")
    args = parser.parse_args()
    figures = script_starts(args.runs) + adoption()
    if not args.offline:
        figures += environments()
    return report("startup", figures)


if __name__ == "__main__":
    sys.exit(main())
